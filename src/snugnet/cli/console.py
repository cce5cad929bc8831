"""Output shared by all commands: JSON, tables, and progress on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, Protocol, TypeVar

import rich.box
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snugnet.core.text import escape_controls

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


class SafeConsole(Console):
    """A console that shows texts of files as they are: no markup, no control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Prepare a text for output; rich calls this for each text, also in tables."""
        return super().render_str(escape_controls(text), **options)


def make_console() -> Console:
    """Make a console for text. It is 200 columns wide if the output is not a terminal."""
    console = SafeConsole()
    return console if console.is_terminal else SafeConsole(width=200)


def bold(value: object) -> Text:
    """Emphasize a value; give it to `join`."""
    return Text(escape_controls(str(value)), style="bold")


def join(*parts: "str | Text") -> Text:
    """Join texts, some of which are emphasized, to one line."""
    return Text.assemble(
        *(part if isinstance(part, Text) else escape_controls(part) for part in parts)
    )


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
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    if table.rows:
        if title:
            console.print(title)
        console.print(table)
