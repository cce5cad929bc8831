"""Detection of runtime crashes in a forked process.

LiteRT's reference kernels abort the process if one of their checks fails, so no exception can be
caught. This was observed with ai-edge-litert 2.3.0 on converted models with almost constant
activations.
"""

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def detect_crash(work: Callable[[], Any]) -> str | None:
    """Call a function in a forked process and detect whether the process crashes.

    Args:
        work: The function. Its result or exception is discarded.

    Returns:
        Name of the signal that ended the process, such as `SIGABRT`; None if it did not crash.
    """
    child = os.fork()
    if child == 0:
        try:
            _silence_output()
            work()
        finally:
            # In any case, the forked process must not continue with the code of the parent.
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if status >= 0 else signal.Signals(-status).name


def _silence_output() -> None:
    """Discard all output of libraries (file descriptors 1 and 2) and of Python."""
    faulthandler.disable()
    null_device = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null_device, stream)
    sys.stdout = sys.stderr = os.fdopen(null_device, "w")
