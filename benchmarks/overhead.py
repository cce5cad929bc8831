"""Time the default study: job-seconds of each rule, wall time, and their ratios.

Work is the sum of the job-seconds that the jobs report at the end of their logs. A run without
overhead takes work / cores of wall time. The study is made with the fork server, and then without.

    python benchmarks/overhead.py [--cores 2] [--skip-cold]

With `--against`, the same study is first made with the code of another revision:

    python benchmarks/overhead.py --against REVISION --skip-cold

Each run starts from nothing in a temporary folder, which is removed unless a run fails. Options
that are not listed by `--help` are passed to Snakemake.
"""

import argparse
import compileall
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parent.parent
TOOK = re.compile(r"^took (\d+\.\d+) s, peak memory \d+ MiB$", re.MULTILINE)
SCHEMA = "config.schema.yaml"
CELL = ["model", "variant", "scheme", "runtime"]
# Reads everything that is slow to import from the disk once, so that the first run has no
# disadvantage, and prints which package a checkout's jobs import.
WARM_UP = """
import tensorflow, tensorflow_model_optimization, quantizeml, cnn2snn
import snugnet
print(snugnet.__path__[0])
"""


@dataclass(frozen=True)
class Run:
    """One run of the study: its title, the checkout that it uses, and its configuration."""

    title: str
    checkout: Path
    config: dict[str, Any]
    folder: Path

    @property
    def log(self) -> Path:
        """The file that keeps Snakemake's output."""
        return self.folder.with_suffix(".log")


@dataclass(frozen=True)
class Result:
    """Measurements of a run."""

    wall: float
    """Seconds from the start of Snakemake to its end."""
    work: dict[str, list[float]]
    """Seconds of each job, by rule."""
    cells: frozenset[tuple[str, ...]]
    """The rows of the results: model, variant, scheme and runtime."""

    @property
    def total(self) -> float:
        """Job-seconds of all rules."""
        return sum(map(sum, self.work.values()))


def environment(checkout: Path) -> dict[str, str]:
    """Return the environment of a run: the package of `checkout`, with cached bytecode."""
    removed = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return {**kept, "PYTHONPATH": str(checkout / "src"), "TF_USE_LEGACY_KERAS": "1"}


def export(revision: str, folder: Path) -> Path:
    """Write the files of a Git revision to a folder, or return the checkout `revision` names."""
    checkout = Path(revision)
    if (checkout / "Snakefile").is_file():
        return checkout.resolve()
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", revision]
    archive = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def describe(*revision: str, checkout: Path = ROOT) -> str:
    """Return the short name of a revision, or of the files in a checkout; "" without Git."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--exclude=*"]
    command += revision or ("--dirty",)
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def read_config(overlays: list[Path]) -> dict[str, Any]:
    """Read config.yaml with other configuration files laid over it, as Snakemake does it."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    for path in overlays:
        update_config(config, yaml.safe_load(path.read_text()))
    datasets = ROOT / config.get("datasets_dir", "datasets")
    # The profile expects Snakemake's records below this folder.
    return {**config, "results_dir": "results", "datasets_dir": str(datasets.resolve())}


def drop_unknown_keys(config: dict[str, Any], checkout: Path) -> Iterator[str]:
    """Delete the keys of a configuration that a checkout's schema does not know; yield each."""
    # It may be in the package or beside the rules, depending on the revision.
    paths = [path for part in ("workflow", "src") for path in (checkout / part).rglob(SCHEMA)]
    if not paths:  # a newer revision, whose settings are records
        return
    schema = yaml.safe_load(paths[0].read_text())
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(config))
    for error in errors:
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            for key in [key for key in error.instance if key not in known]:
                del error.instance[key]
                yield f"{error.json_path.removeprefix('$.')}.{key}".removeprefix("$.")


