"""Tests of downloads from a local server that fails in several ways."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from snugnet.core.errors import InputError
from snugnet.datasets.fetch import CHECKSUM_FOLDER, CHUNK, fetch, read_checksums
from snugnet.datasets.sources import MNIST_FILES, source_files
from tests import debian, publisher
from tests.paths import ROOT

BIG = "train-images-idx3-ubyte.gz"
SMALL = "t10k-labels-idx1-ubyte.gz"
FILES = {BIG: os.urandom(300_000), SMALL: b"labels" * 100, **dict.fromkeys(MNIST_FILES[1:3], b"x")}


REST = {name: data for name, data in FILES.items() if name != SMALL}


class Meter:
    count = 0

    def update(self, n: int) -> None:
        self.count += n


@pytest.fixture
def server():
    with publisher.publishing(dict(FILES)) as server:
        yield server


@pytest.fixture
def mnist(server, tmp_path):
    """Fetch what the publisher offers; keywords change the settings."""
    sums = tmp_path / "sums"
    sums.mkdir()
    (sums / "mnist.txt").write_text(server.sums())

    def run(kind="mnist", **changes):
        settings = {
            "urls": {"mnist": server.url, "ptbxl": server.url},
            "sums": str(sums),
            "attempts": 3,
            "back_off": 0.01,
            "timeout": 5,
            "connections": 2,
            **changes,
        }
        run.meter = Meter()
        return fetch(kind, tmp_path, settings, run.meter)

    run.folder = tmp_path / "mnist"
    run.sums = sums
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files but the lock."""
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_fetch_downloads_files_only_when_they_are_missing(mnist, server):
    assert mnist() == 4
    assert contents(mnist.folder) == FILES
    assert mnist.meter.count == sum(map(len, FILES.values()))
    server.requests.clear()
    assert mnist() == 0
    assert not server.requests


def test_fetch_resumes_when_body_is_truncated(mnist, server):
    server.faults[BIG] = [publisher.truncate(100_000)]
    mnist()
    assert contents(mnist.folder)[BIG] == FILES[BIG]
    assert server.requests[BIG] == 2
    # Only what was still in the air is sent twice.
    assert server.sent[BIG] < len(FILES[BIG]) + CHUNK


def test_fetch_restarts_when_server_ignores_ranges(mnist, server):
    server.faults[BIG] = [publisher.truncate(100_000), publisher.ignore_range]
    mnist()
    assert contents(mnist.folder)[BIG] == FILES[BIG]


def test_fetch_retries_when_server_is_busy(mnist, server):
    server.faults[SMALL] = [publisher.send_503] * 2
    mnist()
    assert server.requests[SMALL] == 3
    assert contents(mnist.folder)[SMALL] == FILES[SMALL]


def test_fetch_doubles_wait_when_server_stays_busy(mnist, server):
    server.faults[SMALL] = [publisher.send_503] * 2
    start = time.monotonic()
    mnist(back_off=0.2)
    assert time.monotonic() - start >= 0.2 + 0.4


def test_fetch_keeps_other_files_when_server_stays_busy(mnist, server):
    server.faults[SMALL] = [publisher.send_503] * 9
    with pytest.raises(
        InputError, match=rf"1 of 4 files of mnist failed:\n.*{SMALL}: .* 503 .*3 attempts"
    ):
        mnist()
    assert contents(mnist.folder) == REST  # the others came all the same


def test_fetch_retries_and_discards_file_when_checksum_is_wrong(mnist, server):
    server.faults[SMALL] = [publisher.corrupt]
    mnist()
    assert contents(mnist.folder)[SMALL] == FILES[SMALL]
    (mnist.folder / SMALL).unlink()
    server.faults[SMALL] = [publisher.corrupt] * 9
    with pytest.raises(InputError, match=r"SHA-256 sum is .*, expected"):
        mnist()
    assert contents(mnist.folder) == REST


def test_fetch_does_not_retry_when_file_is_not_found(mnist, server):
    del server.files[SMALL]
    with pytest.raises(InputError, match="404"):
        mnist()
    assert server.requests[SMALL] == 1


def test_fetch_retries_when_server_is_silent(mnist, server):
    done = threading.Event()
    server.faults[BIG] = [publisher.stall(done, 100_000)]
    mnist(timeout=0.3)
    done.set()
    assert contents(mnist.folder)[BIG] == FILES[BIG]


def test_fetch_fails_when_connection_is_refused(mnist, server):
    with pytest.raises(InputError, match="connection failed"):
        mnist(urls={"mnist": "http://127.0.0.1:1"})


def test_fetch_keeps_existing_file_when_checksum_differs(mnist):
    mnist.folder.mkdir()
    (mnist.folder / SMALL).write_bytes(b"mine")
    with pytest.raises(InputError, match=rf"{SMALL}: exists, but its SHA-256 sum differs from the"):
        mnist()
    assert contents(mnist.folder) == {**REST, SMALL: b"mine"}


