"""Seccomp filters of Linux: a process may make only the system calls that a computation needs.

libseccomp makes the filter, because numbers of system calls differ between processors. See
seccomp_rule_add(3) for its functions and constants.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

# What the filter does with a call. Programs try an older call if the kernel does not have one.
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7

FILES = (
    "access chdir close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 "
    "fadvise64 fallocate fchdir fdatasync flock fstat fstatfs fsync ftruncate getcwd getdents "
    "getdents64 lseek lstat mkdir mkdirat newfstatat pipe pipe2 pread64 preadv preadv2 pwrite64 "
    "pwritev pwritev2 read readahead readlink readlinkat readv rename renameat renameat2 rmdir "
    "sendfile stat statfs statx umask unlink unlinkat write writev"
)
MEMORY = (
    "brk get_mempolicy madvise mbind membarrier mincore mlock mlock2 mmap mprotect "
    "mremap msync munlock munmap pkey_alloc pkey_free pkey_mprotect set_mempolicy"
)
PROCESS = (
    "alarm arch_prctl capget clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 "
    "epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 exit exit_group futex "
    "futex_waitv get_robust_list getcpu getegid geteuid getgid getgroups getitimer getpgid getpgrp "
    "getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid gettid "
    "gettimeofday getuid landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self nanosleep pause poll ppoll pselect6 "
    "restart_syscall riscv_flush_icache riscv_hwprobe rseq rt_sigaction rt_sigpending "
    "rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_yield "
    "seccomp select set_robust_list set_tid_address setitimer setrlimit sigaltstack signalfd4 "
    "sysinfo time timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
    "timerfd_create timerfd_gettime timerfd_settime times uname wait4 waitid"
)
PROGRAMS = "execve execveat"
FORKS = "fork vfork"
# Calls that are refused with a clear error; all that are not listed here at all seem unknown.
REFUSED = (
    "accept accept4 bind bpf chmod chown clock_settime connect fchmod fchmodat fchmodat2 fchown "
    "fchownat fremovexattr fsetxattr futimesat init_module io_uring_setup keyctl kexec_load lchown "
    "link linkat listen lremovexattr lsetxattr mknod mknodat mount msgget open_by_handle_at "
    "perf_event_open pidfd_getfd pidfd_open pidfd_send_signal process_vm_readv process_vm_writev "
    "ptrace reboot removexattr rt_sigqueueinfo rt_tgsigqueueinfo sched_setattr sched_setparam "
    "sched_setscheduler semget sendmmsg sendmsg sendto setns setpgid setpriority setsid setxattr "
    "shmget socket socketpair symlink symlinkat tkill truncate umount2 unshare userfaultfd utime "
    "utimensat utimes"
)
# Flags of open(2). Mode 3 needs no right to a file, and permits ioctl and fcntl.
MODES, SHORTEN = os.O_ACCMODE, os.O_TRUNC
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX and FIOCLEX: nothing that changes a device.
DEVICE_QUERIES = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# F_DUPFD to F_SETLKW, F_OFD_GETLK to F_OFD_SETLKW, F_DUPFD_CLOEXEC and F_ADD_SEALS: no signals, no
# leases.
FILE_CONTROLS = (*range(8), 36, 37, 38, 1030, 1033)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS,
# PR_GET_NO_NEW_PRIVS and PR_SET_VMA.
PROCESS_CONTROLS = (3, 15, 16, 22, 23, 38, 39, 0x53564D41)
# PR_SET_PDEATHSIG, only with SIGKILL: a child cannot outlive its parent.
END_WITH_PARENT, KILL = 1, 9
# Flags of clone(2): those that make namespaces or a brother of this process, and that of a thread.
FOREIGN, THREAD = 0x7E028000, 0x00010000


class _Comparison(ctypes.Structure):
    """A condition for an argument of a system call."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class _Rule(NamedTuple):
    """What the filter does with a system call, if all conditions hold."""

    action: int
    name: str
    conditions: tuple[_Comparison, ...] = ()


