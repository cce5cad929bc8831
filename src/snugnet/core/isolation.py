"""Work in a child process that may die: crashes and side effects of the work stay there.

LiteRT's reference kernels abort where one of their checks fails, and nothing is raised that could
be caught (seen in ai-edge-litert 2.3.0 on models whose activations hardly vary). Building a Keras
model changes TensorFlow's state for good. Such work runs in a fork of this process: see
`run_in_child`.

Files of strangers may even take over the process that reads or runs them. Such work runs in a fork
without rights, which returns arrays (`compute_in_child`). `core.programs` runs programs.
"""

import faulthandler
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import Budget, format_bytes
from snugnet.core.child_stream import Receiver, Sender, StreamError, TooMuchDataError
from snugnet.core.errors import InputError
from snugnet.core.files import private_folder
from snugnet.core.forks import limit_memory, start_child, wait_for_child
from snugnet.core.sandbox import NO_RIGHTS, Rights, give_up_rights
from snugnet.core.text import escape_controls, get_first_line

# Exit codes of a child: its work raised an InputError, its memory is used up, or its work raised
# another exception. 1 is that of Python for exceptions that nothing caught.
WRONG_INPUT, OUT_OF_MEMORY, UNEXPECTED = 2, 3, 4
# Bytes that a child may send: if its memory is not limited, and in addition to the limit.
MAX_SENT, MESSAGES = 1 << 36, 1 << 20

# Arrays that a child computed; None for none.
Arrays = Sequence[np.ndarray] | None


@dataclass(frozen=True)
class ChildResult:
    """How a child process ended.

    Attributes:
        status: Its exit code, or minus the number of the signal that ended it.
        message: The message of the exception that the work raised; "" if it raised none.
        is_timeout: Whether it was killed because its time was over.
        is_out_of_memory: Whether it ended because its memory was used up.
        arrays: The arrays that the work returned.
    """

    status: int
    message: str
    is_timeout: bool = False
    is_out_of_memory: bool = False
    arrays: tuple[np.ndarray, ...] = ()

    @property
    def crash(self) -> str | None:
        """Name of the signal that ended the process; None if it ended by itself."""
        if self.status >= 0:
            return None
        names = {entry.value: entry.name for entry in signal.Signals}
        return names.get(-self.status, f"signal {-self.status}")


def compute_in_child(
    work: Callable[[], Arrays],
    budget: Budget,
    what: str,
    kept: Rights = NO_RIGHTS,
    has_time_limit: bool = True,
) -> tuple[np.ndarray, ...]:
    """Compute arrays in a child process without rights; see `run_without_rights`.

    Args:
        work: The function.
        budget: Limits for the time, and for the memory in addition to that of this process.
        what: What the function does, for error messages: "reading m.h5".
        kept: Rights to files that the child keeps.
        has_time_limit: Whether the limit of time holds.

    Returns:
        The arrays.

    Raises:
        BudgetError: If the function needs more time or memory than the budget allows.
        InputError: If it crashes or raises an exception, or if its process returned something else
            than arrays. An InputError keeps its message.
    """
    result = run_without_rights(work, budget, kept, has_time_limit)
    raise_failure(result, budget, what)
    return result.arrays


def run_without_rights(
    work: Callable[[], Arrays],
    budget: Budget,
    kept: Rights = NO_RIGHTS,
    has_time_limit: bool = True,
) -> ChildResult:
    """Call a function in a child process without rights, and wait for it.

    Libraries may crash on an untrusted file, hang, need much memory, or run code that is hidden in
    it. See `core.sandbox` for what the child cannot do. What this process has open is closed there.

    Args:
        work: The function. It returns arrays of numbers, or None. Lines that it prints are printed
            by this process, with control characters escaped. Modules that it needs should be
            imported before.
        budget: Limits for the time, and for the memory in addition to that of this process.
        kept: Rights to files that the child keeps, besides temporary files.
        has_time_limit: Whether the limit of time holds.

    Returns:
        How the child ended, and the arrays. Its exit code is `WRONG_INPUT` if `work` raised an
        InputError, and `UNEXPECTED` if it raised another exception.
    """
    return _call(
        partial(_work_without_rights, work, kept),
        is_silent=True,
        timeout=budget.seconds if has_time_limit else None,
        bytes_held=budget.bytes_held,
    )


