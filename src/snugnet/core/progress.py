"""A progress meter whose lines, with the remaining time, are readable in a log file."""

import sys
from typing import Any

from tqdm import tqdm


class _Lines:
    """An output stream that writes each update of tqdm as a line of its own."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        if text:
            sys.stdout.write(text + "\n")

    def flush(self) -> None:
        sys.stdout.flush()


def progress(total: int, description: str, seconds: float = 2.0) -> Any:
    """Make a progress meter that prints at most one line every `seconds`.

    Args:
        total: Number of steps of the work.
        description: Description of the work, at the start of each line.
        seconds: Minimum time between two lines, in seconds.

    Returns:
        A tqdm meter. Use it as a context manager, and call `update(1)` after each step.
    """
    # Its thread would hold locks in a fork of this process.
    tqdm.monitor_interval = 0
    return tqdm(
        total=total,
        desc=description,
        mininterval=seconds,
        file=_Lines(),
        ascii=True,
        bar_format="{desc}: {n_fmt}/{total_fmt}, {elapsed} elapsed, {remaining} left{postfix}",
    )
