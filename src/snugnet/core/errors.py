"""Exceptions for wrong requests and wrong input files, as opposed to errors of the program."""


class InputError(ValueError):
    """A request, a setting or a file is wrong.

    The message has three parts: what is wrong, where, and what is allowed or what to do. Job
    scripts and the command line print it without a traceback.
    """


class ModelFormatError(InputError):
    """A model file is damaged or not supported."""


class NotAkidaError(InputError):
    """A model, or a part of it, cannot be converted for Akida."""