def load_library() -> ctypes.CDLL | None:
    """Load libseccomp; None if it is not installed."""
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


def restrict_calls(forks: bool = False, programs: bool = False) -> bool:
    """Refuse all system calls but those that a computation needs, for ever.

    Child processes have the same filter.

    Args:
        forks: Whether this process may have child processes.
        programs: Whether they may start other programs.

    Returns:
        Whether the filter is in force. Without libseccomp, nothing happens.
    """
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return False  # processors with 32 bits have other calls
    library = load_library()
    if library is None:
        return False
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(UNKNOWN)))
    if not context:
        return False
    try:
        for rule in _list_rules(forks, programs):
            _add(library, context, rule)
        return bool(library.seccomp_load(context) == 0)
    finally:
        library.seccomp_release(context)


def _list_rules(forks: bool, programs: bool) -> Iterator[_Rule]:
    optional = {PROGRAMS: programs, FORKS: forks}
    allowed = [FILES, MEMORY, PROCESS, *(names for names in optional if optional[names])]
    refused = [REFUSED, *(names for names in optional if not optional[names])]
    for name in " ".join(allowed).split():
        yield _Rule(ALLOW, name)
    for name in " ".join(refused).split():
        yield _Rule(REFUSE, name)
    for name, position in (("open", 1), ("openat", 2)):
        for mode, mask in (
            (os.O_RDONLY, MODES | SHORTEN),
            (os.O_WRONLY, MODES),
            (os.O_RDWR, MODES),
        ):
            yield _Rule(ALLOW, name, (_Comparison(position, MASKED_EQUAL, mask, mode),))
        yield _Rule(REFUSE, name, (_Comparison(position, MASKED_EQUAL, MODES, MODES),))
        condition = _Comparison(position, MASKED_EQUAL, MODES | SHORTEN, SHORTEN)
        yield _Rule(REFUSE, name, (condition,))
    for name, position, values in (
        ("ioctl", 1, DEVICE_QUERIES),
        ("fcntl", 1, FILE_CONTROLS),
        ("prctl", 0, PROCESS_CONTROLS),
        ("prlimit64", 0, (0,)),
        ("sched_setaffinity", 0, (0,)),
        ("kill", 0, (os.getpid(),)),
        ("tgkill", 0, (os.getpid(),)),
    ):
        for value in values:
            yield _Rule(ALLOW, name, (_Comparison(position, EQUAL, value),))
    for name in ("kill", "tgkill"):
        yield _Rule(REFUSE, name, (_Comparison(0, NOT_EQUAL, os.getpid()),))
    for name in ("prlimit64", "sched_setaffinity"):
        yield _Rule(REFUSE, name, (_Comparison(0, NOT_EQUAL, 0),))
    end = (_Comparison(0, EQUAL, END_WITH_PARENT), _Comparison(1, EQUAL, KILL))
    yield _Rule(ALLOW, "prctl", end)
    mask, flags = (FOREIGN, 0) if forks else (FOREIGN | THREAD, THREAD)
    yield _Rule(ALLOW, "clone", (_Comparison(0, MASKED_EQUAL, mask, flags),))
    if not forks:
        yield _Rule(REFUSE, "clone", (_Comparison(0, MASKED_EQUAL, THREAD, 0),))


def _add(library: ctypes.CDLL, context: ctypes.c_void_p, rule: _Rule) -> None:
    """Add a rule to a filter. A name that libseccomp or the processor does not have is left out."""
    number = library.seccomp_syscall_resolve_name(rule.name.encode())
    conditions = (_Comparison * len(rule.conditions))(*rule.conditions)
    library.seccomp_rule_add_array(
        context,
        ctypes.c_uint32(rule.action),
        ctypes.c_int(number),
        ctypes.c_uint(len(rule.conditions)),
        conditions if rule.conditions else None,
    )
