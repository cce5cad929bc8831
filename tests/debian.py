"""Skip tests whose Debian programs are missing, and name these programs."""

import os
import shutil
import subprocess

import pytest


def require(*programs: str, root: bool = False) -> None:
    """Skip unless programs are installed, and, if they need it, the tests are run by root."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        # `make test` installs nothing outside of the project's folder.
        pytest.skip(f"not installed: {', '.join(missing)} (`make programs` installs them)")
    if root and os.geteuid() != 0:
        # Daemons that start processes for others, and images with files of others, need it.
        pytest.skip(f"{programs[0]} is started by root only")


def private_mount_command(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a shell script with private mounts.

    A private file system can be filled and made read-only without harm to other processes.
    """
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    require("unshare")
    if subprocess.run([*unshare, "mount -t tmpfs none /mnt"], capture_output=True).returncode:
        # Some containers and kernels forbid name spaces; then only a real full disk would do.
        pytest.skip("no file system can be mounted here")
    return [*unshare, script, "sh", *arguments]
