"""Work in a child process that may die: crashes and side effects of the work stay there.

LiteRT's reference kernels abort where one of their checks fails, and nothing is raised that could
be caught (seen in ai-edge-litert 2.3.0 on models whose activations hardly vary). Building a Keras
model changes TensorFlow's state for good. Both kinds of work run in a fork of this process
(`run_in_child`).

Other work needs a process without the libraries of this one, or may hang: it is a program of its
own (`run_program`).
"""

import faulthandler
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from snugnet.core.budget import Budget, format_bytes
from snugnet.core.errors import InputError
from snugnet.core.parent import end_with_parent
from snugnet.core.sandbox import give_up_rights

# Runs a program, which ends with its parent: START PARENT BYTES PROGRAM ARGUMENTS.
START = """
import runpy, sys
from snugnet.core.parent import end_with_parent
end_with_parent(int(sys.argv[1]))
if int(sys.argv[2]):
    from snugnet.core.isolation import limit_memory
    limit_memory(int(sys.argv[2]))
del sys.argv[:3]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

# Memory of this process in pages, on Linux: the sixth number counts what it may write.
STATM = Path("/proc/self/statm")
DATA_PAGES = 5
# Exit codes of a trial.
WRONG_INPUT = 2
OUT_OF_MEMORY = 3


@dataclass(frozen=True)
class ChildResult:
    """How a child process ended.

    Attributes:
        status: Its exit code, or minus the number of the signal that ended it.
        message: The message of the InputError that the work raised; "" if it raised none.
        is_timeout: Whether it was killed because its time was over.
        is_out_of_memory: Whether it ended because its memory was used up.
    """

    status: int
    message: str
    is_timeout: bool = False
    is_out_of_memory: bool = False

    @property
    def crash(self) -> str | None:
        """Name of the signal that ended the process; None if it ended by itself."""
        return signal.Signals(-self.status).name if self.status < 0 else None


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended.

    Attributes:
        status: Its exit code, or minus the number of the signal that ended it; None if it was
            stopped because its time was over.
        output: What it printed on standard output.
        message: The last line that it printed on standard error.
    """

    status: int | None
    output: str
    message: str


def run_program(
    program: Path,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    bytes_held: int | None = None,
) -> ProgramResult:
    """Run a Python file as a program, in a new interpreter, and wait for it.

    Args:
        program: Path of the Python file.
        *arguments: Its arguments.
        environment: Environment variables that it gets in addition to those of this process.
        timeout: Seconds after which it is stopped; None for no limit.
        bytes_held: Bytes of memory that it may use; None for no limit.
    """
    # Without -P, the modules in the folder of the program would hide those of the standard library.
    command = [sys.executable, "-P", "-c", START, str(os.getpid()), str(bytes_held or 0)]
    command += map(str, (program, *arguments))
    # A program that is stopped cannot remove its temporary files.
    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        variables = {**os.environ, "TMPDIR": folder, **(environment or {})}
        try:
            process = subprocess.run(
                command, env=variables, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return ProgramResult(None, "", f"stopped after {timeout} s")
    lines = process.stderr.strip().splitlines() or ["no error message"]
    return ProgramResult(process.returncode, process.stdout, lines[-1])


def start_child(work: Callable[[], int], ends_with_parent: bool = True) -> int:
    """Fork, and call `work` in the child, which ends with the exit code that it returns.

    TensorFlow's threads are not copied to the child. If it has run an operator in this process, the
    child must not use it. It may use LiteRT and TensorFlow Lite Micro: they are separate libraries,
    with states and locks of their own.

    Args:
        work: The function.
        ends_with_parent: Whether the child is killed when this process ends.

    Returns:
        The process id of the child.
    """
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)  # or the child would print the buffered text once more
    parent, child = os.getpid(), os.fork()
    if child != 0:
        return child
    status = 1
    try:
        if ends_with_parent:
            end_with_parent(parent)
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:  # whatever happens, this copy of the process must not go on
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        os._exit(status)


def wait_for_child(child: int) -> int:
    """Wait for a child process.

    Returns:
        Its exit code, or minus the number of the signal that ended it.
    """
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def try_in_child(
    work: Callable[[], Any], budget: Budget, what: str, writable: Iterable[Path] = ()
) -> None:
    """Call a function in a child process, to see whether this process can call it safely.

    Libraries may crash on an untrusted file, hang, or need much memory.

    Args:
        work: The function. Its return value is lost.
        budget: Limits for the time and for the memory in addition to that of this process.
        what: What the function does, for error messages: "reading m.h5".
        writable: Folders in which it may write, besides that for its temporary files.

    Raises:
        BudgetError: If the function needs more time or memory than the budget allows.
        InputError: If it crashes, or raises an exception; an InputError keeps its message.
    """
    result = run_in_child(
        partial(_work_without_rights, work, tuple(writable)),
        is_silent=True,
        timeout=budget.seconds,
        bytes_held=budget.bytes_held,
    )
    _raise_failure(result, budget, what)


