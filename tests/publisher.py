"""A local HTTP server for downloads, with faults that real servers have."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# A fault answers a request and returns True, or returns False if the server must answer it.
Fault = Callable[["Handler", bytes], bool]


class Publisher(ThreadingHTTPServer):
    """Serves `files`; each request for a name uses up one of its `faults`."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.faults: dict[str, list[Fault]] = {}
        self.requests: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def sums(self) -> str:
        return "".join(
            f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in self.files.items()
        )


class Handler(BaseHTTPRequestHandler):
    """Serves whole files and their ends (`Range: bytes=n-`)."""

    protocol_version = "HTTP/1.1"
    server: Publisher

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.requests[name] += 1
        data = self.server.files.get(name)
        if data is None:
            self.send_error(404)
            return
        faults = self.server.faults.get(name)
        if faults and faults.pop(0)(self, data):
            return
        self.answer(data)

    def answer(self, data: bytes) -> None:
        byte_range = self.headers["Range"]
        start = int(byte_range.removeprefix("bytes=").rstrip("-")) if byte_range else 0
        if start >= len(data) > 0 and byte_range:
            self.send_error(416)
            return
        self.send_response(206 if byte_range else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.send(data[start:])

    def send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self.server.sent[self.path.lstrip("/")] += len(data)

    def log_message(self, *_: Any) -> None:
        """Tests have nothing to read here."""


def send_503(handler: Handler, _: bytes) -> bool:
    handler.send_error(503)
    return True


def truncate(after: int) -> Fault:
    """Announce the whole body, but close the connection after some bytes."""

    def fault(handler: Handler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.send(data[:after])
        handler.close_connection = True
        return True

    return fault


def corrupt(handler: Handler, data: bytes) -> bool:
    """Send the right number of bytes, with one changed byte."""
    handler.answer(bytes([data[0] ^ 1]) + data[1:])
    return True


def ignore_range(handler: Handler, data: bytes) -> bool:
    del handler.headers["Range"]
    handler.answer(data)
    return True


def stall(event: threading.Event, after: int) -> Fault:
    """Send some bytes, then wait for an event."""

    def fault(handler: Handler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.send(data[:after])
        event.wait(60)
        handler.close_connection = True
        return True

    return fault


@contextmanager
def publishing(files: dict[str, bytes]) -> Iterator[Publisher]:
    with Publisher(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