def snakemake(run: Run, *options: str) -> float:
    """Run Snakemake on all targets of a study; return the seconds that it took."""
    run.folder.mkdir(exist_ok=True)
    (run.folder / "config.yaml").write_text(yaml.safe_dump(run.config, sort_keys=False))
    # Started in the checkout, where Snakemake looks for the Snakefile and the default profile.
    command = [sys.executable, "-m", "snakemake", "all", *options, "--directory", str(run.folder)]
    start = time.perf_counter()
    with run.log.open("w") as log:
        status = subprocess.run(
            command,
            cwd=run.checkout,
            env=environment(run.checkout),
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(
            f"The run '{run.title}' failed with exit code {status}. Its log is {run.log}, "
            f"its files are in {run.folder}."
        )
    return seconds


def warm_up(checkout: Path) -> None:
    """Compile a checkout, import all packages once, and check that its own code is imported."""
    compileall.compile_dir(checkout / "src", quiet=2)
    command = [sys.executable, "-P", "-c", WARM_UP]
    imported = subprocess.run(
        command, env=environment(checkout), capture_output=True, text=True, check=True
    ).stdout.split("\n")[-2]
    if Path(imported).resolve() != (checkout / "src/snugnet").resolve():
        raise SystemExit(f"{checkout}: its jobs would import the code of {imported}.")


def read_work(results: Path) -> dict[str, list[float]]:
    """Read from the logs of all jobs how many seconds they took, by rule."""
    work: dict[str, list[float]] = {}
    for log in sorted((results / "logs").rglob("*.log")):
        name = log.relative_to(results / "logs")
        took = TOOK.search(log.read_text(errors="replace"))
        if took is not None:
            work.setdefault(name.parts[0].removesuffix(".log"), []).append(float(took[1]))
        elif (results / "benchmarks" / name).with_suffix(".tsv").exists():  # it is a job's log
            raise SystemExit(f"{log}: the line 'took … s, peak memory … MiB' is missing.")
    return work


def measure(run: Run, options: list[str]) -> Result:
    """Make the study of a run from nothing."""
    print(f"running: {run.title}", file=sys.stderr, flush=True)
    wall = snakemake(run, *options)
    results = run.folder / "results"
    rows = pd.read_csv(results / "report/metrics.csv")
    cells = frozenset(rows[CELL].itertuples(index=False, name=None))
    return Result(wall, read_work(results), cells)


def print_rules(results: dict[str, Result]) -> None:
    """Print jobs and job-seconds of each rule in each run, and new / old if both were run."""
    compared = "old" in results
    titles = [f"jobs {title}" for title in results] + [f"s {title}" for title in results]
    titles += ["new / old"] if compared else []
    print(f"{'rule':20}" + "".join(f"{title:>11}" for title in titles))
    rules = sorted({rule for result in results.values() for rule in result.work})
    for rule in [*rules, "total"]:
        jobs, seconds = [], []
        for result in results.values():
            total = [second for job in result.work.values() for second in job]
            values = total if rule == "total" else result.work.get(rule, [])
            jobs.append(len(values))
            seconds.append(sum(values))
        line = f"{rule:20}" + "".join(f"{count:11}" for count in jobs)
        line += "".join(f"{second:11.1f}" for second in seconds)
        if compared:
            both = all(seconds[:2])
            line += f"{seconds[1] / seconds[0]:11.2f}" if both else f"{'-':>11}"
        print(line)


def print_walls(results: dict[str, Result], cores: int) -> None:
    """Print the wall time of each run beside its work, and the ratios between the runs."""
    new = results["new"]
    for title, result in results.items():
        # Without the fork server, job-seconds hold imports, which are no work.
        work = new.total if title == "cold" else result.total
        print(
            f"{title}: {result.wall:.1f} s of wall time, {result.wall * cores / work:.2f} times "
            f"work / cores = {work:.1f} s / {cores}"
        )
    if "old" in results:
        old = results["old"]
        print(
            f"new / old = {new.total / old.total:.3f} of job-seconds, "
            f"{new.wall / old.wall:.3f} of wall time"
        )
    if "cold" in results:
        print(f"cold / new = {results['cold'].wall / new.wall:.2f} of wall time")


def print_cells(results: dict[str, Result]) -> None:
    """Print the number of rows in the results of each run, and the rows that not all have."""
    counts = ", ".join(f"{title} {len(result.cells)}" for title, result in results.items())
    print(f"rows of metrics.csv: {counts}")
    every = frozenset[tuple[str, ...]]().union(*(result.cells for result in results.values()))
    for title, result in results.items():
        if missing := every - result.cells:
            names = ", ".join("/".join(cell) for cell in sorted(missing))
            print(f"NOT THE SAME STUDY: {title} has no rows for {names}")


def print_digests(runs: list[Run]) -> None:
    """Print how many results of each later run have the digest that the first run gave them."""
    first, *others = runs
    expected = read_digests(first)
    for run in others:
        digests = read_digests(run)
        both = expected.keys() & digests.keys()
        different = sorted(name for name in both if expected[name] != digests[name])
        print(
            f"digests of results: {len(both) - len(different)} of {len(both)} are the same in "
            f"{run.title} and {first.title}; {len(digests.keys() ^ expected.keys())} in one only"
        )
        for kind, count in Counter(map(kind_of, different)).most_common():
            example = next(name for name in different if kind_of(name) == kind)
            print(f"  {count} different: {kind}, such as {example}")


def kind_of(name: str) -> str:
    """Return the stage and the file name of a result."""
    return f"{name.partition('/')[0]}/.../{name.rpartition('/')[2]}"


def read_digests(run: Run) -> dict[str, str]:
    """Read the digests of a run's results from its manifest, by path."""
    manifest = json.loads((run.folder / "results" / "manifest.json").read_text())
    return dict(manifest["results"])


def plan_runs(arguments: argparse.Namespace, folder: Path) -> list[Run]:
    """List the runs in their order, each with its checkout and configuration."""
    runs = []
    config = read_config(arguments.configfile)
    if arguments.against is not None:
        checkout = export(arguments.against, folder / "checkout")
        old_config = read_config(arguments.configfile)
        for key in drop_unknown_keys(old_config, checkout):
            print(f"{key}: unknown to {arguments.against}, left out of its configuration")
        runs.append(Run("old", checkout, old_config, folder / "old"))
        is_folder = Path(arguments.against).is_dir()
        name = describe(checkout=checkout) if is_folder else describe(arguments.against)
        print(f"old: {arguments.against} {name}")
    runs.append(Run("new", ROOT, config, folder / "new"))
    print(f"new: {describe()}")
    if not arguments.skip_cold:
        runs.append(Run("cold", ROOT, {**config, "fork_server": False}, folder / "cold"))
        print("cold: new, without the fork server")
    return runs


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line; return the options for Snakemake too."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cores", type=int, default=2, help="Number of cores (default: 2).")
    parser.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="Configuration files that are laid over config.yaml (default: none).",
    )
    parser.add_argument(
        "--against",
        metavar="REVISION",
        help="Git revision, or folder of another checkout, that is run first with the same cells.",
    )
    parser.add_argument(
        "--skip-cold", action="store_true", help="Leave out the run without the fork server."
    )
    parser.add_argument("--keep", action="store_true", help="Keep the results of all runs.")
    arguments, others = parser.parse_known_args()
    old = arguments.against
    if old is not None and not (Path(old) / "Snakefile").is_file() and not describe(old):
        parser.error(f"--against {old}: neither a Git revision nor a folder with a Snakefile")
    return arguments, others


def main() -> None:
    arguments, others = parse_arguments()
    folder = Path(tempfile.mkdtemp(prefix="snugnet-overhead-"))
    runs = plan_runs(arguments, folder)
    options = ["--cores", str(arguments.cores), *others]
    for run in runs:  # a configuration that is refused ends here, before the long runs
        snakemake(run, "--dry-run", "--quiet", "all", *options)
        shutil.rmtree(run.folder)
    for checkout in dict.fromkeys(run.checkout for run in runs):
        warm_up(checkout)
    results = {run.title: measure(run, options) for run in runs}
    print_rules(results)
    print_walls(results, arguments.cores)
    print_cells(results)
    print_digests(runs)
    if arguments.keep:
        print(f"results are kept in {folder}")
    else:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
