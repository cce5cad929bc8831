"""Output shared by all commands: JSON, tables, and progress on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, Protocol, TypeVar

import rich.box
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print only JSON to standard output.")]


class Result(Protocol):
    """A result of a service."""

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""


R = TypeVar("R", bound=Result)


@contextmanager
def report_progress_on_stderr() -> Iterator[None]:
    """Send everything that libraries print, above all progress, to standard error."""
    with redirect_stdout(sys.stderr):
        yield


def show_result(result: R, as_json: bool, show: Callable[[Console, R], None]) -> None:
    """Print the result of a command.

    Args:
        result: The result of a service.
        as_json: Whether to print it as JSON.
        show: Prints it for people.
    """
    if as_json:
        print_json(result.to_json())
    else:
        show(make_console(), result)


def print_json(values: dict[str, Any]) -> None:
    """Print a mapping as one line of JSON."""
    print(json.dumps(values, allow_nan=False))


def make_console() -> Console:
    """Make a console for text. It is 200 columns wide if the output is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


def print_table(
    console: Console,
    title: str,
    columns: Iterable[str],
    rows: Iterable[Iterable[Any]],
    right: Iterable[str] = (),
) -> None:
    """Print a table, unless it has no rows; None becomes an empty cell.

    Args:
        console: The console.
        title: The line above the table; "" for none.
        columns: Headings of the columns.
        rows: Values, shown with `str`.
        right: Headings of the columns that are aligned right.
    """
    table = Table(box=rich.box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        # Names of tensors can hold characters that rich takes for markup.
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    if table.rows:
        if title:
            console.print(title)
        console.print(table)
