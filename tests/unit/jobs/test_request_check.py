"""Tests of the check of requests in a child process."""

import os

import pytest

from snugnet.core.errors import InputError
from snugnet.jobs.request_check import check_requests


def test_check_requests_builds_nothing_when_there_are_none():
    check_requests(lambda: 1 / 0, [], [])


def test_check_requests_raises_input_error_when_build_does():
    def build() -> None:
        raise InputError("file: not found")

    with pytest.raises(InputError, match="file: not found"):
        check_requests(build, [("pruned", {})], [])


def test_check_requests_raises_runtime_error_when_child_dies():
    with pytest.raises(RuntimeError, match="ended with status -9"):
        check_requests(lambda: os.kill(os.getpid(), 9), [("pruned", {})], [])
