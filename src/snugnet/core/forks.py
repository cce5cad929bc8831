"""Forks of this process, and limits of what they may use. Nothing here imports a large library."""

import os
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from snugnet.core.parent import end_with_parent

# Memory of this process in pages, on Linux: the sixth number counts what it may write.
STATM = Path("/proc/self/statm")
DATA_PAGES = 5


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


def limit_memory(bytes_held: int) -> None:
    """Limit how much more memory this process may use, on Linux; elsewhere nothing is limited.

    Memory that a library only reserves does not count. No file may become larger, either.

    Args:
        bytes_held: Bytes in addition to what it uses already.
    """
    try:
        pages = int(STATM.read_text().split()[DATA_PAGES])
    except OSError:  # another system; or the parent gave up its rights, and its limit holds
        return
    used = pages * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = used + bytes_held
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    files = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if files == resource.RLIM_INFINITY or files > bytes_held:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_held, bytes_held))


def _flush(stream: Any) -> None:
    with suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads any more
        stream.flush()
