"""Download of public datasets; each file is checked before it gets its final name."""

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
from snugnet.core.settings.fetch import Fetch
from snugnet.datasets.sources import list_files

T = TypeVar("T")
CHUNK = 1 << 16
# Status codes of temporary failures: another attempt can succeed.
RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}
# Status code if the requested range starts at the end of the file: the file is complete.
COMPLETE_STATUS = 416
# Lists of files with their SHA-256 sums, in the format of sha256sum: the folder of Snugnet's lists,
# and the name of PhysioNet's list.
CHECKSUM_FOLDER = Path(__file__).parent / "sha256"
PUBLISHED_CHECKSUMS = "SHA256SUMS.txt"


class RetryableError(Exception):
    """Failure of an attempt; another attempt can succeed."""


def fetch(kind: str, base: Path, settings: Fetch, meter: Any) -> int:
    """Download the missing files of a dataset.

    A file is downloaded to `<name>.part` and renamed if its SHA-256 sum is correct. The next run
    continues an interrupted download.

    Args:
        kind: `mitdb`, `mnist` or `ptbxl`.
        base: Parent folder; the files are written to its subfolder `kind`.
        settings: URLs, and how to download: see the documentation of each field.
        meter: Progress meter; its `update(n)` is called with the number of bytes of each chunk.

    Returns:
        The number of downloaded files.

    Raises:
        InputError: If files cannot be downloaded, an existing file has a wrong SHA-256 sum, or
            another process downloads into the same folder. The message lists the failed files with
            their reasons. Downloaded files are kept, and existing files are not changed.
    """
    folder = base / kind
    with _lock_folder(folder):
        source = _Source(getattr(settings.urls, kind).rstrip("/"), folder, settings, meter)
        files = _list_files(kind, settings.sums, source)
        existing = {name for name in files if (folder / name).exists()}
        missing = {name: digest for name, digest in files.items() if name not in existing}
        failures = [
            f"{folder / name}: exists, but its SHA-256 sum differs from the publisher's; "
            "move it away to download the original"
            for name in sorted(existing)
            if sha256_of(folder / name) != files[name]
        ]
        failures += _download_all(source, missing, settings.connections)
    if failures:
        shown = "\n  ".join(failures[:5])
        more = f"\n  and {len(failures) - 5} more" if len(failures) > 5 else ""
        raise InputError(
            f"fetch: {len(failures)} of {len(files)} files of {kind} failed:\n  {shown}{more}"
        )
    return len(missing)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder for this process: two processes would write to the same .part files."""
    with _report_disk_errors(folder):
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


def _list_files(kind: str, sums: str | None, source: "_Source") -> dict[str, str]:
    """List the files of a dataset with their SHA-256 sums."""
    path = (Path(sums) if sums else CHECKSUM_FOLDER) / f"{kind}.txt"
    if kind == "ptbxl" and not path.is_file():
        digests = read_checksums(source.read_text(PUBLISHED_CHECKSUMS))
    elif path.is_file():
        digests = read_checksums(path.read_text())
    else:
        raise InputError(f"fetch: no such file: {path}; fetch.sums must be a folder with it")
    required = [path.name for path in list_files(kind, Path())]
    missing = [name for name in required if name not in digests]
    if missing:
        raise InputError(
            f"fetch: the SHA-256 list of {kind} lacks {', '.join(missing[:5])}; use a complete list"
        )
    records = [name for name in digests if kind == "ptbxl" and name.startswith("records100/")]
    return {name: digests[name] for name in (*required, *records)}


def read_checksums(text: str) -> dict[str, str]:
    """Read a list of SHA-256 sums in the format of `sha256sum`.

    Args:
        text: Lines of 64 hexadecimal digits, blanks and a file name.

    Returns:
        The SHA-256 sum of each file, by name.

    Raises:
        InputError: If a line has another format or its file lies outside the folder. The message
            quotes the first such line.
    """
    digests = {}
    for line in filter(None, text.splitlines()):
        digest, _, name = line.partition(" ")
        name = name.lstrip(" *").removeprefix("./")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not name:
            raise InputError(f"fetch: {line[:80]!r} is not a valid line of a SHA-256 list")
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"fetch: {name!r} in a SHA-256 list points outside its folder")
        digests[name] = digest
    return digests


def _download_all(source: "_Source", files: Mapping[str, str], connections: int) -> list[str]:
    """Download files over parallel connections; return a message for each failed file."""
    names = list(files)
    shares = [{name: files[name] for name in names[i::connections]} for i in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        try:
            results = pool.map(source.download_share, shares)
            return [failure for failures in results for failure in failures]
        except BaseException:
            source.stop.set()  # otherwise the pool would wait for all downloads
            raise


class _Source:
    """A publisher's server and the folder for its files.

    Attributes:
        url: Base URL of the files.
        folder: Folder to write to.
        stop: Event that cancels all downloads.
    """

    def __init__(self, url: str, folder: Path, settings: Fetch, meter: Any) -> None:
        self.url = url
        self.folder = folder
        self.stop = Event()
        self._timeout = settings.timeout
        self._meter = meter
        self._attempts = settings.attempts
        first = settings.back_off
        self._wait = wait_exponential_jitter(multiplier=first, max=120, jitter=first)

    def read_text(self, name: str) -> str:
        """Download a small text file and return its contents."""

        def read() -> str:
            with self._request(session, name) as response:
                return response.text

        with requests.Session() as session:
            return self._retry(name, read)

    def download_share(self, files: Mapping[str, str]) -> list[str]:
        """Download files one after the other; return a message for each failed file."""
        failures = []
        # Each thread has its own session, whose connection stays open from file to file.
        with requests.Session() as session:
            for name, digest in files.items():
                if self.stop.is_set():
                    break
                try:
                    self._retry(name, partial(self._download, session, name, digest))
                except InputError as error:
                    failures.append(str(error))
        return failures

    def _retry(self, name: str, work: Callable[[], T]) -> T:
        """Call a function until it succeeds or all attempts have failed."""
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(RetryableError),
        )
        try:
            return retrying(work)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise InputError(f"{self.url}/{name}: {reason} ({self._attempts} attempts)") from None

    def _download(self, session: requests.Session, name: str, digest: str) -> None:
        """Download a file and check its SHA-256 sum."""
        path = self.folder / name
        part = path.with_name(f"{path.name}.part")
        with _report_disk_errors(path):
            part.parent.mkdir(parents=True, exist_ok=True)
            self._append(session, name, part)
            actual = sha256_of(part)
            if actual == digest:
                part.replace(path)
            else:
                part.unlink()  # continuing a damaged file cannot repair it
        if actual != digest:
            raise RetryableError(f"SHA-256 sum is {actual}, expected {digest}")

    def _append(self, session: requests.Session, name: str, part: Path) -> None:
        """Continue a file where the last attempt ended; start again if the server cannot."""
        start = part.stat().st_size if part.exists() else 0
        with self._request(session, name, start) as response:
            if response.status_code == COMPLETE_STATUS:
                return
            continues = response.status_code == requests.codes.partial_content
            with part.open("ab" if continues else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    self._meter.update(len(chunk))
                    if self.stop.is_set():
                        raise InputError(f"{self.url}/{name}: the download was cancelled")

    @contextmanager
    def _request(
        self, session: requests.Session, name: str, start: int = 0
    ) -> Iterator[requests.Response]:
        """Request a file from byte `start` on.

        Connection failures, also those while the response is read, raise RetryableError.
        """
        # The SHA-256 sum is that of the file, so the server must not compress it.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = f"{self.url}/{name}"
        try:
            with session.get(url, headers=headers, stream=True, timeout=self._timeout) as response:
                _check_status(url, response)
                yield response
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise RetryableError(f"connection failed: {error}") from None
        except requests.RequestException as error:  # for example an invalid URL
            raise InputError(f"{url}: {error}") from None


def _check_status(url: str, response: requests.Response) -> None:
    """Raise an error if the status code of a response reports a failure."""
    status = response.status_code
    if status in RETRY_STATUS:
        raise RetryableError(f"the server returned {status} {response.reason}")
    if status >= 400 and status != COMPLETE_STATUS:
        raise InputError(f"{url}: the server returned {status} {response.reason}")


@contextmanager
def _report_disk_errors(path: Path) -> Iterator[None]:
    """Convert errors of the disk to InputError; another attempt would fail too."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "; free some space and run again to continue the download" if is_full else ""
        raise InputError(f"{path}: cannot write the file ({error.strerror}){hint}") from None
