"""Tests of the checks of output files before any work."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from snugnet.core.errors import InputError
from snugnet.services.output_files import check_folder, check_new_file, save_file


@pytest.fixture
def make_unwritable(monkeypatch):
    """Return a function that makes folders unwritable, with flags of the mount, also for root."""

    def make(flags: int) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))

    return make


@pytest.mark.parametrize(
    ("flags", "reason"),
    [(os.ST_RDONLY, "the file system is read-only"), (0, "permission denied")],
)
def test_check_new_file_names_path_when_folder_is_unwritable(
    make_unwritable, tmp_path, flags, reason
):
    make_unwritable(flags)
    path = tmp_path / "new" / "q.tflite"
    message = (
        f"{path}: cannot write to folder {tmp_path} ({reason}). Choose another path, or make the "
        "folder writable."
    )
    with pytest.raises(InputError) as error:
        check_new_file(path, force=True)
    assert str(error.value) == message
    with pytest.raises(InputError) as error:
        save_file(path, ".tflite", False, Path.touch)
    assert str(error.value) == message


def test_check_folder_fails_when_parent_is_a_file(tmp_path):
    (tmp_path / "q.tflite").touch()
    for path in (tmp_path / "q.tflite" / "z.tflite", tmp_path / "q.tflite" / "a" / "z.tflite"):
        with pytest.raises(InputError, match=r"z\.tflite: .*q\.tflite is not a folder\. Choose"):
            check_folder(path)


def test_check_folder_passes_when_folders_are_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (Path("q.tflite"), Path("a/b/q.tflite"), tmp_path / "a" / "q.tflite"):
        check_folder(path)
    assert not list(tmp_path.iterdir())


def test_command_fails_before_any_work_when_folder_is_unwritable(
    make_unwritable, tmp_path, capsys, monkeypatch
):
    from snugnet.cli.app import run

    monkeypatch.chdir(tmp_path)
    for name in ("m.h5", "m.tflite", "d.npz"):
        Path(name).write_bytes(b"not read")
    make_unwritable(os.ST_RDONLY)
    for request in (
        ("quantize", "--model", "m.h5", "--output", "q.tflite"),
        ("export", "m.tflite", "--to", "c", "--output", "q.c"),
        ("init", "--data", "d.npz", "--output", "q.yaml"),
    ):
        assert run(request) == 2
        assert f"{request[-1]}: cannot write to folder {tmp_path}" in capsys.readouterr().err


def test_command_names_missing_input_when_output_exists(tmp_path, capsys, monkeypatch):
    from snugnet.cli.app import run

    monkeypatch.chdir(tmp_path)
    for name in ("q.tflite", "q.c", "q.yaml", "m.h5", "mine.npz"):
        Path(name).touch()
    for missing, request in (
        ("no.h5", ("quantize", "--model", "no.h5", "--output", "q.tflite")),
        ("no.npz", ("quantize", "--model", "m.h5", "--data", "no.npz", "--output", "q.tflite")),
        ("no.tflite", ("export", "no.tflite", "--to", "c", "--output", "q.c")),
        ("no.npz", ("init", "--data", "no.npz", "--output", "q.yaml")),
        ("no.h5", ("init", "--data", "mine.npz", "--model", "no.h5", "--output", "q.yaml")),
    ):
        assert run(request) == 2
        expected = f"snugnet: {missing}: {os.strerror(errno.ENOENT)}. Check the path.\n"
        assert capsys.readouterr().err == expected


def test_command_has_hint_when_disk_is_full(capsys, monkeypatch):
    from snugnet.cli import app

    def fail(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "q.tflite")

    monkeypatch.setattr(app.inspect, "describe", fail)
    assert app.run(("inspect", "m.tflite")) == 2
    assert capsys.readouterr().err == (
        "snugnet: q.tflite: No space left on device. Free some space, or choose a path on another "
        "file system.\n"
    )
