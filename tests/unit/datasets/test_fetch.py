"""Tests of the download of public datasets; a local server sends errors and wrong data."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from snugnet.core.errors import InputError
from snugnet.core.settings.fetch import Fetch, Urls
from snugnet.datasets.fetch import CHUNK, fetch, read_checksums
from snugnet.datasets.sources import MNIST_FILES
from tests import debian, publisher
from tests.paths import ROOT

BIG = "train-images-idx3-ubyte.gz"
SMALL = "t10k-labels-idx1-ubyte.gz"
FILES = {BIG: os.urandom(300_000), SMALL: b"labels" * 100, **dict.fromkeys(MNIST_FILES[1:3], b"x")}
REST = {name: data for name, data in FILES.items() if name != SMALL}
PTBXL = {
    "ptbxl_database.csv": b"ecg_id",
    "scp_statements.csv": b"statement",
    "records100/00000/00001_lr.hea": b"header",
    "records100/00000/00001_lr.dat": b"signal",
}
# A program that downloads MNIST; its arguments are the parent folder and the settings as JSON.
PROGRAM = """
import sys
from pathlib import Path

from snugnet.core.settings.fetch import Fetch
from snugnet.datasets.fetch import fetch
from tests.unit.datasets.test_fetch import Meter

fetch("mnist", Path(sys.argv[1]), Fetch.model_validate_json(sys.argv[2]), Meter())
"""


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
    """A function that downloads from the server; keywords change the settings."""
    sums = tmp_path / "sums"
    sums.mkdir()
    (sums / "mnist.txt").write_text(server.sums())

    def run(kind="mnist", **changes):
        fields = {
            "urls": Urls(mnist=server.url, ptbxl=server.url),
            "sums": str(sums),
            "attempts": 3,
            "back_off": 0.01,
            "timeout": 5,
            "connections": 2,
            **changes,
        }
        run.meter = Meter()
        return fetch(kind, tmp_path, Fetch(**fields), run.meter)

    run.folder = tmp_path / "mnist"
    run.sums = sums
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files except the lock file."""
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def start(mnist, server, *prefix: str) -> subprocess.Popen:
    """Start a download in a separate process; `prefix` precedes its command."""
    settings = Fetch(
        urls=Urls(mnist=server.url),
        sums=str(mnist.sums),
        attempts=2,
        back_off=0.01,
        timeout=60,
        connections=2,
    )
    arguments = [str(mnist.folder.parent), settings.model_dump_json()]
    command = [*prefix, sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_part(mnist, process: subprocess.Popen) -> Path:
    """Wait until the large file is partly downloaded; return the path of its part."""
    part = mnist.folder / f"{BIG}.part"
    while not (part.exists() and part.stat().st_size >= 131_072):
        assert process.poll() is None
        time.sleep(0.01)
    return part


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
    # Only bytes that were sent but not received are sent again.
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
    start_time = time.monotonic()
    mnist(back_off=0.2)
    assert time.monotonic() - start_time >= 0.2 + 0.4


def test_fetch_keeps_other_files_when_a_file_fails(mnist, server):
    server.faults[SMALL] = [publisher.send_503] * 9
    with pytest.raises(
        InputError, match=rf"1 of 4 files of mnist failed:\n.*{SMALL}: .* 503 .*3 attempts"
    ):
        mnist()
    assert contents(mnist.folder) == REST


def test_fetch_retries_when_checksum_is_wrong(mnist, server):
    server.faults[SMALL] = [publisher.corrupt]
    mnist()
    assert contents(mnist.folder)[SMALL] == FILES[SMALL]


def test_fetch_discards_file_when_checksum_stays_wrong(mnist, server):
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
    release = threading.Event()
    server.faults[BIG] = [publisher.stall(release, 100_000)]
    mnist(timeout=0.3)
    release.set()
    assert contents(mnist.folder)[BIG] == FILES[BIG]


def test_fetch_fails_when_connection_is_refused(mnist):
    with pytest.raises(InputError, match="connection failed"):
        mnist(urls=Urls(mnist="http://127.0.0.1:1"))


def test_fetch_keeps_existing_file_when_checksum_differs(mnist):
    mnist.folder.mkdir()
    (mnist.folder / SMALL).write_bytes(b"mine")
    with pytest.raises(InputError, match=rf"{SMALL}: exists, but its SHA-256 sum differs from the"):
        mnist()
    assert contents(mnist.folder) == {**REST, SMALL: b"mine"}


def test_fetch_downloads_listed_files_when_dataset_is_ptbxl(mnist, server, tmp_path):
    server.files = {**PTBXL, "records500/00000/00001_hr.hea": b"", "LICENSE.txt": b""}
    server.files["SHA256SUMS.txt"] = server.sums().encode()
    server.faults["SHA256SUMS.txt"] = [publisher.send_503, publisher.truncate(100)]
    assert mnist("ptbxl") == 4
    assert contents(tmp_path / "ptbxl") == PTBXL


def test_fetch_fails_when_checksum_list_lacks_a_file(mnist, server):
    server.files = {"ptbxl_database.csv": b"ecg_id"}
    server.files["SHA256SUMS.txt"] = server.sums().encode()
    with pytest.raises(InputError, match=r"SHA-256 list of ptbxl lacks scp_statements.csv"):
        mnist("ptbxl")


def test_fetch_requests_nothing_when_checksum_list_is_missing(mnist, server):
    (mnist.sums / "mnist.txt").unlink()
    with pytest.raises(
        InputError, match=r"no such file: .*mnist\.txt; fetch\.sums must be a folder"
    ):
        mnist()
    assert not server.requests


def test_fetch_fails_when_another_fetch_is_running(mnist, server):
    release = threading.Event()
    server.faults[BIG] = [publisher.stall(release, 200_000)]
    process = start(mnist, server)
    wait_for_part(mnist, process)
    with pytest.raises(InputError, match="another process is downloading into"):
        mnist()
    process.kill()
    process.wait()
    release.set()
    mnist()
    assert contents(mnist.folder) == FILES


def test_fetch_fails_when_url_is_invalid(mnist):
    with pytest.raises(InputError, match="No scheme supplied"):
        mnist(urls=Urls(mnist="publisher"))


def test_fetch_resumes_when_process_was_killed(mnist, server):
    release = threading.Event()
    server.faults[BIG] = [publisher.stall(release, 200_000)]
    process = start(mnist, server)
    part = wait_for_part(mnist, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    release.set()
    assert not (mnist.folder / BIG).exists()
    size_before = part.stat().st_size
    server.sent.clear()
    mnist()
    assert server.sent[BIG] == len(FILES[BIG]) - size_before
    assert contents(mnist.folder) == FILES


def test_fetch_keeps_partial_file_when_disk_is_full(mnist, server):
    """The folder is a file system of 64 KiB, in a separate mount namespace."""
    mnist.folder.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {mnist.folder}"
    script = f'{mount}; if "$@"; then exit 1; fi; ls {mnist.folder} >&2'
    process = start(mnist, server, *debian.private_mount_command(script))
    _, errors = process.communicate(timeout=60)
    assert f"{BIG}: cannot write the file (No space left on device); free some" in errors
    assert f"{BIG}.part" in errors
    assert server.requests[BIG] == 1  # another attempt would fail too


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
