"""The exceptions that mean: the request or a file is wrong, not the program."""


class InputError(ValueError):
    """A request, a setting or a file is wrong.

    The message says what is wrong, where, and what is allowed. Jobs print it without a traceback.
    """


class ModelFormatError(InputError):
    """A model file is damaged, or holds something that is not supported."""


class NotAkidaError(InputError):
    """A model that cannot become a program for Akida, or not all of it."""
