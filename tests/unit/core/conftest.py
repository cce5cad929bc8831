"""Fixtures of the tests of processes without rights."""

import os

import pytest

from snugnet.core import seccomp
from snugnet.core.isolation import run_in_child
from snugnet.core.sandbox import give_up_rights


@pytest.fixture(scope="session")
def has_landlock() -> bool:
    return run_in_child(lambda: give_up_rights() or os._exit(5)).status == 0


@pytest.fixture(scope="session")
def has_seccomp() -> bool:
    return run_in_child(lambda: seccomp.restrict_calls() or os._exit(5)).status == 0
