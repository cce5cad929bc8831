"""Tests of a process that gives up its rights."""

import ctypes
import errno
import fcntl
import importlib
import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snugnet.core import landlock, seccomp
from snugnet.core.budget import Budget
from snugnet.core.isolation import UNEXPECTED, run_in_child, run_without_rights
from snugnet.core.programs import run_program
from snugnet.core.sandbox import Rights, give_up_rights
from snugnet.core.tensorflow_environment import KERAS_FOLDER

BUDGET = Budget(seconds=20)
PARENT = os.getpid()
# Exit code of a child whose system call was refused.
REFUSED = 7


def is_refused(attempt: Callable[[], Any]) -> bool:
    """Return whether a child without rights gets an error for lack of permission."""

    def work() -> None:
        try:
            attempt()
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                print("refused")

    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snugnet.core.isolation._print", lines.append)
        assert run_without_rights(work, BUDGET).status == 0
    return lines == ["refused"]


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


def call(name: str, *arguments: Any) -> None:
    """Make a system call by its number on this processor."""
    library = ctypes.CDLL("libseccomp.so.2")
    number = library.seccomp_syscall_resolve_name(name.encode())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def open_without_mode(mine: Path) -> None:
    """Open a file with mode 3, for which Landlock needs no right."""
    os.open(mine, 3)


CALL_ATTEMPTS: dict[str, Callable[[Path], Any]] = {
    "open for control only": open_without_mode,
    "shorten a file without a right": lambda mine: os.open(mine, 3 | os.O_TRUNC),
    "shorten a file for reading": lambda mine: os.open(mine, os.O_RDONLY | os.O_TRUNC),
    "type into the terminal": lambda mine: fcntl.ioctl(0, termios.TIOCSTI, b"x"),
    "signal by fcntl": lambda mine: fcntl.fcntl(0, fcntl.F_SETOWN, PARENT),
    "lease": lambda mine: fcntl.fcntl(0, fcntl.F_SETLEASE, fcntl.F_WRLCK),
    "processor of the parent": lambda mine: os.sched_setaffinity(PARENT, {0}),
    "policy of the parent": lambda mine: os.sched_setscheduler(PARENT, 0, os.sched_param(0)),
    "namespace": lambda mine: call("clone", 0x10000000 | 17, 0, 0, 0, 0),
    "child": lambda mine: os.fork(),
    "brother": lambda mine: call("clone", 0x8000 | 17, 0, 0, 0, 0),
    "names in a folder": lambda mine: call("inotify_init1", 0),
    "outlive the parent": lambda mine: call("prctl", 1, 0, 0, 0, 0),
    "device": lambda mine: os.mknod(Path(tempfile.gettempdir()) / "x", stat.S_IFCHR, 0x101),
    "pipe": lambda mine: os.mkfifo(Path(tempfile.gettempdir()) / "x"),
    "link": lambda mine: (Path(tempfile.gettempdir()) / "x").symlink_to(mine),
    "TCP": lambda mine: socket.create_connection(("127.0.0.1", 9)),
    "UDP": lambda mine: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "UNIX socket": lambda mine: socket.socket(socket.AF_UNIX),
    "signal to the parent": lambda mine: os.kill(PARENT, 0),
    "signal to all": lambda mine: os.kill(-1, 0),
    "limit of the parent": lambda mine: resource.prlimit(PARENT, resource.RLIMIT_CPU),
    "mode": lambda mine: mine.chmod(0o777),
    "times": lambda mine: os.utime(mine, (0, 0)),
    "attribute": lambda mine: os.setxattr(mine, "user.x", b"x"),
    "run": lambda mine: os.execv("/bin/true", ["true"]),
}


@pytest.mark.parametrize("name", CALL_ATTEMPTS)
def test_calls_are_refused_when_child_has_no_rights(has_seccomp, mine, name):
    if not has_seccomp:
        pytest.skip("libseccomp is not installed")
    before = mine.stat()

    def work() -> None:
        # Without Landlock, so that the filter alone must refuse the call.
        assert seccomp.restrict_calls()
        try:
            CALL_ATTEMPTS[name](mine)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                os._exit(REFUSED)

    assert run_in_child(work).status == REFUSED
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


def test_child_starts_program_when_it_is_allowed():
    def work() -> None:
        done = subprocess.run(["/usr/bin/env", "echo", "hello"], capture_output=True, check=True)
        assert done.stdout == b"hello\n"

    programs = (Path("/usr/bin/env"), Path("/usr/bin/echo"), Path("/bin/echo"))
    assert run_without_rights(work, BUDGET, Rights(programs=programs)).status == 0


def test_child_imports_packages_when_they_are_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "mine-1.0.dist-info").mkdir()
    (tmp_path / "mine_package.py").write_text("value = 3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def work() -> None:
        assert importlib.import_module("mine_package").value == 3

    assert run_without_rights(work, BUDGET).status == 0


def test_process_keeps_its_rights_when_it_has_threads():
    def work() -> int:
        end = threading.Event()
        threading.Thread(target=end.wait, daemon=True).start()
        with pytest.raises(RuntimeError, match="several threads"):
            give_up_rights()
        return 0

    assert run_in_child(work).status == 0


@pytest.mark.parametrize("library", ["numpy", "tensorflow", "keras"])
def test_all_threads_have_filter_when_program_has_no_rights(has_seccomp, tmp_path, library):
    if not has_seccomp:
        pytest.skip("libseccomp is not installed")
    program = tmp_path / "program.py"
    program.write_text(
        "import pathlib, re\n"
        f"import {library}\n"
        "for task in pathlib.Path('/proc/self/task').iterdir():\n"
        "    print(re.search(r'Seccomp:\\t(\\d)', (task / 'status').read_text())[1])\n"
    )
    environment = {"TF_USE_LEGACY_KERAS": "0", KERAS_FOLDER: os.devnull}
    result = run_program(program, kept=Rights(), environment=environment)
    assert result.status == 0, result.message
    assert set(result.output.split()) == {"2"}


@pytest.mark.parametrize("is_named", [False, True])
def test_folder_of_work_is_not_readable_when_it_has_packages(
    has_landlock, mine, monkeypatch, is_named
):
    if not has_landlock:
        pytest.skip("this kernel has no Landlock")
    (mine.parent / "mine-1.0.dist-info").mkdir()
    monkeypatch.chdir(mine.parent)
    monkeypatch.syspath_prepend("")
    if is_named:
        monkeypatch.setenv("PYTHONPATH", str(mine.parent))
    assert is_refused(mine.read_text)


@pytest.mark.parametrize("is_writable", [False, True])
def test_child_uses_file_when_it_keeps_rights(has_landlock, mine, is_writable):
    def work() -> None:
        assert mine.read_text() == "mine"
        mine.write_text("x")

    if not has_landlock:
        pytest.skip("this kernel has no Landlock")
    kept = Rights(writable=(mine,)) if is_writable else Rights(readable=(mine,))
    assert run_without_rights(work, BUDGET, kept).status == (0 if is_writable else UNEXPECTED)
    assert mine.read_text() == ("x" if is_writable else "mine")


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
    assert not seccomp.restrict_calls()
    assert not landlock.restrict_files([], [])
    (tmp_path / "a").write_text("x")