def try_in_program(program: Path, *arguments: str | Path, budget: Budget, what: str) -> None:
    """Run a program that does what this process is about to do; see `try_in_child`.

    Args:
        program: Path of the Python file. It calls `run_trial`.
        *arguments: Its arguments.
        budget: Limits for the time and the memory of the program.
        what: What it does, for error messages.

    Raises:
        BudgetError: If it needs more time or memory than the budget allows.
        InputError: If it crashes, or reports an InputError.
    """
    outcome = run_program(program, *arguments, timeout=budget.seconds, bytes_held=budget.bytes_held)
    result = ChildResult(
        status=0 if outcome.status is None else outcome.status,
        message=outcome.message if outcome.status == WRONG_INPUT else "",
        is_timeout=outcome.status is None,
        is_out_of_memory=outcome.status == OUT_OF_MEMORY,
    )
    _raise_failure(result, budget, what)


def run_trial(work: Callable[[], Any]) -> None:
    """Do the work of a program for `try_in_program`, and end with the exit code that it expects."""
    try:
        _work_without_rights(work)
    except InputError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(WRONG_INPUT)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


def _raise_failure(result: ChildResult, budget: Budget, what: str) -> None:
    """Raise an error if a trial failed."""
    if result.is_timeout:
        raise budget.error(f"{what} takes more than {budget.seconds:.0f} s")
    if result.is_out_of_memory:
        raise budget.error(f"{what} needs more than {format_bytes(budget.bytes_held)} of memory")
    if result.crash:
        raise InputError(
            f"{what} crashes with {result.crash}: the file is damaged, or needs more than "
            f"{format_bytes(budget.bytes_held)} of memory"
        )
    if result.status:
        raise InputError(result.message or f"{what} fails; the file is damaged")


def run_in_child(
    work: Callable[[], Any],
    is_silent: bool = False,
    timeout: float | None = None,
    bytes_held: int | None = None,
) -> ChildResult:
    """Call a function in a child process and wait for it.

    Args:
        work: The function. Its return value is lost.
        is_silent: Whether everything that the child prints is dropped.
        timeout: Seconds after which the child is killed; None for no limit.
        bytes_held: Bytes of memory that the child may use in addition to what this process uses
            already; None for no limit.

    Returns:
        How the child ended. Its exit code is 1 if `work` raised an exception.
    """
    reader, writer = os.pipe()
    # The child skips the cleanup of libraries, such as that of TensorFlow's temporary files.
    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        child = start_child(
            lambda: _report(partial(_work, work, bytes_held), is_silent, folder, reader, writer)
        )
        os.close(writer)
        is_timeout = False
        with os.fdopen(reader) as stream:
            # The child writes its message at the end, and its end closes the pipe.
            if not select.select([stream], [], [], timeout)[0]:
                is_timeout = True
                os.kill(child, signal.SIGKILL)
            message = stream.read()
        status = wait_for_child(child)
    if status == OUT_OF_MEMORY:
        return ChildResult(status, "", is_out_of_memory=True)
    return ChildResult(status, message, is_timeout)


def _work(work: Callable[[], Any], bytes_held: int | None) -> None:
    if bytes_held is not None:
        limit_memory(bytes_held)
    work()


def _work_without_rights(work: Callable[[], Any], writable: Iterable[Path] = ()) -> None:
    """Do the work of a trial, which may write only temporary files, and in some folders."""
    give_up_rights([Path(tempfile.gettempdir()), *writable])
    work()


def limit_memory(bytes_held: int) -> None:
    """Limit how much more memory this process may use, on Linux; elsewhere nothing is limited.

    Memory that a library only reserves does not count.

    Args:
        bytes_held: Bytes in addition to what it uses already.
    """
    if not STATM.exists():
        return
    used = int(STATM.read_text().split()[DATA_PAGES]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = used + bytes_held
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _report(work: Callable[[], Any], is_silent: bool, folder: str, reader: int, writer: int) -> int:
    """Do the work of a child process, with its temporary files in a folder."""
    os.close(reader)
    tempfile.tempdir = folder
    if is_silent:
        _drop_output()
    try:
        work()
    except InputError as error:
        os.write(writer, str(error).encode(errors="backslashreplace"))
        return 1
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def _drop_output() -> None:
    """Send everything that Python and libraries print to nowhere."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")


def _flush(stream: Any) -> None:
    with suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads any more
        stream.flush()
