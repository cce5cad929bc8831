"""Settings of all tests."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Machines of CI are slow and shared: time is no criterion, and each run tries the same examples.
settings.register_profile(
    "snugnet",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("snugnet")

SLOWEST = ("tests/workflow/", "tests/unit/akida/test_preflight.py")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Begin with what takes longest, so that no process is alone with it in the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Share the work among processes by file, but leave all tests of the workflow to one.

    They look at the same finished study, which takes minutes to make and cannot be copied:
    Snakemake's record of it names its folder.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/workflow" if file.startswith("tests/workflow") else file

    return Scheduling(config, log)
