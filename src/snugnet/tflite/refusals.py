"""Refusals that are findings, not failures: the rest of a job, or of a study, goes on."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from snugnet.core.errors import ModelFormatError

P = ParamSpec("P")
T = TypeVar("T")


def unless_refused(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call `make`; give None if it refuses a model or a file, and leave the reason in the log."""
    try:
        return make(*args, **kwargs)
    except ModelFormatError as error:
        print(f"warning: {error}")
        return None
