"""Seccomp filters of Linux: a process may no longer make some system calls.

libseccomp makes the filter, because numbers of system calls differ between processors. See
seccomp_rule_add(3) for its functions and constants.
"""

import ctypes
import errno
import os
import sys

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
NOT_EQUAL = 1

# What a process that computes does not need, and what Landlock does not refuse in all versions.
NETWORK = "socket connect bind listen accept accept4 sendto sendmsg sendmmsg"
PROGRAMS = "execve execveat"
ATTRIBUTES = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr "
    "setxattrat removexattr lremovexattr fremovexattr removexattrat utime utimes utimensat "
    "futimesat truncate"
)
OTHER_PROCESSES = (
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_open "
    "pidfd_getfd pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo tkill kcmp setpriority "
    "ioprio_set setsid setpgid shmget shmat shmctl semget semop semctl semtimedop msgget msgsnd "
    "msgrcv msgctl mq_open mq_unlink"
)
SYSTEM = (
    "mount umount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr "
    "pivot_root chroot unshare setns bpf perf_event_open io_uring_setup io_uring_enter "
    "io_uring_register userfaultfd keyctl add_key request_key init_module finit_module "
    "delete_module kexec_load kexec_file_load reboot swapon swapoff sethostname setdomainname "
    "settimeofday stime clock_settime clock_adjtime adjtimex acct quotactl quotactl_fd iopl ioperm "
    "open_by_handle_at name_to_handle_at fanotify_init syslog vhangup lookup_dcookie"
)
# Calls whose first argument names a process: only this one, or 0 for this one, is allowed.
OWN_PROCESS = ("kill", "tgkill")
OWN_PROCESS_IS_ZERO = ("prlimit64",)


class _Comparison(ctypes.Structure):
    """A condition for an argument of a system call."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def refuse_calls(programs: bool = True) -> bool:
    """Refuse system calls that reach the network, other processes or settings, for ever.

    Child processes have the same filter.

    Args:
        programs: Whether to refuse the start of other programs, too.

    Returns:
        Whether the filter is in force. Without libseccomp, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
    if not context:
        return False
    names = " ".join((NETWORK, ATTRIBUTES, OTHER_PROCESSES, SYSTEM, PROGRAMS if programs else ""))
    try:
        for name in names.split():
            _refuse(library, context, name)
        # A program that this process starts may send signals to itself.
        for name in OWN_PROCESS if programs else ():
            _refuse(library, context, name, _Comparison(0, NOT_EQUAL, os.getpid(), 0))
        for name in OWN_PROCESS_IS_ZERO:
            _refuse(library, context, name, _Comparison(0, NOT_EQUAL, 0, 0))
        return bool(library.seccomp_load(context) == 0)
    finally:
        library.seccomp_release(context)


def _refuse(
    library: ctypes.CDLL, context: ctypes.c_void_p, name: str, condition: _Comparison | None = None
) -> None:
    """Refuse a system call, always or under a condition; libraries know not all names."""
    number = library.seccomp_syscall_resolve_name(name.encode())
    conditions = None if condition is None else ctypes.byref(condition)
    count = 0 if condition is None else 1
    # The result is an error for calls that this processor does not have.
    library.seccomp_rule_add_array(
        context, ctypes.c_uint32(REFUSE), ctypes.c_int(number), ctypes.c_uint(count), conditions
    )
