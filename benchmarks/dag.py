"""Measure planning a study with Snugnet's workflow and with the same graph in plain Snakemake.

For each size, the script measures processor time and memory of two plans: before any file exists,
and after all files have been made (a no-op). Both sides take turns, and the smallest time counts.
The files are empty and recorded with `--touch`, so no job runs. Jobs, files and profile are the
same on both sides. Snugnet adds settings, code digests, logs and checks.

    python benchmarks/dag.py [--cells 100 1000 10000] [--repeats 3]
"""

import argparse
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
SIDES = ("snugnet", "bare")
VARIANTS = ["original", "variant1", "variant2", "variant3"]
SCHEMES = ["float32", "drq", "fiq_int8", "fiq_uint8", "fiq_float32"]
CELLS_PER_MODEL = len(VARIANTS) * len(SCHEMES)
TARGET = "all"
# Record all files as made. The time of the scheduler grows with the square of the number of waiting
# jobs. Therefore all jobs get cores at once, and a prediction takes one core instead of all.
RECORD = (
    *("--touch", "--forceall", "--quiet", "all"),
    *("--cores", "1000000", "--set-threads", "predict_litert=1"),
)
# Snakemake sleeps 0.1 s before it touches the files of a job. With 10,000 cells, that is an hour.
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
# Files of the analyses of a cell, for each scheme.
ANALYSIS_FILES = {
    "fiq_int8": ("layers.csv", "trace.csv", "mistakes.json"),
    "fiq_uint8": ("mistakes.json",),
}


class Cost(NamedTuple):
    """Processor time and memory of a command. Other work on the machine hardly changes them."""

    seconds: float
    mib: float


def study(models: int) -> dict:
    """Return the configuration of a study of models in all variants and schemes."""
    names = [f"model{i}" for i in range(models)]
    finetuned = {"method": "finetune", "parent": "original", "training": {"epochs": 1}}
    return {
        "models": {name: {"architecture": "fc", "dataset": "digits"} for name in names},
        "variants": dict.fromkeys(VARIANTS[1:], finetuned),
        "study": [{"models": names, "variants": VARIANTS, "schemes": SCHEMES}],
    }


def make_project(side: str, folder: Path, models: int) -> None:
    """Write the project of one side: a Snakefile, its configuration and the profile."""
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
        # Compile the modules first, so that only planning is measured.
        compileall.compile_dir(folder / "src", quiet=1)
        config = study(models)
    (folder / "large.yaml").write_text(yaml.safe_dump(config))


def make_files(folder: Path, models: int) -> None:
    """Write every file of the study as an empty file."""
    results = folder / "results"
    splits = ("train.npz", "val.npz", "test.npz", "calib.npz", "record.json")
    files = [results / "data/digits" / name for name in splits]
    reports = ("metrics.csv", "seeds.csv", "groups.csv", "metrics.md", "index.html")
    files += [results / "report" / name for name in (*reports, "gate.json", "gate.passed")]
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
                    for name in ANALYSIS_FILES.get(scheme, ())
                ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def snakemake(folder: Path, *options: str) -> tuple[str, Cost]:
    """Run Snakemake in a folder; return its output and its cost."""
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


def count_jobs(text: str) -> int:
    """Read the number of jobs from the output of a dry run."""
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("total")))


def count_edges(folder: Path) -> int:
    """Return the number of dependencies between the jobs of a study."""
    text, _ = snakemake(folder, "--dag", "--cores", "1")
    return len(re.findall(r"^\s*\d+ -> \d+", text, re.MULTILINE))


def measure(models: int, repeats: int) -> dict[str, dict[str, Cost]]:
    """Plan both sides before and after all files are made; return side, then step, then cost."""
    with tempfile.TemporaryDirectory() as name:
        folders = {side: Path(name) / side for side in SIDES}
        for side, folder in folders.items():
            make_project(side, folder, models)
        plan = plan_in_turns(folders, repeats)
        graphs = {
            side: f"{count_jobs(plan[side][0])} jobs, {count_edges(folder)} dependencies"
            for side, folder in folders.items()
        }
        if len(set(graphs.values())) != 1:
            raise SystemExit(
                f"benchmarks/dag.py: the graphs differ: {graphs}. "
                "Change the rules of benchmarks/bare.smk to those of workflow/rules/."
            )
        for folder in folders.values():
            make_files(folder, models)
            snakemake(folder, *RECORD)
        no_op = plan_in_turns(folders, repeats)
    for side, (text, _) in no_op.items():
        if "Nothing to be done" not in text:
            raise SystemExit(f"{side}: not a no-op:\n{text[-3000:]}")
    print(f"{models * CELLS_PER_MODEL} cells, {graphs['snugnet']}", flush=True)
    return {side: {"plan": plan[side][1], "no-op": no_op[side][1]} for side in SIDES}


def plan_in_turns(folders: Mapping[str, Path], repeats: int) -> dict[str, tuple[str, Cost]]:
    """Plan both sides in turns; return the output of each side, and its smallest cost.

    Other work on the machine only adds to a cost, so the smallest one has the least of it.
    """
    plans: dict[str, list[tuple[str, Cost]]] = {side: [] for side in folders}
    for _ in range(repeats):
        for side, folder in folders.items():
            plans[side].append(snakemake(folder, "--dry-run", "--quiet", "rules"))
    return {side: min(runs, key=lambda run: run[1].seconds) for side, runs in plans.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--repeats", type=int, default=3, help="Plans of each step (default: 3).")
    arguments = parser.parse_args()
    print("cells   step   s snugnet   s bare   ratio   MiB snugnet   MiB bare   ratio")
    for cells in arguments.cells:
        costs = measure(max(1, cells // CELLS_PER_MODEL), arguments.repeats)
        for step in ("plan", "no-op"):
            snugnet, bare = costs["snugnet"][step], costs["bare"][step]
            print(
                f"{cells:5}   {step:5}  {snugnet.seconds:9.1f}  {bare.seconds:7.1f}  "
                f"{snugnet.seconds / bare.seconds:6.2f}  {snugnet.mib:12.0f}  {bare.mib:9.0f}  "
                f"{snugnet.mib / bare.mib:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
