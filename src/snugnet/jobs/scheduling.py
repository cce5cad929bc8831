"""Make Snakemake's scheduler cheaper when hundreds of short jobs are ready.

Snakemake has no option for either of these points, so `speed_up` changes the scheduler of one run:

- By default, Snakemake limits job starts to 100 per second. With a limit, it evaluates all ready
  jobs again every second and after each finished job. The default limit is removed; a lower limit
  that the user sets remains.
- After each finished job, Snakemake looks up the sizes of the inputs of all ready jobs again. The
  inputs of a ready job do not change, so each file is looked up once.

`benchmarks/scheduling.py` measures what each point saves.
"""

from collections.abc import Iterable
from typing import Any

# Snakemake's default: job starts, and the seconds in which they are counted.
DEFAULT_LIMIT = (100, 1)


def speed_up(scheduler: Any) -> None:
    """Change a scheduler as described above.

    Args:
        scheduler: Snakemake's `JobScheduler` of a run that has not started a job.
    """
    remove_default_limit(scheduler)
    look_up_sizes_once(scheduler)


def remove_default_limit(scheduler: Any) -> None:
    """Remove the limit of job starts if it is Snakemake's default."""
    limiter = scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT_LIMIT:
        scheduler.job_rate_limiter = None


def look_up_sizes_once(scheduler: Any) -> None:
    """Make a scheduler look up the size of each input file once."""
    sizes = scheduler._input_sizes

    async def update_input_sizes(jobs: Iterable[Any]) -> None:
        paths = {path for job in jobs for path in job.input}
        for path in paths - sizes.keys():
            sizes[path] = await path.size() if await path.exists() else None

    scheduler.update_input_sizes = update_input_sizes
