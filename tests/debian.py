"""What some slow tests need of the system; without it they are skipped, and say what is missing."""

import os
import shutil

import pytest


def require(*programs: str, root: bool = False) -> None:
    """Skip unless programs are installed, and, if they need it, the tests are run by root."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (`make programs` installs them)")
    if root and os.geteuid() != 0:
        pytest.skip(f"{programs[0]} is started by root only")
