"""Tests of atomic file writes and of JSON files."""

import errno
import json
import multiprocessing
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from snugnet.core.errors import InputError
from snugnet.core.files import (
    atomic_write,
    check_plain,
    private_folder,
    read_json,
    write_json,
)

CONTENT_BYTES = 200_000


def list_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_atomic_write_keeps_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as partial:
        partial.write_text("half")
        assert partial.suffix == ".json"
        raise RuntimeError
    assert path.read_text() == "old"
    assert list_names(tmp_path) == ["out.json"]
    with atomic_write(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list_names(tmp_path) == ["out.json"]


def test_atomic_write_name_differs_when_it_writes_again(tmp_path):
    """Nobody can plant a link under the name of the temporary file."""
    names = set()
    for _ in range(3):
        with atomic_write(tmp_path / "out.bin") as partial:
            names.add(partial.name)
    assert len(names) == 3


def test_atomic_write_keeps_mode_when_file_is_replaced(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_write(path) as partial:
        partial.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_atomic_write_applies_umask_when_file_is_new(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new.txt") as partial:
            partial.write_text("new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == 0o640


def test_atomic_write_fails_when_output_is_a_link(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with pytest.raises(InputError, match=r"symbolic link to .*target\.txt"), atomic_write(link):
        pass
    assert target.read_text() == "old"
    assert link.is_symlink()


def test_atomic_write_fails_when_output_is_a_folder(tmp_path):
    with pytest.raises(InputError, match="this is a folder"), atomic_write(tmp_path):
        pass


def test_atomic_write_fails_when_output_is_a_device(tmp_path):
    device = tmp_path / "pipe"
    os.mkfifo(device)
    with pytest.raises(InputError, match="a device, not a file"), atomic_write(device):
        pass
    assert stat.S_ISFIFO(device.stat().st_mode)


@pytest.mark.parametrize("named", [True, False])
def test_atomic_write_names_target_when_disk_is_full(tmp_path, named):
    path = tmp_path / "out.txt"
    with pytest.raises(OSError, match="No space left") as caught, atomic_write(path) as partial:
        message = os.strerror(errno.ENOSPC)
        raise OSError(errno.ENOSPC, message, *([str(partial)] if named else []))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert list_names(tmp_path) == []


def test_atomic_write_names_target_when_file_cannot_be_made(tmp_path, monkeypatch):
    def fail(suffix, prefix, folder):
        raise PermissionError(errno.EACCES, "Permission denied", f"{folder}/{prefix}x{suffix}")

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    path = tmp_path / "out.txt"
    with pytest.raises(PermissionError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)


def test_atomic_write_keeps_error_when_another_file_is_named(tmp_path):
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", "other.txt")
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "out.txt"):
        raise error
    assert caught.value is error


def test_atomic_write_removes_file_when_its_process_was_killed(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from snugnet.core.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "out.txt"
    subprocess.run([sys.executable, "-c", program, path], check=False)
    assert len(list_names(tmp_path)) == 1
    with atomic_write(path) as partial:
        partial.write_text("whole")
    assert list_names(tmp_path) == ["out.txt"]


def test_atomic_write_keeps_file_when_its_process_is_alive(tmp_path):
    path = tmp_path / "out.txt"
    with atomic_write(path) as first:
        first.write_text("first")
        with atomic_write(path) as second:
            second.write_text("second")
        assert first.exists()
    assert path.read_text() == "first"


def write_often(path: Path, letter: str) -> None:
    for _ in range(20):
        with atomic_write(path, is_durable=False) as partial:
            partial.write_text(letter * CONTENT_BYTES)


def test_readers_see_whole_file_when_two_processes_write(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("a" * CONTENT_BYTES)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(path, letter)) for letter in "bc"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        text = path.read_text()
        assert len(text) == CONTENT_BYTES
        assert len(set(text)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list_names(tmp_path) == ["out.txt"]


def test_write_json_sorts_keys_and_fails_when_value_is_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": None})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]
    assert read_json(tmp_path / "a.json") == {"a": None, "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_private_folder_is_removed_when_folders_are_nested():
    with private_folder() as folder:
        start = os.open(".", os.O_RDONLY)
        try:
            os.chdir(folder)
            for _ in range(1500):
                Path("x").mkdir()
                os.chdir("x")
        finally:
            os.fchdir(start)
            os.close(start)
    assert not Path(folder).exists()


def test_private_folder_is_removed_when_a_folder_is_not_readable():
    with private_folder() as folder:
        closed = Path(folder) / "closed"
        closed.mkdir()
        (closed / "file").write_text("x")
        closed.chmod(0o300)
    assert not Path(folder).exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing"])
def test_check_plain_fails_when_path_is_no_file(tmp_path, kind):
    path = tmp_path / "result"
    if kind == "link":
        path.symlink_to(__file__)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"m\.h5: the process that read it returned nothing"):
        check_plain(path, "m.h5")
