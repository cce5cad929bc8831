"""Planning a study beside planning the same graph in bare Snakemake.

For each size: the processor time and memory of a plan with nothing made, and of a plan with
everything made (a no-op). Files are empty and recorded with `--touch`, so that nothing needs to
run. Rules, files and profile are the same on both sides; ours adds settings, code digests, logs
and checks.

    python benchmarks/dag.py [--cells 100 1000 10000]
"""

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
SIDES = ("ours", "bare")
VARIANTS = ["original", "variant1", "variant2", "variant3"]
SCHEMES = ["float32", "drq", "fiq_int8", "fiq_uint8", "fiq_float32"]
CELLS_PER_MODEL = len(VARIANTS) * len(SCHEMES)
TARGET = "all"
# Marks all as made. With cores for every job at once the scheduler, whose time grows with the
# square of the jobs that wait, has few rounds; predictions would take all cores, one at a time.
RECORD = (
    *("--touch", "--forceall", "--quiet", "all"),
    *("--cores", "1000000", "--set-threads", "predict_litert=1"),
)
# Snakemake sleeps a tenth of a second before it touches a job's files: an hour for 10,000 cells.
PROGRAM = """
from snakemake.cli import main
from snakemake.executors.touch import Executor
Executor.SLEEPING_TIME = 0
main()
"""
STAGES = {
    "models": ("model.h5", "history.csv", "stats.json"),
    "tflite": ("model.tflite", "contract.json"),
    "predictions": ("litert.npz",),
    "verify": ("certificate.json",),
    "metrics": ("litert.json",),
}
# What is made of a cell to look into it.
LOOKED_INTO = {
    "fiq_int8": ("layers.csv", "trace.csv", "mistakes.json"),
    "fiq_uint8": ("mistakes.json",),
}


class Cost(NamedTuple):
    """What a command took: processor time, which other work on the machine hardly changes."""

    seconds: float
    mib: float


def study(models: int) -> dict:
    """Make the configuration of a study of so many models, in all variants and schemes."""
    names = [f"model{i}" for i in range(models)]
    finetuned = {"method": "finetune", "parent": "original", "training": {"epochs": 1}}
    return {
        "models": {name: {"architecture": "fc", "dataset": "digits"} for name in names},
        "variants": dict.fromkeys(VARIANTS[1:], finetuned),
        "study": [{"models": names, "variants": VARIANTS, "schemes": SCHEMES}],
    }


def make_project(side: str, folder: Path, models: int) -> None:
    """Lay out one side: a Snakefile, its configuration and the profile."""
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    (folder / "results").mkdir()
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    if side == "bare":
        shutil.copy(ROOT / "benchmarks/bare.smk", folder / "Snakefile")
        config = {"models": models, "variants": len(VARIANTS)}
    else:
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "src", folder / "src")
        # As after any first run, so that planning is measured and not compiling.
        compileall.compile_dir(folder / "src", quiet=1)
        config = study(models)
    (folder / "large.yaml").write_text(yaml.safe_dump(config))


def make_files(folder: Path, models: int) -> None:
    """Write every file of the study, empty."""
    results = folder / "results"
    splits = ("train.npz", "val.npz", "test.npz", "calib.npz", "record.json")
    files = [results / "data/digits" / name for name in splits]
    reports = ("metrics.csv", "seeds.csv", "metrics.md", "index.html", "gate.json", "gate.passed")
    files += [results / "report" / name for name in reports]
    files += [results / name for name in ("vega.js", "manifest.json")]
    (results / "report/figures").mkdir(parents=True)
    for model in range(models):
        for variant in VARIANTS:
            place = Path(f"model{model}", variant)
            files += [results / "models" / place / name for name in STAGES["models"]]
            files.append(results / "verify" / place / "network.npz")
            for scheme in SCHEMES:
                integer = ("verify",) if scheme.startswith("fiq") else ()
                for stage in ("tflite", "predictions", "metrics", *integer):
                    files += [results / stage / place / scheme / name for name in STAGES[stage]]
                files += [
                    results / "debug" / place / scheme / name
                    for name in LOOKED_INTO.get(scheme, ())
                ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def snakemake(folder: Path, *options: str) -> tuple[str, Cost]:
    """Run Snakemake in a folder; give what it printed, and its cost."""
    command = [sys.executable, "-c", PROGRAM, TARGET, *options, "--configfile", "large.yaml"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = used.ru_utime + used.ru_stime
        output.seek(0)
        text = output.read()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return text, Cost(seconds, used.ru_maxrss / 1024)


def planned(text: str) -> int:
    """Read the number of jobs from what a dry run printed."""
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("total")))


def measure(models: int) -> dict[str, dict[str, Cost]]:
    """Plan and re-plan both sides; give side, then step, then cost."""
    costs: dict[str, dict[str, Cost]] = {}
    jobs = {}
    for side in SIDES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_project(side, folder, models)
            dry = ("--dry-run", "--quiet", "rules")
            text, plan = snakemake(folder, *dry)
            jobs[side] = planned(text)
            make_files(folder, models)
            snakemake(folder, *RECORD)
            text, no_op = snakemake(folder, *dry)
            if "Nothing to be done" not in text:
                raise SystemExit(f"{side}: not a no-op:\n{text[-3000:]}")
            costs[side] = {"plan": plan, "no-op": no_op}
    if len(set(jobs.values())) != 1:
        raise SystemExit(f"the graphs differ: {jobs} jobs")
    print(f"{models * CELLS_PER_MODEL} cells, {jobs['ours']} jobs", flush=True)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 1000, 10000])
    arguments = parser.parse_args()
    print("cells   step    s ours   s bare   ratio   MiB ours   MiB bare   ratio")
    for cells in arguments.cells:
        costs = measure(max(1, cells // CELLS_PER_MODEL))
        for step in ("plan", "no-op"):
            ours, bare = costs["ours"][step], costs["bare"][step]
            print(
                f"{cells:5}   {step:5}  {ours.seconds:7.1f}  {bare.seconds:7.1f}  "
                f"{ours.seconds / bare.seconds:6.2f}  {ours.mib:9.0f}  {bare.mib:9.0f}  "
                f"{ours.mib / bare.mib:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
