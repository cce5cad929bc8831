"""Texts of files, made safe for a terminal."""

import difflib
import re
from collections.abc import Iterable, Sequence

# Control characters except line feed and tab, and those that change the direction of writing. A
# terminal executes the former; the latter show a text in another order.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# They could make a name look like several lines or columns of the output.
LINE_CONTROLS = re.compile("[\t\n]")
# A spreadsheet takes a cell that starts with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
# Longest message that is printed.
MAX_LENGTH = 4000


def escape_controls(text: str) -> str:
    """Write control characters as escapes, such as that which starts terminal sequences."""
    return CONTROLS.sub(lambda match: _escape(match[0]), text)


def escape_line(text: str) -> str:
    """Write control characters, line feeds and tabs as escapes: the text stays on one line."""
    return LINE_CONTROLS.sub(lambda match: _escape(match[0]), escape_controls(text))


def list_names(names: Iterable[str]) -> str:
    """Join names of a file, which could look like several lines."""
    return ", ".join(map(escape_line, names))


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    Source: OWASP, CSV injection. Texts of numbers, such as -1, stay as they are.
    """
    if not text.startswith(FORMULA_STARTS) or NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def escape_cell(text: str) -> str:
    """Escape characters that would separate the cells of a table in Markdown, or start HTML."""
    return text.replace("|", "\\|").replace("<", "\\<")


def shorten(text: str, length: int = MAX_LENGTH) -> str:
    """Replace the middle of a text that is too long by the number of characters left out."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"


def format_count(count: int, unit: str) -> str:
    """Format a number of things: `1 group`, `2,000 groups`."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def describe_groups(groups: int | None) -> str:
    """Return how many groups some samples belong to, as ` of 5 groups`; "" without groups."""
    return "" if groups is None else f" of {format_count(groups, 'group')}"


def find_nearest_name(name: str, known: Sequence[str]) -> str | None:
    """Find the known name that was probably meant; None if no name is near.

    A known name of which the name is a part comes first: `fiq_int8` for `int8`.
    """
    longer = [other for other in known if name and name in other.split("_")]
    near = difflib.get_close_matches(name, longer, n=1, cutoff=0)
    near = near or difflib.get_close_matches(name, known, n=1)
    return near[0] if near else None


def get_first_line(error: Exception) -> str:
    """Return the first line of an error message: those of Keras and HDF5 can fill pages."""
    return str(error).strip().split("\n", maxsplit=1)[0][:300]


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
