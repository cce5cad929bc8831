"""Checks and errors of single arguments.

The Python API names the argument in a message, the command line its option.
"""

from numbers import Integral, Number
from types import UnionType
from typing import Any

from snugnet.core.errors import InputError
from snugnet.core.text import format_count, shorten

# Longest text of a value in a message.
MAX_VALUE_LENGTH = 80


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


def check_type(
    argument: str, value: Any, types: type | UnionType, expected: str, advice: str = ""
) -> None:
    """Check the type of an argument.

    Args:
        argument: Name of the argument.
        value: Its value.
        types: The allowed types.
        expected: Description of the allowed values.
        advice: What to do instead: a sentence.

    Raises:
        ArgumentError: If the value has another type.
    """
    if not isinstance(value, types):
        problem = f"expected {expected}, got {describe_value(value)}. {advice}".rstrip()
        raise ArgumentError(argument, None, problem)


def check_count(argument: str, value: Any) -> None:
    """Check that an argument is an integer of 1 or more.

    Raises:
        ArgumentError: If it is not.
    """
    expected = "an integer of 1 or more"
    check_type(argument, value, Integral, expected)
    if value < 1:
        raise ArgumentError(argument, None, f"expected {expected}, got {value}.")


def check_pair(argument: str, value: Any) -> None:
    """Check that an argument is a pair of samples and labels.

    Raises:
        ArgumentError: If it is not.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentError(
            argument,
            None,
            f"expected a pair (x, y) of samples and labels, got {describe_value(value)}. "
            f"Give {argument}=(x, y).",
        )


def check_scheme_name(value: Any, example: str) -> None:
    """Check that the argument `scheme` is a text. An array is mostly meant as `calibration`.

    Raises:
        ArgumentError: If it is not.
    """
    advice = "Calibration samples are the argument `calibration`."
    check_type("scheme", value, str, f"a name such as {example!r}", advice)


def describe_value(value: Any) -> str:
    """Describe a value in a message: `an array of shape (5, 2)`, `a tuple of 3 items`, `None`."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    if isinstance(value, tuple | list | dict):
        return f"a {type(value).__name__} of {format_count(len(value), 'item')}"
    if value is None or isinstance(value, str | Number):
        return shorten(repr(value), MAX_VALUE_LENGTH)
    return f"an object of type {type(value).__name__}"
