"""A process that may only compute: it reads installed software, and nothing else (Linux).

Libraries in C may have errors that a file can exploit. A process that only runs such a file needs
no other rights, so they are given up first, with Landlock and with a seccomp filter.
"""

import os
import site
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from snugnet.core.landlock import restrict_files
from snugnet.core.seccomp import load_library, restrict_calls

# What libraries read to start, and to find out which processor this is.
SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system"),
    *("/dev/urandom", "/dev/random", "/dev/zero"),
)

THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class Rights:
    """Files that a process may still use.

    Attributes:
        readable: Files and folders that it may read, besides installed software.
        writable: Files and folders that it may read and write.
        programs: Programs that it may start.
        forks: Whether it may have child processes.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    forks: bool = False


NO_RIGHTS = Rights()


def give_up_rights(kept: Rights = NO_RIGHTS) -> bool:
    """Give up all rights that a computation does not need, for ever.

    This process can then no longer read or write files of the user, start programs, open
    connections, or reach other processes. Its child processes cannot either. Open files stay open.

    Args:
        kept: Rights to files that it keeps.

    Returns:
        Whether rights to files were given up. Without Landlock (before Linux 5.13, or on another
        system), they are not.

    Raises:
        RuntimeError: If this process has several threads: the others would keep all rights.
    """
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError):
        if len(list(THREADS.iterdir())) > 1:
            raise RuntimeError("a process with several threads cannot give up its rights")
    load_library()  # wherever it is installed
    is_restricted = restrict_files(
        [*map(Path, SYSTEM_PATHS), *_installed_software(), *kept.readable],
        [Path("/dev/null"), *kept.writable],
        # Programs need the loader of shared libraries.
        [*kept.programs, *map(Path, ("/lib", "/lib64"))] if kept.programs else [],
    )
    restrict_calls(kept.forks or bool(kept.programs), bool(kept.programs))
    return is_restricted


def _installed_software() -> list[Path]:
    """Return the folders of Python and of its packages; not the folder of the user's work."""
    folders = {Path(name) for name in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders |= {Path(__file__).parents[1], *map(Path, site.getsitepackages())}
    # Packages that are installed elsewhere, for example in the home folder, and archives.
    others = [Path(name) for name in sys.path]
    folders |= {path for path in others if path.name == "site-packages" or path.is_file()}
    # Folders that the user names, if packages were installed there; a project is none.
    named = map(Path, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    folders |= {path for path in named if _holds_packages(path)}
    return sorted(folders)


def _holds_packages(path: Path) -> bool:
    is_work = Path.cwd().is_relative_to(path.resolve())
    return not is_work and any(path.glob("*.dist-info"))
