"""Progress lines with the time left, readable in a log file."""

import sys
from typing import Any

from tqdm import tqdm


class _Lines:
    """A stream that ends each of tqdm's updates with a newline, so that a log keeps them apart."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            sys.stdout.write(text + "\n")

    def flush(self) -> None:
        sys.stdout.flush()


def progress(total: int, description: str, seconds: float = 2.0) -> Any:
    """Make a progress meter that prints at most one line every `seconds`.

    Args:
        total: How many steps the work has.
        description: What is being done, first on each line.
        seconds: Least time between two lines, in seconds.

    Returns:
        A tqdm meter: call `update(1)` after each step and use it as a context manager.
    """
    return tqdm(
        total=total,
        desc=description,
        mininterval=seconds,
        file=_Lines(),
        ascii=True,
        bar_format="{desc}: {n_fmt}/{total_fmt}, {elapsed} elapsed, {remaining} left{postfix}",
    )
