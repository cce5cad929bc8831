"""Paths of the workflow files, in a clone or next to the installed package."""

import sys
from pathlib import Path

from snugnet.core.errors import InputError

_PACKAGE = Path(__file__).parents[1]
# In a wheel, the workflow and the default configuration are in one folder (setup.py).
_INSTALLED = _PACKAGE.with_name("snugnet_workflow")
# The clone that this package is imported from; None if it comes from a wheel.
CLONE = None if _INSTALLED.is_dir() else _PACKAGE.parents[1]

_TOP = CLONE or _INSTALLED
WORKFLOW = _INSTALLED if CLONE is None else CLONE / "workflow"
DEFAULT_CONFIG = _TOP / "config.yaml"
PROFILE = _TOP / "profiles" / "default" / "profile.yaml"
SNAKEFILE = WORKFLOW / "Snakefile"

# The pinned versions of TensorFlow and Akida have no builds for this version of Python or later.
FIRST_UNSUPPORTED_PYTHON = (3, 13)


def is_supported() -> bool:
    """Return whether TensorFlow and Akida have builds for this Python."""
    return sys.version_info < FIRST_UNSUPPORTED_PYTHON


def unsupported_message(library: str) -> str:
    """Return the error message for a library that has no build for this Python.

    Args:
        library: Name and version of the library.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{library} has no build for Python {version}; use Python 3.11 or 3.12"


def check_python() -> None:
    """Check that a study can run on this Python.

    Raises:
        InputError: If TensorFlow has no build for this Python.
    """
    if not is_supported():
        raise InputError(unsupported_message("TensorFlow 2.19"))
