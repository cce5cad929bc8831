"""Exceptions for wrong requests and wrong input files, as opposed to errors of the program."""

from snugnet.core.text import escape_controls


class InputError(ValueError):
    """A request, a setting or a file is wrong.

    The message has three parts: what is wrong, where, and what is allowed or what to do. Job
    scripts and the command line print it without a traceback.
    """

    def __str__(self) -> str:
        """Return the message. Names in files cannot control the terminal of a Python session."""
        return escape_controls(super().__str__())


class ModelFormatError(InputError):
    """A model file is damaged or not supported."""


class NotAkidaError(InputError):
    """A model, or a part of it, cannot be converted for Akida."""
