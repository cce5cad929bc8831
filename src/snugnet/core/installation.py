"""Where the workflow's files are: in the clone, or next to the installed package."""

import sys
from pathlib import Path

from snugnet.core.errors import InputError

_PACKAGE = Path(__file__).parents[1]
# A wheel has the workflow and the default configuration in one folder (setup.py).
_INSTALLED = _PACKAGE.with_name("snugnet_workflow")
_CLONE = _PACKAGE.parents[1]

WORKFLOW = _INSTALLED if _INSTALLED.is_dir() else _CLONE / "workflow"
_TOP = _INSTALLED if _INSTALLED.is_dir() else _CLONE
DEFAULT_CONFIG = _TOP / "config.yaml"
PROFILE = _TOP / "profiles" / "default" / "profile.yaml"
SNAKEFILE = WORKFLOW / "Snakefile"

# The first version of Python for which TensorFlow and Akida, as pinned, have no builds.
UNSUPPORTED = (3, 13)


def is_supported() -> bool:
    """Return whether TensorFlow and Akida have builds for this Python."""
    return sys.version_info < UNSUPPORTED


def unsupported(library: str) -> str:
    """Return the error message about a library that has no build for this Python."""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{library} has no build for Python {version}; use Python 3.11 or 3.12"


def check_python() -> None:
    """Check that a study can run on this Python.

    Raises:
        InputError: If TensorFlow has no build for it.
    """
    if not is_supported():
        raise InputError(unsupported("TensorFlow 2.19"))
