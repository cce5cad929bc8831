"""Many short jobs with Snakemake's limit of starts, and without it, as our studies are run.

A job sleeps a fifth of a second; all are ready from the beginning, on 2 cores. CPU time, mostly of
Snakemake itself, is what jobs that compute would have to do without.

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
        expand("made/{{number}}", number=range({jobs})),


rule one:
    input:
        expand("given/{{name}}", name=range(4)),
    output:
        "made/{{number}}",
    shell:
        "sleep 0.2; touch {{output}}"


onstart:
    if {free}:
        workflow.scheduler.job_rate_limiter = None
"""


def measure(jobs: int, free: bool) -> tuple[float, float]:
    """Run so many jobs; give wall time and CPU time in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, free=free))
        (Path(folder) / "given").mkdir()
        for name in range(4):
            (Path(folder) / "given" / str(name)).touch()
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "snakemake", "--cores", "2"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - start, after.ru_utime - before.ru_utime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=600)
    jobs = parser.parse_args().jobs
    (wall, cpu), (free_wall, free_cpu) = (measure(jobs, free) for free in (False, True))
    print(f"{jobs} jobs of 0.2 s on 2 cores   s wall   s CPU")
    print(f"100 starts a second at most      {wall:7.1f} {cpu:7.1f}")
    print(f"no limit                         {free_wall:7.1f} {free_cpu:7.1f}")
    print(f"ratio                            {wall / free_wall:7.2f} {cpu / free_cpu:7.2f}")


if __name__ == "__main__":
    main()
