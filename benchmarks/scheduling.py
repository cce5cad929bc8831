"""Time many short jobs with Snakemake's default limit of job starts, and without any limit.

The Snakefile removes this limit. Each job sleeps for 0.2 s, all are ready from the start, on
2 cores. Most of the CPU time is Snakemake's own; jobs that compute could not use it.

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
    if {free}:
        workflow.scheduler.job_rate_limiter = None
"""


def measure(jobs: int, free: bool) -> tuple[float, float]:
    """Run the jobs; return wall time and CPU time in seconds.

    Args:
        jobs: Number of jobs.
        free: Whether the limit of job starts is removed.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, free=free))
        (Path(folder) / "inputs").mkdir()
        for name in range(4):
            (Path(folder) / "inputs" / str(name)).touch()
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "snakemake", "--cores", "2"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - start, after.ru_utime - before.ru_utime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=600, help="Number of jobs (default: 600).")
    jobs = parser.parse_args().jobs
    (wall, cpu), (free_wall, free_cpu) = (measure(jobs, free) for free in (False, True))
    print(f"{jobs} jobs of 0.2 s on 2 cores   s wall   s CPU")
    print(f"100 starts a second at most      {wall:7.1f} {cpu:7.1f}")
    print(f"no limit                         {free_wall:7.1f} {free_cpu:7.1f}")
    print(f"ratio                            {wall / free_wall:7.2f} {cpu / free_cpu:7.2f}")


if __name__ == "__main__":
    main()
