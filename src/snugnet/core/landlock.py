"""Landlock of Linux: a process gives up rights to files, connections and other processes.

See the kernel's documentation, https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

# System calls, the same number on all processors since Linux 5.13.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
NO_NEW_PRIVILEGES = 38
EXECUTE = 1 << 0
# READ_FILE and READ_DIR.
READING = 1 << 2 | 1 << 3
# WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_DIR and MAKE_REG.
WRITING = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
# MAKE_CHAR, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK and MAKE_SYM: nobody keeps these rights.
SPECIAL_FILES = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
# Since versions 2, 3 and 5 of Landlock: to link and rename, to shorten files, to control devices.
REFER, TRUNCATE, CONTROL = 1 << 13, 1 << 14, 1 << 15
# Rights that a rule for a file, and not for a folder, may have.
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | TRUNCATE | CONTROL
# Since version 4: to bind and to connect with TCP.
TCP = 1 << 0 | 1 << 1
# Since version 6: abstract UNIX sockets, and signals, of processes with more rights.
SCOPES = 1 << 0 | 1 << 1


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_files(
    readable: Iterable[Path], writable: Iterable[Path], executable: Iterable[Path] = ()
) -> bool:
    """Give up the rights to all files but some, and to TCP connections, for ever.

    Child processes have no more rights. Open files stay open.

    Args:
        readable: Folders and files that may still be read; those that do not exist are left out.
        writable: Folders and files that may still be read and written.
        executable: Programs, or folders of programs, that may still be run and read.

    Returns:
        Whether the rights were given up. Without Landlock, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))
    if version < 1:
        return False
    writing = WRITING | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    control = CONTROL if version >= 5 else 0
    rules = _Ruleset(EXECUTE | READING | writing | SPECIAL_FILES | control, TCP, SCOPES)
    # Older kernels know only the first fields.
    size = 8 * (1 + (version >= 4) + (version >= 6))
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for paths, rights in (
            (readable, READING),
            (writable, READING | writing),
            (executable, READING | EXECUTE),
        ):
            for path in paths:
                _allow(call, ruleset, path, rights)
        ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _allow(call: Callable[..., Any], ruleset: int, path: Path, rights: int) -> None:
    """Allow rights to a folder, or to a file."""
    with suppress(OSError):  # it does not exist
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = _PathRule(rights if path.is_dir() else rights & FILE_RIGHTS, handle)
        try:
            call(
                ADD_RULE,
                ctypes.c_int(ruleset),
                ctypes.c_int(PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
        finally:
            os.close(handle)
