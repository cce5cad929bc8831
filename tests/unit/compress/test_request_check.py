"""Tests of the check of requests in a child process."""

import os
import tempfile
from pathlib import Path

import pytest

from snugnet.core.errors import InputError

BLOCKS = [("pruned", {"parent": "original", "method": "calibrate", "percentiles": (99.9,)})]


@pytest.fixture
def check_in_child(keras):
    from snugnet.compress.request_check import check_in_child

    return check_in_child


def test_check_in_child_builds_nothing_when_list_is_empty(check_in_child):
    check_in_child(lambda: 1 / 0, [], [])


def test_check_in_child_raises_input_error_when_build_does(check_in_child):
    def build() -> None:
        raise InputError("file: not found")

    with pytest.raises(InputError, match="file: not found"):
        check_in_child(build, BLOCKS, [])


def test_check_in_child_fails_when_child_is_killed(check_in_child):
    with pytest.raises(RuntimeError, match=r"variants crashed \(SIGKILL\)"):
        check_in_child(lambda: os.kill(os.getpid(), 9), BLOCKS, [])


def test_check_in_child_fails_when_build_has_a_bug(check_in_child, capfd):
    with pytest.raises(RuntimeError, match="variants failed"):
        check_in_child(lambda: 1 / 0, BLOCKS, [])
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_check_in_child_removes_temporary_files_when_build_fails(
    check_in_child, monkeypatch, tmp_path
):
    def build() -> None:
        Path(tempfile.mkstemp()[1]).write_text("left")
        raise InputError("stop")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InputError, match="stop"):
        check_in_child(build, BLOCKS, [])
    assert list(tmp_path.iterdir()) == []