def raise_failure(result: ChildResult, budget: Budget, what: str) -> None:
    """Raise an error if a child process failed; see `compute_in_child`."""
    if result.is_timeout:
        raise budget.error(f"{what} takes more than {budget.seconds:.0f} s")
    if result.is_out_of_memory:
        raise budget.error(f"{what} needs more than {format_bytes(budget.bytes_held)} of memory")
    if result.crash:
        raise InputError(
            f"{what} crashes with {result.crash}: the file is damaged, or needs more than "
            f"{format_bytes(budget.bytes_held)} of memory"
        )
    if result.status == WRONG_INPUT and result.message:
        raise InputError(result.message)
    if result.status:
        raise InputError(f"{what} fails ({result.message or f'exit code {result.status}'})")


def run_in_child(work: Callable[[], Any]) -> ChildResult:
    """Call a function in a child process, with all rights, and wait for it.

    Args:
        work: The function. Its return value is lost.

    Returns:
        How the child ended. Its exit code is `WRONG_INPUT` if `work` raised an InputError, and 1 if
        it raised another exception, whose traceback the child printed.
    """

    def run() -> None:
        work()

    return _call(run)


def _call(
    work: Callable[[], Arrays],
    is_silent: bool = False,
    timeout: float | None = None,
    bytes_held: int | None = None,
) -> ChildResult:
    """Call a function in a child process, and receive what it sends."""
    reader, writer = _open_pipe()
    with ExitStack() as stack:
        stack.callback(os.close, reader)
        # The child skips the cleanup of libraries, such as that of TensorFlow's temporary files.
        folder = stack.enter_context(private_folder())
        try:
            child = start_child(lambda: _report(work, is_silent, bytes_held, folder, writer))
        finally:
            os.close(writer)
        try:
            limit = MESSAGES + min(MAX_SENT, bytes_held or MAX_SENT)
            received = Receiver(reader, timeout, limit, _print).receive()
        except TooMuchDataError as error:
            return ChildResult(OUT_OF_MEMORY, str(error), is_out_of_memory=True)
        except StreamError as error:
            return ChildResult(UNEXPECTED, str(error))
        finally:
            status = _end_child(child)
    if status == OUT_OF_MEMORY:
        return ChildResult(status, "", is_out_of_memory=True)
    return ChildResult(status, received.error, received.is_timeout, arrays=tuple(received.arrays))


def _open_pipe() -> tuple[int, int]:
    """Open a pipe whose ends do not have the numbers of standard streams, which may be closed."""
    ends = os.pipe()
    numbers = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends]
    for end in ends:
        os.close(end)
    return numbers[0], numbers[1]


def _end_child(child: int) -> int:
    """End a child, and the processes that it started; return its exit code.

    A child that has ended by itself keeps its exit code. In a process without rights, nothing can
    be killed: the limit of time of that process ends its children.
    """
    for kill in (os.kill, os.killpg):  # only a child without rights has a group of its own
        with suppress(ProcessLookupError, PermissionError):
            kill(child, signal.SIGKILL)
    return wait_for_child(child)


def _work_without_rights(work: Callable[[], Arrays], kept: Rights) -> Arrays:
    with suppress(PermissionError):  # the parent gave up its rights, and has a session of its own
        os.setsid()  # without a terminal
    give_up_rights(replace(kept, writable=(*kept.writable, Path(tempfile.gettempdir()))))
    return work()


def _report(
    work: Callable[[], Arrays], is_silent: bool, bytes_held: int | None, folder: str, writer: int
) -> int:
    """Do the work of a child process, with its temporary files in a folder."""
    tempfile.tempdir = folder
    sender = Sender(writer)
    if is_silent:
        _drop_output(writer)
        sys.stdout = sender
    try:
        if bytes_held is not None:
            limit_memory(bytes_held)
        sender.send_arrays(work() or ())
    except InputError as error:
        sender.send_error(str(error))
        return WRONG_INPUT
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:
        if not is_silent:
            raise
        sender.send_error(f"{type(error).__name__}: {get_first_line(error)}")
        return UNEXPECTED
    return 0


def _drop_output(writer: int) -> None:
    """Send what libraries print to nowhere, and let go of all open files but one.

    Their numbers stay in use: Python may still close them.
    """
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        numbers = [int(path.name) for path in Path("/dev/fd").iterdir()]
    except OSError:  # there is no such folder, or the parent gave up its rights, too
        os.closerange(3, writer)
        os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
    else:
        for number in numbers:
            if number != writer:
                os.dup2(nowhere, number)
    sys.stderr = os.fdopen(2, "w", closefd=False)


def _print(line: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = escape_controls(line).encode(encoding, "backslashreplace").decode(encoding)
    print(text, flush=True)