PTBXL = {
    "ptbxl_database.csv": b"ecg_id",
    "scp_statements.csv": b"statement",
    "records100/00000/00001_lr.hea": b"header",
    "records100/00000/00001_lr.dat": b"signal",
}


def test_fetch_downloads_listed_files_when_dataset_is_ptbxl(mnist, server, tmp_path):
    server.files = {**PTBXL, "records500/00000/00001_hr.hea": b"", "LICENSE.txt": b""}
    server.files["SHA256SUMS.txt"] = server.sums().encode()
    server.faults["SHA256SUMS.txt"] = [publisher.send_503, publisher.truncate(100)]
    assert mnist("ptbxl") == 4
    assert contents(tmp_path / "ptbxl") == PTBXL


def test_fetch_fails_when_checksum_list_lacks_a_file(mnist, server, tmp_path):
    server.files = {"ptbxl_database.csv": b"ecg_id"}
    server.files["SHA256SUMS.txt"] = server.sums().encode()
    with pytest.raises(InputError, match=r"SHA-256 list of ptbxl lacks scp_statements.csv"):
        mnist("ptbxl")


def test_fetch_requests_nothing_when_checksum_list_is_missing(mnist, server, tmp_path):
    (mnist.sums / "mnist.txt").unlink()
    with pytest.raises(
        InputError, match=r"no such file: .*mnist\.txt; fetch\.sums must be a folder"
    ):
        mnist()
    assert not server.requests


def test_fetch_fails_when_another_fetch_is_running(mnist, server):
    done = threading.Event()
    server.faults[BIG] = [publisher.stall(done, 200_000)]
    process = start(mnist, server)
    wait_for_part(mnist, process)
    with pytest.raises(InputError, match="another process is downloading into"):
        mnist()
    process.kill()
    process.wait()
    done.set()
    mnist()
    assert contents(mnist.folder) == FILES


def test_fetch_fails_when_url_is_invalid(mnist, server):
    with pytest.raises(InputError, match="No scheme supplied"):
        mnist(urls={"mnist": "publisher"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no sums", "is not a valid line of a SHA-256 list"),
        ("0" * 63 + "  a", "is not a valid line of a SHA-256 list"),
        ("0" * 64 + "  ../a", "points outside its folder"),
        ("0" * 64 + "  /a", "points outside its folder"),
    ],
)
def test_read_checksums_fails_when_list_is_invalid(text, words):
    with pytest.raises(InputError, match=words):
        read_checksums(text)


@pytest.mark.parametrize("kind", ["mitdb", "mnist"])
def test_checksum_list_equals_source_files_of_loader(kind):
    names = read_checksums((CHECKSUM_FOLDER / f"{kind}.txt").read_text())
    read = {path.name for path in source_files({"kind": kind, "datasets_dir": "", "path": ""})}
    assert set(names) == read


def start(mnist, server, *before: str) -> subprocess.Popen:
    """Fetch in a process of its own."""
    program = (
        "import sys, pathlib, tests.unit.datasets.test_fetch as t\n"
        "from snugnet.datasets.fetch import fetch\n"
        f"settings = dict(urls={{'mnist': {server.url!r}}}, sums={str(mnist.sums)!r}, attempts=2,"
        " back_off=0.01, timeout=60, connections=2)\n"
        "fetch('mnist', pathlib.Path(sys.argv[1]).parent, settings, t.Meter())\n"
    )
    command = [*before, sys.executable, "-c", program, str(mnist.folder)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_part(mnist, process) -> Path:
    part = mnist.folder / f"{BIG}.part"
    while not (part.exists() and part.stat().st_size >= 131_072):
        assert process.poll() is None
        time.sleep(0.01)
    return part


def test_fetch_resumes_when_it_was_killed(mnist, server):
    done = threading.Event()
    server.faults[BIG] = [publisher.stall(done, 200_000)]
    process = start(mnist, server)
    part = wait_for_part(mnist, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done.set()
    assert not (mnist.folder / BIG).exists()
    size_before = part.stat().st_size
    server.sent.clear()
    mnist()
    assert server.sent[BIG] == len(FILES[BIG]) - size_before
    assert contents(mnist.folder) == FILES


def test_fetch_fails_and_keeps_partial_file_when_disk_is_full(mnist, server):
    """On a file system of 64 KiB, in a name space of its own."""
    mnist.folder.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {mnist.folder}"
    script = f'{mount}; if "$@"; then exit 1; fi; ls {mnist.folder} >&2'
    process = start(mnist, server, *debian.private_mount_command(script))
    _, errors = process.communicate(timeout=60)
    assert f"{BIG}: cannot write the file (No space left on device); free some" in errors
    assert f"{BIG}.part" in errors
    assert server.requests[BIG] == 1  # another attempt would end no better
