"""Errors of single arguments: the Python API names the argument, the command line its option."""

from typing import Any

from snugnet.core.errors import InputError


class ArgumentError(InputError):
    """An argument of a request is wrong; the message starts with its name.

    Attributes:
        argument: Name of the argument.
        problem: The value, if it was given, what is wrong, and what to do.
    """

    def __init__(self, argument: str, value: Any, problem: str) -> None:
        """Make the error.

        Args:
            argument: Name of the argument.
            value: Its value; None to leave it out of the message.
            problem: The problem, and how to solve it.
        """
        self.argument = argument
        self.problem = f": {problem}" if value is None else f" {value}: {problem}"
        super().__init__(self.argument + self.problem)
