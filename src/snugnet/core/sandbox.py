"""A process that may no longer write files or open connections, on Linux with Landlock.

Libraries in C may have errors that a file can exploit. A process that only reads such a file needs
no other rights, so they are given up first. See the kernel's documentation of Landlock,
https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# System calls, the same number on all processors since Linux 5.13.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
NO_NEW_PRIVILEGES = 38
# Rights to change files: WRITE_FILE, REMOVE_DIR, REMOVE_FILE, and MAKE_CHAR to MAKE_SYM.
WRITING = 1 << 1 | 1 << 4 | 1 << 5 | sum(1 << bit for bit in range(6, 13))
# Since versions 2 and 3 of Landlock: to link and rename, and to shorten files.
REFER, TRUNCATE = 1 << 13, 1 << 14
# Since version 4: to bind and to connect with TCP.
TCP = 1 << 0 | 1 << 1
# Devices that every process may write to; semaphores are in shared memory.
DEVICES = ("/dev/null", "/dev/tty", "/dev/shm")


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def give_up_rights(writable: Iterable[Path] = ()) -> bool:
    """Give up the rights to write files and to open TCP connections, for ever.

    Child processes have no more rights. Open files stay open. Without Landlock, nothing happens.

    Args:
        writable: Folders and files in which writing stays allowed.

    Returns:
        Whether the rights were given up.
    """
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))
    if version < 1:
        return False
    rights = WRITING | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = _Ruleset(rights, TCP if version >= 4 else 0)
    size = ctypes.sizeof(rules) if version >= 4 else 8
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for path in (*writable, *map(Path, DEVICES)):
            _allow(call, ruleset, path, rights)
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _allow(call: "ctypes._FuncPointer", ruleset: int, path: Path, rights: int) -> None:
    """Allow writing in a folder, or to a file."""
    if not path.exists():
        return
    if not path.is_dir():
        rights &= 1 << 1 | TRUNCATE
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathRule(rights, handle)
        call(
            ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(handle)
