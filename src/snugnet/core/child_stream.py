"""Messages of a child process to its parent: lines of text, an error message, and arrays.

The child may run a file of a stranger that has taken it over, so the parent decodes nothing that
could run code, and limits what it takes.
"""

import math
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO, TextIOBase

import numpy as np

from snugnet.core.text import get_first_line

TEXT, ERROR, ARRAY = b"t", b"e", b"a"
# Before each message: its kind, and its size in bytes.
HEADER = struct.Struct("<cQ")
MAX_TEXT = 1 << 16
CHUNK = 1 << 20
# Bytes in which the header of an array ends.
MAX_HEADER = 1 << 12
# Seconds of one wait; the system accepts no more than 24 days.
MAX_WAIT = 1e6


class StreamError(ValueError):
    """The child sent something that it should not have sent."""


class TooMuchDataError(StreamError):
    """The child sent more than the limit."""


@dataclass
class Received:
    """What a child has sent.

    Attributes:
        error: The message of its error; "" if there was none.
        arrays: The arrays, in order.
        is_timeout: Whether the time was over before the end of the stream.
    """

    error: str = ""
    arrays: list[np.ndarray] = field(default_factory=list)
    is_timeout: bool = False


class Sender(TextIOBase):
    """The end of the stream in the child process. As an output stream, it sends lines of text."""

    def __init__(self, writer: int) -> None:
        """Send through a pipe.

        Args:
            writer: File descriptor of its end.
        """
        super().__init__()
        self._writer = writer
        self._line = ""

    def write(self, text: str) -> int:
        """Send all whole lines of a text; keep the rest for later."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._send(TEXT, line.encode(errors="backslashreplace")[:MAX_TEXT])
        return len(text)

    def send_error(self, message: str) -> None:
        """Send the message of an error."""
        self._send(ERROR, message.encode(errors="backslashreplace")[:MAX_TEXT])

    def send_arrays(self, arrays: Sequence[np.ndarray]) -> None:
        """Send arrays of numbers.

        Raises:
            ValueError: If an array has other values than numbers.
        """
        for array in arrays:
            stream = BytesIO()
            np.lib.format.write_array(stream, np.asarray(array), (1, 0), allow_pickle=False)
            self._send(ARRAY, stream.getbuffer())

    def _send(self, kind: bytes, content: bytes | memoryview) -> None:
        for part in (memoryview(HEADER.pack(kind, len(content))), memoryview(content)):
            while part:
                part = part[os.write(self._writer, part[:CHUNK]) :]


class Receiver:
    """The end of the stream in the parent."""

    def __init__(
        self, reader: int, timeout: float | None, limit: int, show: Callable[[str], None]
    ) -> None:
        """Receive from a pipe.

        Args:
            reader: File descriptor of its end.
            timeout: Seconds after which nothing more is received; None for no limit.
            limit: Number of bytes that are accepted.
            show: Called with each line of text.
        """
        self._reader = reader
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._limit = limit
        self._show = show
        self._poll = select.poll()
        self._poll.register(reader, select.POLLIN)

    def receive(self) -> Received:
        """Receive until the end of the stream, or until the time is over.

        Raises:
            StreamError: If the child sent something that is no message.
            TooMuchDataError: If it sent more than the limit.
        """
        received = Received()
        try:
            while header := self._read(HEADER.size):
                kind, size = HEADER.unpack(header)
                self._check(kind, size)
                self._keep(received, kind, self._read(size))
        except TimeoutError:
            received.is_timeout = True
        except EOFError:  # it crashed while it sent something
            pass
        return received

    def _check(self, kind: bytes, size: int) -> None:
        if kind not in (TEXT, ERROR, ARRAY) or (kind != ARRAY and size > MAX_TEXT):
            raise StreamError("it returned an invalid message")
        self._limit -= HEADER.size + size
        if self._limit < 0:
            raise TooMuchDataError("it returned more data than allowed")

    def _keep(self, received: Received, kind: bytes, content: bytearray) -> None:
        if kind == ARRAY:
            received.arrays.append(_parse_array(content))
        elif kind == ERROR:
            received.error = content.decode(errors="replace")
        else:
            self._show(content.decode(errors="replace"))

    def _read(self, size: int) -> bytearray:
        """Read some bytes; nothing at the end of the stream.

        Raises:
            EOFError: If the stream ends after some of them.
            TimeoutError: If the time is over.
        """
        content = bytearray()  # it grows with what comes: a header may promise much more
        while len(content) < size:
            self._wait()
            part = os.read(self._reader, min(size - len(content), CHUNK))
            if not part and content:
                raise EOFError
            if not part:
                break
            content += part
        return content

    def _wait(self) -> None:
        """Wait until there is something to read, or the end of the stream."""
        is_ready = False
        while not is_ready:
            left = self._deadline - time.monotonic()
            if left <= 0:  # although the child may go on to send
                raise TimeoutError
            is_ready = bool(self._poll.poll(1000 * min(left, MAX_WAIT)))


def _parse_array(content: bytearray) -> np.ndarray:
    """Parse an array of numbers.

    Raises:
        StreamError: If it is none.
    """
    stream = BytesIO(content[:MAX_HEADER])
    try:
        np.lib.format.read_magic(stream)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.kind not in "biuf":
            raise StreamError(f"it returned an array of {dtype}")
        # The array keeps the memory of the content.
        array = np.frombuffer(content, dtype, math.prod(shape), stream.tell())
        return array.reshape(shape, order="F" if is_fortran else "C")
    # The header is a text of Python, which NumPy parses.
    except Exception as error:
        if isinstance(error, StreamError):
            raise
        raise StreamError(f"it returned no array: {get_first_line(error)}") from None
