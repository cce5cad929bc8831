"""Work aside leaves nothing but its outcome."""

import os
import random

import pytest

from snugnet.core.errors import InputError
from snugnet.jobs.isolation import aside


def test_random_numbers_and_variables_are_not_touched():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    seen = []
    aside(lambda: seen.append(random.random()))
    assert seen == []
    assert random.random() == expected


def test_what_is_wrong_is_told():
    def work() -> None:
        raise InputError("layers: x; allowed: y, or ä")

    with pytest.raises(InputError, match="layers: x; allowed: y, or ä"):
        aside(work)


def test_a_child_that_breaks_does_not_go_on_as_a_second_job(capfd):
    def work() -> None:
        raise ValueError("broken")

    mine = os.getpid()
    with pytest.raises(RuntimeError, match="ended with status 1"):
        aside(work)
    assert os.getpid() == mine
    assert "ValueError: broken" in capfd.readouterr().err


def test_a_killed_child_is_not_taken_for_a_good_one():
    with pytest.raises(RuntimeError, match="ended with status -9"):
        aside(lambda: os.kill(os.getpid(), 9))
