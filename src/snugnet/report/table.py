"""Tables of the report: typed values under headings, for HTML and Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from snugnet.core.text import escape_cell


class Value(NamedTuple):
    """A value in a table.

    Attributes:
        text: Text that is shown.
        order: Value to sort by; None to sort by the text.
        cell: Address of the cell that the text links to; None without a link.
    """

    text: str
    order: float | str | None = None
    cell: str | None = None


class Table(NamedTuple):
    """A table.

    Attributes:
        titles: Headings of the columns.
        rows: Rows, with one value for each column.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[Value]]


# A value of a table before it is formatted.
RawValue = str | float | Value | None


def build_text_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Build a table whose values are texts without links."""
    return Table(titles, [[Value(text) for text in row] for row in rows])


def format_value(value: RawValue) -> Value:
    """Format a value: numbers with their value to sort by, missing values as an empty text."""
    if isinstance(value, Value):
        return value
    if value is None or pd.isna(value):
        return Value("")
    if isinstance(value, float):
        return Value(f"{value:.5g}", value)
    if isinstance(value, int):
        return Value(f"{value:,}", value)
    return Value(str(value))


def format_markdown(table: Table) -> str:
    """Format a table as Markdown; empty if it has no rows."""
    if not table.rows:
        return ""
    texts = [[escape_cell(value.text) for value in row] for row in table.rows]
    titles = [escape_cell(title) for title in table.titles]
    frame = pd.DataFrame(texts, columns=titles)
    markdown: str = frame.to_markdown(index=False, disable_numparse=True)
    return markdown
