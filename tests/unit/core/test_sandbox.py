"""Tests of a process that gives up its rights."""

import ctypes
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snugnet.core import landlock, seccomp
from snugnet.core.budget import Budget
from snugnet.core.isolation import run_in_child, run_without_rights
from snugnet.core.sandbox import Rights, give_up_rights

BUDGET = Budget(seconds=20)
PARENT = os.getpid()


def is_refused(attempt: Callable[[], Any]) -> bool:
    """Return whether a child without rights gets an error for lack of permission."""

    def work() -> None:
        try:
            attempt()
        except PermissionError:
            print("refused")

    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snugnet.core.isolation._print", lines.append)
        assert run_without_rights(work, BUDGET).status == 0
    return lines == ["refused"]


@pytest.fixture(scope="module")
def has_landlock() -> bool:
    return run_in_child(lambda: give_up_rights() or os._exit(5)).status == 0


@pytest.fixture(scope="module")
def has_seccomp() -> bool:
    return run_in_child(lambda: seccomp.refuse_calls() or os._exit(5)).status == 0


@pytest.fixture
def mine(tmp_path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine").write_text("mine")
    return tmp_path / "mine"


FILE_ATTEMPTS: dict[str, Callable[[Path], Any]] = {
    "read": Path.read_text,
    "write": lambda mine: mine.write_text("x"),
    "create": lambda mine: (mine.parent / "new").write_text("x"),
    "list": lambda mine: list(mine.parent.iterdir()),
    "remove": Path.unlink,
    "make a folder": lambda mine: (mine.parent / "new").mkdir(),
    "remove a folder": lambda mine: (mine.parent / "folder").rmdir(),
    "rename": lambda mine: mine.rename(mine.parent / "new"),
    "link": lambda mine: (mine.parent / "new").symlink_to("/"),
    "shared memory": lambda mine: Path("/dev/shm/snugnet-test").write_text("x"),
    "passwords": lambda mine: Path("/etc/passwd").read_text(),
    "environment of the parent": lambda mine: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "run": lambda mine: subprocess.run(["/bin/true"], check=True),
}


@pytest.mark.parametrize("name", FILE_ATTEMPTS)
def test_files_are_refused_when_child_has_no_rights(has_landlock, mine, name):
    if not has_landlock:
        pytest.skip("this kernel has no Landlock")
    assert is_refused(partial(FILE_ATTEMPTS[name], mine))
    assert sorted(path.name for path in mine.parent.iterdir()) == ["folder", "mine"]
    assert mine.read_text() == "mine"


CALL_ATTEMPTS: dict[str, Callable[[Path], Any]] = {
    "TCP": lambda mine: socket.create_connection(("127.0.0.1", 9)),
    "UDP": lambda mine: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "UNIX socket": lambda mine: socket.socket(socket.AF_UNIX),
    "signal to the parent": lambda mine: os.kill(PARENT, 0),
    "signal to all": lambda mine: os.kill(-1, 0),
    "limit of the parent": lambda mine: resource.prlimit(PARENT, resource.RLIMIT_CPU),
    "mode": lambda mine: mine.chmod(0o777),
    "times": lambda mine: os.utime(mine, (0, 0)),
    "attribute": lambda mine: os.setxattr(mine, "user.x", b"x"),
    "session": lambda mine: os.setsid(),
    "run": lambda mine: os.execv("/bin/true", ["true"]),
}


@pytest.mark.parametrize("name", CALL_ATTEMPTS)
def test_calls_are_refused_when_child_has_no_rights(has_seccomp, mine, name):
    if not has_seccomp:
        pytest.skip("libseccomp is not installed")
    before = mine.stat()
    assert is_refused(partial(CALL_ATTEMPTS[name], mine))
    assert mine.stat()[:9] == before[:9]


def test_child_computes_when_it_has_no_rights():
    def work() -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        Path("/dev/null").write_text("x")
        assert Path("/proc/cpuinfo").read_text()
        assert Path(os.__file__).read_text()
        os.kill(os.getpid(), 0)

    assert run_without_rights(work, BUDGET).status == 0


def test_child_reads_file_when_it_is_readable(mine):
    def work() -> None:
        assert mine.read_text() == "mine"
        mine.write_text("x")

    assert run_without_rights(work, BUDGET, Rights(readable=(mine,))).status == 1
    assert mine.read_text() == "mine"


def test_parent_keeps_its_rights_when_child_gives_them_up(tmp_path):
    assert run_in_child(give_up_rights).status == 0
    (tmp_path / "a").write_text("x")


def test_process_keeps_its_rights_when_system_is_not_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not give_up_rights()
    (tmp_path / "a").write_text("x")


def test_process_keeps_its_rights_when_libraries_are_missing(monkeypatch, tmp_path):
    def load(name, **kwargs):
        if name is not None:
            raise OSError(name)
        return OldKernel()

    class OldKernel:
        def syscall(self, *arguments):
            return -1

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not seccomp.refuse_calls()
    assert not landlock.restrict_files([], [])
    (tmp_path / "a").write_text("x")
