"""Calls in which an unsupported model is not an error: a job continues with a warning."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from snugnet.core.errors import ModelFormatError

P = ParamSpec("P")
T = TypeVar("T")


def call_or_warn(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call a function; print a warning instead of raising ModelFormatError.

    Args:
        function: The function.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Returns:
        The result of the function; None if it raised ModelFormatError.
    """
    try:
        return function(*args, **kwargs)
    except ModelFormatError as error:
        print(f"warning: {error}")
        return None
