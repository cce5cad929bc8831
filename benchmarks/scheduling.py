"""Time many short jobs with Snakemake's defaults, and with the settings of this workflow.

By default, Snakemake limits the job starts per second, its scheduler `ilp` solves an optimization
problem, and it looks up the sizes of all inputs after each job. The Snakefile removes the limit and
the repeated look-ups (`snugnet.jobs.scheduling`), and the profile selects the scheduler `greedy`.
Each job sleeps for 0.2 s, all are ready from the start, on 2 cores. Most of the CPU time is
Snakemake's own; jobs that compute could not use it.

    python benchmarks/scheduling.py [--jobs 600]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNAKEFILE = """
from snugnet.jobs import scheduling


rule all:
    input:
        expand("outputs/{{number}}", number=range({jobs})),


rule one:
    input:
        expand("inputs/{{name}}", name=range(4)),
    output:
        "outputs/{{number}}",
    shell:
        "sleep 0.2; touch {{output}}"


onstart:
    for change in {changes}:
        getattr(scheduling, change)(workflow.scheduler)
"""

# The title, the changes of `snugnet.jobs.scheduling`, and Snakemake's scheduler.
VARIANTS = (
    ("100 starts a second at most, ilp", (), "ilp"),
    ("no limit, ilp", ("remove_default_limit",), "ilp"),
    ("no limit, greedy", ("remove_default_limit",), "greedy"),
    ("no limit, greedy, sizes once", ("remove_default_limit", "look_up_sizes_once"), "greedy"),
)


def measure(jobs: int, changes: tuple[str, ...], scheduler: str) -> tuple[float, float]:
    """Run the jobs; return wall time and CPU time in seconds.

    Args:
        jobs: Number of jobs.
        changes: Functions of `snugnet.jobs.scheduling` that change the scheduler.
        scheduler: Snakemake's scheduler: `ilp` or `greedy`.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, changes=changes))
        (Path(folder) / "inputs").mkdir()
        for name in range(4):
            (Path(folder) / "inputs" / str(name)).touch()
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", scheduler]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - start, after.ru_utime - before.ru_utime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=600, help="Number of jobs (default: 600).")
    jobs = parser.parse_args().jobs
    print(f"{jobs} jobs of 0.2 s on 2 cores        s wall   s CPU    ratios")
    first = None
    for title, changes, scheduler in VARIANTS:
        wall, cpu = measure(jobs, changes, scheduler)
        first = first or (wall, cpu)
        ratios = f"{first[0] / wall:8.2f} {first[1] / cpu:5.2f}"
        print(f"{title:34} {wall:7.1f} {cpu:7.1f} {ratios}")


if __name__ == "__main__":
    main()
