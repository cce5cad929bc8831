"""Ties the life of a process to that of its parent (Linux)."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # see prctl(2)


def end_with_parent(parent: int) -> None:
    """Make this process end when its parent ends, even if the parent is killed.

    Args:
        parent: Process id of the parent. If it has already ended, this process ends now.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "prctl"):  # not Linux
        return
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before prctl, so no signal would come
        os._exit(1)
