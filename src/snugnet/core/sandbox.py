"""A process that may only compute: it reads installed software, and nothing else (Linux).

Libraries in C may have errors that a file can exploit. A process that only runs such a file needs
no other rights, so they are given up first, with Landlock and with a seccomp filter.
"""

import site
import sys
from dataclasses import dataclass
from pathlib import Path

from snugnet.core.landlock import restrict_files
from snugnet.core.seccomp import restrict_calls

# What libraries read to start, and to find out which processor this is.
SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system"),
    *("/dev/urandom", "/dev/random", "/dev/zero"),
)


@dataclass(frozen=True)
class Rights:
    """Files that a process may still use.

    Attributes:
        readable: Files and folders that it may read, besides installed software.
        writable: Files and folders that it may read and write.
        programs: Programs that it may start.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()


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
    """
    is_restricted = restrict_files(
        [*map(Path, SYSTEM_PATHS), *_installed_software(), *kept.readable],
        [Path("/dev/null"), *kept.writable],
        # Programs need the loader of shared libraries.
        [*kept.programs, *map(Path, ("/lib", "/lib64"))] if kept.programs else [],
    )
    restrict_calls(programs=bool(kept.programs))
    return is_restricted


def _installed_software() -> list[Path]:
    """Return the folders of Python and of its packages; not the folder of the user's work."""
    folders = {Path(name) for name in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders |= {Path(__file__).parents[1], *map(Path, site.getsitepackages())}
    # Packages that are installed elsewhere, for example in the home folder.
    folders |= {Path(name) for name in sys.path if _holds_packages(Path(name))}
    return sorted(folders)


def _holds_packages(path: Path) -> bool:
    """Return whether packages are installed in a folder, or in an archive."""
    is_folder = path.name == "site-packages" or any(path.glob("*.dist-info"))
    return path.is_file() or (is_folder and path.is_dir())
