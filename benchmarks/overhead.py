"""How much of a run is not work: the default study made twice, with the fork server and without.

Work is what the jobs' logs say they took in the run with the server, where it holds no import of
a heavy package; the same work stands below the wall times of both runs.

    python benchmarks/overhead.py [--cores 2] [snakemake options, such as --configfile]
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOK = re.compile(r"^took (\d+\.\d+) s, peak memory \d+ MiB$", re.MULTILINE)


def make(folder: Path, warm: bool, cores: int, options: list[str]) -> float:
    """Make the study in a new working folder; give the wall time in seconds."""
    folder.mkdir()
    shutil.copy(ROOT / "config.yaml", folder)
    shutil.copytree(ROOT / "config", folder / "config")
    command = [sys.executable, "-m", "snakemake", "all", "--cores", str(cores), "--quiet", "all"]
    place = ["--directory", str(folder), "--config", f"warm={warm}", "results_dir=results"]
    start = time.perf_counter()
    done = subprocess.run([*command, *options, *place], cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"the run with warm={warm} failed")
    return time.perf_counter() - start


def work(results: Path) -> dict[str, list[float]]:
    """Read from the logs how many seconds the jobs of each rule took."""
    found: dict[str, list[float]] = {}
    for log in (results / "logs").rglob("*.log"):
        rule = log.relative_to(results / "logs").parts[0].removesuffix(".log")
        took = TOOK.search(log.read_text())
        if took is None:
            raise SystemExit(f"{log} does not say how long the job took")
        found.setdefault(rule, []).append(float(took[1]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    arguments, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        walls, works = {}, {}
        for warm in (True, False):
            folder = Path(name) / ("warm" if warm else "cold")
            walls[warm] = make(folder, warm, arguments.cores, options)
            works[warm] = work(folder / "results")
    print("rule                jobs   s warm   s cold")
    for rule, seconds in sorted(works[True].items()):
        cold = sum(works[False][rule])
        print(f"{rule:18}  {len(seconds):4}  {sum(seconds):7.1f}  {cold:7.1f}")
    total = sum(map(sum, works[True].values()))
    print(f"work / cores = {total:.1f} s / {arguments.cores} = {total / arguments.cores:.1f} s")
    for warm, title in ((True, "warm"), (False, "cold")):
        wall = walls[warm]
        ratio = wall * arguments.cores / total
        print(f"{title}: {wall:.1f} s of wall time, {ratio:.2f} times work / cores")
    print(f"cold / warm = {walls[False] / walls[True]:.2f}")


if __name__ == "__main__":
    main()
