"""Output shared by all commands: JSON, tables, and progress on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any

import rich.box
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print only JSON to standard output.")]


@contextmanager
def working() -> Iterator[None]:
    """Send what the work itself prints, progress above all, to standard error."""
    with redirect_stdout(sys.stderr):
        yield


def say(
    found: dict[str, Any], as_json: bool, show: Callable[[Console, dict[str, Any]], None]
) -> None:
    """Print what a command found.

    Args:
        found: Ready for JSON.
        as_json: Whether to print it as that.
        show: Prints it for people.
    """
    if as_json:
        print(json.dumps(found, allow_nan=False))
    else:
        # As wide as a line needs where nobody looks: a table that is cut off cannot be searched.
        console = Console(highlight=False)
        show(console if console.is_terminal else Console(highlight=False, width=200), found)


def table(
    console: Console,
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[Any]],
    right: Iterable[str] = (),
) -> None:
    """Print a table, if it has rows; what there is not is left empty.

    Args:
        console: Where to.
        title: The line above it; empty for none.
        columns: Their names.
        rows: Of values that are shown as `str` gives them.
        right: The columns of numbers.
    """
    made = Table(box=rich.box.SIMPLE_HEAD)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        # Names of tensors may hold what rich takes for markup.
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    if made.rows:
        if title:
            console.print(title)
        console.print(made)
