"""Settings of all tests."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.must_run"]

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
# The code that these tests check is the same for every task. Training a model of each is slow.
ONE_TASK = (
    "tests/unit/compress/pruning/test_magnitude.py",
    "tests/unit/compress/pruning/test_structured.py",
    "tests/unit/compress/quantizers/test_calibrate.py",
    "tests/unit/compress/quantizers/test_qat.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Start with the slowest tests, so that no process runs one of them alone at the end.

    Tests that repeat a check with the model of another task are left to `make test-all`.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))
    for item in items:
        if item.nodeid.startswith(ONE_TASK) and not is_of_first_task(item):
            item.add_marker(pytest.mark.slow)


def is_of_first_task(item: Any) -> bool:
    """Return whether a test has the model of multi-class classification, or none."""
    called = getattr(item, "callspec", None)
    return called is None or called.params.get("trained", "multiclass") == "multiclass"


@pytest.fixture(scope="module", autouse=True)
def _graphs_are_left_alone() -> Iterator[None]:
    """Look for garbage only in what is new: TensorFlow keeps every graph that it has traced."""
    yield
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Share the work among processes by file, but leave all tests of the workflow to one.

    They read the same finished study, which takes minutes to make and cannot be copied:
    Snakemake's record of it names its folder.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/workflow" if file.startswith("tests/workflow") else file

    return Scheduling(config, log)
