"""Work in a program of its own, because it needs a process without the libraries of this one."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.files import private_folder
from snugnet.core.isolation import OUT_OF_MEMORY, WRONG_INPUT, ChildResult, raise_failure
from snugnet.core.sandbox import Rights

# Runs a program, which ends with its parent: START SETTINGS PROGRAM ARGUMENTS. Rights are given up
# before a library is imported that may start threads, because each thread has rights of its own.
START = """
import json, runpy, sys, tempfile
from pathlib import Path
from snugnet.core.parent import end_with_parent
settings = json.loads(sys.argv[1])
end_with_parent(settings["parent"])
# Not another folder, if this one is full.
tempfile.tempdir = settings["folder"]
if settings["kept"] is not None:
    from snugnet.core.sandbox import Rights, give_up_rights
    readable, writable, forks = settings["kept"]
    writable.append(tempfile.tempdir)
    give_up_rights(Rights(tuple(map(Path, readable)), tuple(map(Path, writable)), forks=forks))
if settings["bytes_held"] is not None:
    from snugnet.core.forks import limit_memory
    limit_memory(settings["bytes_held"])
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# Bytes that are read of what a program prints.
MAX_TEXT = 1 << 20


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
    kept: Rights | None = None,
) -> ProgramResult:
    """Run a Python file as a program, in a new interpreter, and wait for it.

    Args:
        program: Path of the Python file.
        *arguments: Its arguments.
        environment: Environment variables that it gets in addition to those of this process.
        timeout: Seconds after which it is stopped; None for no limit.
        bytes_held: Bytes of memory that it may use; None for no limit.
        kept: Rights to files that it keeps, besides those to the program and to temporary files. It
            has no other rights then; see `core.sandbox`. None: it has all rights.
    """
    settings: dict[str, Any] = {"parent": os.getpid(), "bytes_held": bytes_held}
    settings["kept"] = None if kept is None else _list_rights(program, kept)
    with (
        # A program that is stopped cannot remove its temporary files.
        private_folder() as folder,
        # Files, because a program may send more than there is memory.
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        start = json.dumps({**settings, "folder": folder})
        process = subprocess.Popen(
            # Without -P, the modules in the folder of the program would hide standard ones.
            [sys.executable, "-P", "-c", START, start, *map(str, (program, *arguments))],
            env={**os.environ, "TMPDIR": folder, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return ProgramResult(None, "", f"stopped after {timeout} s")
        finally:
            _end_group(process)
        output.seek(0)
        text = output.read(MAX_TEXT).decode(errors="replace")
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - MAX_TEXT))
        lines = errors.read().decode(errors="replace").strip().splitlines()
    return ProgramResult(status, text, lines[-1] if lines else "no error message")


def _list_rights(program: Path, kept: Rights) -> tuple[list[str], list[str], bool]:
    """Return the files that a program may read and write, and whether it may fork, for JSON."""
    readable, writable = (
        [str(path.absolute()) for path in paths]
        for paths in ((program, *kept.readable), kept.writable)
    )
    return readable, writable, kept.forks


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a program, and all processes that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def try_in_program(
    program: Path, *arguments: str | Path, budget: Budget, what: str, kept: Rights
) -> None:
    """Run a program without rights.

    Args:
        program: Path of the Python file. It calls `run_trial`.
        *arguments: Its arguments.
        budget: Limits for the time and the memory of the program.
        what: What it does, for error messages.
        kept: Rights to files that it keeps, besides temporary files.

    Raises:
        BudgetError: If it needs more time or memory than the budget allows.
        InputError: If it crashes, or reports an InputError.
    """
    outcome = run_program(
        program,
        *arguments,
        timeout=budget.seconds,
        bytes_held=budget.bytes_held,
        kept=kept,
    )
    result = ChildResult(
        status=0 if outcome.status is None else outcome.status,
        message=outcome.message,
        is_timeout=outcome.status is None,
        is_out_of_memory=outcome.status == OUT_OF_MEMORY,
    )
    raise_failure(result, budget, what)


def run_trial(work: Callable[[], Any]) -> None:
    """Do the work of a program for `try_in_program`, and end with the exit code that it expects."""
    try:
        work()
    except InputError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(WRONG_INPUT)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
