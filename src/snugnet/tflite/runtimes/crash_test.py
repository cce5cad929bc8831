"""Whether a runtime survives a file.

LiteRT's reference kernels abort where a check of theirs fails, and nothing is raised that could be
caught. Seen in ai-edge-litert 2.3.0 on converted models whose activations hardly varied.
"""

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def crash_of(work: Callable[[], Any]) -> str | None:
    """Try something in a copy of this process.

    Args:
        work: What to call; what it returns or raises is lost.

    Returns:
        The name of the signal that ended the copy; None if nothing but `work` itself ended.
    """
    child = os.fork()
    if child == 0:
        try:
            _fall_silent()
            work()
        finally:  # whatever happens, this copy of the process must not go on
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if status >= 0 else signal.Signals(-status).name


def _fall_silent() -> None:
    """Let go of what libraries print to, and of what Python does."""
    faulthandler.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")
