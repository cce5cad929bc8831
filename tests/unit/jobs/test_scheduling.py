"""Tests of the changes to Snakemake's scheduler."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from snugnet.jobs.scheduling import look_up_sizes_once, remove_default_limit


@dataclass(frozen=True)
class File:
    """An input file that counts how often its size was looked up."""

    name: str
    bytes: int | None
    lookups: list[str] = field(default_factory=list, compare=False)

    async def exists(self) -> bool:
        return self.bytes is not None

    async def size(self) -> int | None:
        self.lookups.append(self.name)
        return self.bytes


@pytest.fixture
def scheduler() -> JobScheduler:
    """A scheduler without a workflow."""
    scheduler = JobScheduler.__new__(JobScheduler)
    scheduler._input_sizes = {}
    return scheduler


def job(*files: File) -> SimpleNamespace:
    return SimpleNamespace(input=files)


@pytest.mark.parametrize(
    ("limiter", "remains"),
    [((100, 1), False), ((100, 60), True), ((5, 1), True)],
)
def test_limit_is_removed_only_when_it_is_the_default(limiter, remains):
    scheduler = SimpleNamespace(
        job_rate_limiter=SimpleNamespace(max_jobs=limiter[0], timespan=limiter[1])
    )
    remove_default_limit(scheduler)
    assert (scheduler.job_rate_limiter is not None) == remains


def test_remove_default_limit_does_nothing_when_none_is_set():
    scheduler = SimpleNamespace(job_rate_limiter=None)
    remove_default_limit(scheduler)
    assert scheduler.job_rate_limiter is None


def test_sizes_equal_those_of_snakemake_when_jobs_become_ready(scheduler):
    jobs = [job(File("a", 3), File("b", None)), job(File("a", 3), File("c", 0))]
    asyncio.run(scheduler.update_input_sizes(jobs))
    expected = dict(scheduler._input_sizes)
    scheduler._input_sizes.clear()
    look_up_sizes_once(scheduler)
    for number in range(len(jobs)):
        asyncio.run(scheduler.update_input_sizes(jobs[: number + 1]))
    assert (
        scheduler._input_sizes
        == expected
        == {jobs[0].input[0]: 3, File("b", None): None} | {File("c", 0): 0}
    )


def test_size_is_looked_up_once_when_scheduler_runs_again(scheduler):
    look_up_sizes_once(scheduler)
    file = File("a", 3)
    for _ in range(3):
        asyncio.run(scheduler.update_input_sizes([job(file)]))
    assert file.lookups == ["a"]
