"""Tests of the checksums of files that jobs write."""

import os
import subprocess

import pytest

from snugnet.core.errors import InputError
from snugnet.jobs import checksums


@pytest.fixture(autouse=True)
def all_are_results(monkeypatch):
    monkeypatch.setattr(checksums, "PAUSE", 0)
    monkeypatch.delenv(checksums.RESULTS, raising=False)


@pytest.fixture
def outputs_folder(tmp_path):
    file, folder = tmp_path / "model.h5", tmp_path / "program"
    file.write_bytes(b"weights")
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.bin").write_bytes(b"a")
    checksums.record([str(file), str(folder)])
    return tmp_path


def test_check_passes_when_outputs_are_unchanged(outputs_folder):
    checksums.check([str(outputs_folder / "model.h5"), str(outputs_folder / "program")])
    again = subprocess.run(
        ["sha256sum", "-c", ".model.h5.sha256"], cwd=outputs_folder, capture_output=True
    )
    assert again.returncode == 0


def test_check_passes_when_file_has_no_record(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"data")
    checksums.check([str(tmp_path / "mine.npz")])


@pytest.mark.parametrize("kind", ["link", "pipe", "text"])
def test_check_reads_no_record_when_file_is_not_a_result(tmp_path, monkeypatch, kind):
    monkeypatch.setenv(checksums.RESULTS, str(tmp_path / "results"))
    plant_record(tmp_path, kind)
    checksums.check([str(tmp_path / "mine.npz"), str(tmp_path / "results/../mine.npz")])
    monkeypatch.setenv(checksums.RESULTS, str(tmp_path))
    checksums.check([str(tmp_path / "mine.npz")])


@pytest.mark.parametrize("kind", ["link", "pipe", "text"])
def test_check_shows_no_content_when_record_is_not_a_sum(tmp_path, kind):
    plant_record(tmp_path, kind)
    message = (
        "which is damaged" if kind == "text" else r"\.mine\.npz\.sha256: not a file, but .* Delete"
    )
    with pytest.raises(InputError, match=message) as error:
        checksums.check([str(tmp_path / "mine.npz")])
    assert "secret" not in str(error.value)


def test_check_compares_file_when_it_is_in_a_folder_of_results(tmp_path, monkeypatch):
    monkeypatch.setenv(checksums.RESULTS, str(tmp_path))
    file = tmp_path / "models" / "net" / "model.h5"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    checksums.record([str(file)])
    checksums.check([str(file)])
    file.write_bytes(b"weightz")
    with pytest.raises(InputError, match="damaged or changed"):
        checksums.check([str(file)])


def plant_record(folder, kind):
    """Write a file and a record that is something else than a checksum."""
    (folder / "mine.npz").write_bytes(b"data")
    record = folder / ".mine.npz.sha256"
    (folder / "password").write_text("secret\n")
    if kind == "link":
        record.symlink_to(folder / "password")
    elif kind == "pipe":
        os.mkfifo(record)
    else:
        record.write_text("secret\n")


def test_check_prints_command_when_file_has_changed(outputs_folder, monkeypatch):
    monkeypatch.chdir(outputs_folder)
    monkeypatch.setenv(checksums.OPTIONS, "")
    files = [outputs_folder / "config" / "my study.yaml", outputs_folder / "more.yaml"]
    checksums.announce("results", files, ["seed=2", "a={b: 1}"])
    assert os.environ[checksums.RESULTS] == str(outputs_folder / "results")
    monkeypatch.delenv(checksums.RESULTS)
    (outputs_folder / "model.h5").write_bytes(b"weightz")
    with pytest.raises(InputError) as error:
        checksums.check(["model.h5"])
    assert str(error.value).startswith("model.h5: damaged or changed since it was created")
    assert str(error.value).endswith(
        "snakemake --cores 1 --force model.h5 --configfile 'config/my study.yaml' more.yaml "
        "--config seed=2 'a={b: 1}'"
    )


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_check_fails_when_folder_has_changed(outputs_folder, change):
    file = outputs_folder / "program" / "deep" / "a.bin"
    {
        "content": lambda: file.write_bytes(b"b"),
        "name": lambda: file.rename(file.with_name("b.bin")),
        "more": lambda: file.with_name("b.bin").write_bytes(b""),
        "less": file.unlink,
    }[change]()
    with pytest.raises(InputError, match="program: damaged or changed"):
        checksums.check([str(outputs_folder / "program")])


def test_record_writes_nothing_when_output_is_missing(tmp_path):
    checksums.record([str(tmp_path / "gate.passed")])
    assert list(tmp_path.iterdir()) == []


def test_check_fails_when_file_cannot_be_read(outputs_folder):
    (outputs_folder / "model.h5").unlink()
    with pytest.raises(InputError, match=r"model.h5: .* unknown: No such file"):
        checksums.check([str(outputs_folder / "model.h5")])


def test_record_replaces_checksum_when_file_is_written_again(outputs_folder):
    (outputs_folder / "model.h5").write_bytes(b"better weights")
    checksums.record([str(outputs_folder / "model.h5")])
    checksums.check([str(outputs_folder / "model.h5")])


def test_check_fails_when_folder_has_a_link(outputs_folder):
    link = outputs_folder / "program" / "deep" / "b.bin"
    link.symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"deep/b.bin: a symbolic link"):
        checksums.check([str(outputs_folder / "program")])
