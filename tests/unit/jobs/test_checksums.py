"""A file that is not what a job wrote is never read as if it were."""

import subprocess

import pytest

from snugnet.core.errors import InputError
from snugnet.jobs import checksums


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(checksums, "PAUSE", 0)


@pytest.fixture
def made(tmp_path):
    file, folder = tmp_path / "model.h5", tmp_path / "program"
    file.write_bytes(b"weights")
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.bin").write_bytes(b"a")
    checksums.record([str(file), str(folder)])
    return tmp_path


def test_what_is_as_it_was_made_passes(made):
    checksums.check([str(made / "model.h5"), str(made / "program")])
    again = subprocess.run(["sha256sum", "-c", ".model.h5.sha256"], cwd=made, capture_output=True)
    assert again.returncode == 0


def test_what_no_job_made_has_no_record(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"data")
    checksums.check([str(tmp_path / "mine.npz")])


def test_a_changed_file_is_named_with_the_command_that_makes_it_anew(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.setenv(checksums.OPTIONS, "")
    files = [made / "config" / "my study.yaml", made / "more.yaml"]
    checksums.announce(files, ["seed=2", "a={b: 1}"])
    (made / "model.h5").write_bytes(b"weightz")
    with pytest.raises(InputError) as error:
        checksums.check(["model.h5"])
    assert str(error.value).startswith("model.h5: damaged or changed since it was created")
    assert str(error.value).endswith(
        "snakemake --cores 1 --force model.h5 --configfile 'config/my study.yaml' more.yaml "
        "--config seed=2 'a={b: 1}'"
    )


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_a_changed_folder_is_named(made, change):
    file = made / "program" / "deep" / "a.bin"
    {
        "content": lambda: file.write_bytes(b"b"),
        "name": lambda: file.rename(file.with_name("b.bin")),
        "more": lambda: file.with_name("b.bin").write_bytes(b""),
        "less": file.unlink,
    }[change]()
    with pytest.raises(InputError, match="program: damaged or changed"):
        checksums.check([str(made / "program")])


def test_what_snakemake_will_touch_is_not_recorded(tmp_path):
    checksums.record([str(tmp_path / "gate.passed")])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named(made):
    (made / "model.h5").unlink()
    with pytest.raises(InputError, match=r"model.h5: .* unknown: No such file"):
        checksums.check([str(made / "model.h5")])


def test_what_is_made_anew_is_recorded_anew(made):
    (made / "model.h5").write_bytes(b"better weights")
    checksums.record([str(made / "model.h5")])
    checksums.check([str(made / "model.h5")])
