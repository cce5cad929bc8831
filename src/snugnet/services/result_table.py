"""Tables of results for Python's prompt and for notebooks, with control characters as escapes."""

from collections.abc import Mapping
from html import escape

from snugnet.core.text import escape_controls


def text_table(title: str, rows: Mapping[str, str]) -> str:
    """Return a title, and a line for each name and value."""
    lines = (f"  {name}: {value}" for name, value in rows.items())
    return escape_controls("\n".join([title, *lines]))


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """Return a small HTML table for notebooks."""
    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{body}</table>"
