"""The one exception that means: the request or a file is wrong, not the program."""


class InputError(ValueError):
    """A request, a setting or a file is wrong.

    The message says what is wrong, where, and what is allowed. Jobs print it without a traceback.
    """
