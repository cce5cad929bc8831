"""Files from a publisher: downloaded beside, checked, and only then given their names."""

import errno
import fcntl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import requests
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from snugnet.core.errors import InputError
from snugnet.core.files import sha256_of
from snugnet.datasets.sources import source_files

T = TypeVar("T")
CHUNK = 1 << 16
# Another attempt may end better: the publisher is busy, or gave up on us.
BUSY = {408, 425, 429, 500, 502, 503, 504}
COMPLETE = 416  # nothing lies behind the end of a file
# Lists of files and their sums, as sha256sum writes them: ours, and what PhysioNet calls its own.
CHECKSUM_FOLDER = Path(__file__).parent / "sha256"
PUBLISHED_CHECKSUMS = "SHA256SUMS.txt"


class Interrupted(Exception):
    """An attempt that failed in a way that another may not."""


def fetch(kind: str, base: Path, settings: Mapping[str, Any], meter: Any) -> int:
    """Download what is missing of a dataset.

    A file that comes is written to `<name>.part` and renamed when its sum is right. What an
    interrupted download leaves there, the next continues.

    Args:
        kind: `mitdb`, `mnist` or `ptbxl`.
        base: The files go to the folder `kind` below it.
        settings: `urls` per kind; `sums`, the folder of lists of sums, or None for ours;
            `attempts` per file; `back_off` in seconds before the second attempt, doubled before
            each further one; `timeout` in seconds without a byte; `connections` at once.
        meter: Has `update(n)`, told each number of bytes that come.

    Returns:
        How many files came.

    Raises:
        InputError: With all files that could not be had, and why; what came is kept. A file that
            is there already and is not the publisher's is left alone. Also if another process
            fetches into the same folder.
    """
    folder = base / kind
    with _alone(folder):
        source = _Source(settings["urls"][kind].rstrip("/"), folder, settings, meter)
        files = _listed(kind, settings["sums"], source)
        there = {name for name in files if (folder / name).exists()}
        missing = {name: digest for name, digest in files.items() if name not in there}
        failures = [
            f"{folder / name}: exists, but its SHA-256 sum differs from the publisher's; "
            "move it away to download the original"
            for name in sorted(there)
            if sha256_of(folder / name) != files[name]
        ]
        failures += _get_all(source, missing, settings["connections"])
    if failures:
        shown = "\n  ".join(failures[:5])
        more = f"\n  and {len(failures) - 5} more" if len(failures) > 5 else ""
        raise InputError(
            f"fetch: {len(failures)} of {len(files)} files of {kind} failed:\n  {shown}{more}"
        )
    return len(missing)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a folder to this process: two would write to the same parts."""
    with _said_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".fetch.lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"fetch: another process is downloading into {folder}; wait for it"
            ) from None
        yield


def _listed(kind: str, sums: str | None, source: "_Source") -> dict[str, str]:
    """List the files that a dataset is read from, with their sums."""
    path = (Path(sums) if sums else CHECKSUM_FOLDER) / f"{kind}.txt"
    if kind == "ptbxl" and not path.is_file():
        listed = read_checksums(source.text(PUBLISHED_CHECKSUMS))
    elif path.is_file():
        listed = read_checksums(path.read_text())
    else:
        raise InputError(f"fetch: no such file: {path}; fetch.sums must be a folder with it")
    settings = {"kind": kind, "datasets_dir": "", "path": ""}
    needed = [path.name for path in source_files(settings)]
    if unlisted := [name for name in needed if name not in listed]:
        raise InputError(f"fetch: the SHA-256 list of {kind} lacks {', '.join(unlisted[:5])}")
    records = [name for name in listed if kind == "ptbxl" and name.startswith("records100/")]
    return {name: listed[name] for name in (*needed, *records)}


def read_checksums(text: str) -> dict[str, str]:
    """Read a list of sums as `sha256sum` writes it: 64 hexadecimal digits, blanks, a name.

    Raises:
        InputError: With the first line that is something else, or leads out of the folder.
    """
    sums = {}
    for line in filter(None, text.splitlines()):
        digest, _, name = line.partition(" ")
        name = name.lstrip(" *").removeprefix("./")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not name:
            raise InputError(f"fetch: {line[:80]!r} is not a valid line of a SHA-256 list")
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"fetch: {name!r} in a SHA-256 list points outside its folder")
        sums[name] = digest
    return sums


def _get_all(source: "_Source", files: Mapping[str, str], connections: int) -> list[str]:
    """Download files, several at once; tell which could not be had, and why."""
    names = list(files)
    shares = [{name: files[name] for name in names[i::connections]} for i in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        try:
            return [failure for failed in pool.map(source.get_share, shares) for failure in failed]
        except BaseException:
            source.stop.set()  # or the pool would wait until everything has come
            raise


class _Source:
    """A publisher, and the folder that its files go to."""

    def __init__(self, url: str, folder: Path, settings: Mapping[str, Any], meter: Any) -> None:
        self.url = url
        self.folder = folder
        self.stop = Event()
        self._timeout = settings["timeout"]
        self._meter = meter
        self._attempts = settings["attempts"]
        first = settings["back_off"]
        self._wait = wait_exponential_jitter(multiplier=first, max=120, jitter=first)

    def text(self, name: str) -> str:
        """Read a small file."""

        def get() -> str:
            with self._asked(session, name) as response:
                return response.text

        with requests.Session() as session:
            return self._persist(name, get)

    def get_share(self, files: Mapping[str, str]) -> list[str]:
        """Download files one after the other; tell which could not be had, and why."""
        failures = []
        # A session is kept by one thread: its connection is open from file to file.
        with requests.Session() as session:
            for name, digest in files.items():
                if self.stop.is_set():
                    break
                try:
                    self._persist(name, partial(self._get, session, name, digest))
                except InputError as error:
                    failures.append(str(error))
        return failures

    def _persist(self, name: str, work: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(Interrupted),
        )
        try:
            return retrying(work)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise InputError(f"{self.url}/{name}: {reason} ({self._attempts} attempts)") from None

    def _get(self, session: requests.Session, name: str, digest: str) -> None:
        path = self.folder / name
        part = path.with_name(f"{path.name}.part")
        with _said_of(path):
            part.parent.mkdir(parents=True, exist_ok=True)
            self._append(session, name, part)
            found = sha256_of(part)
            if found == digest:
                part.replace(path)
            else:
                part.unlink()  # nothing can be added to it that would make it right
        if found != digest:
            raise Interrupted(f"SHA-256 sum is {found}, expected {digest}")

    def _append(self, session: requests.Session, name: str, part: Path) -> None:
        """Continue a file where the last attempt ended, if the publisher can."""
        start = part.stat().st_size if part.exists() else 0
        with self._asked(session, name, start) as response:
            if response.status_code == COMPLETE:
                return
            going_on = response.status_code == requests.codes.partial_content
            with part.open("ab" if going_on else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    self._meter.update(len(chunk))
                    if self.stop.is_set():
                        raise InputError(f"{self.url}/{name}: the download was cancelled")

    @contextmanager
    def _asked(
        self, session: requests.Session, name: str, start: int = 0
    ) -> Iterator[requests.Response]:
        """Ask for a file from a byte on; what a network does to it later is an interruption too."""
        # As it is: a sum is of the file, not of what a server packs it into.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = f"{self.url}/{name}"
        try:
            with session.get(url, headers=headers, stream=True, timeout=self._timeout) as response:
                _refuse(url, response)
                yield response
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise Interrupted(f"connection failed: {error}") from None
        except requests.RequestException as error:  # a URL that is none, for one
            raise InputError(f"{url}: {error}") from None


def _refuse(url: str, response: requests.Response) -> None:
    """Raise unless a publisher gives what it was asked for."""
    status = response.status_code
    if status in BUSY:
        raise Interrupted(f"the server returned {status} {response.reason}")
    if status >= 400 and status != COMPLETE:
        raise InputError(f"{url}: the server returned {status} {response.reason}")


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Say what a disk did to a file; another attempt would end no better."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kept = "; free some space and run again to continue the download" if full else ""
        raise InputError(f"{path}: cannot write the file ({error.strerror}){kept}") from None
