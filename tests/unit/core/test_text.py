"""Tests of texts of files that are printed."""

import pytest

from snugnet.core.text import escape_controls, shorten


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain [bold]text[/bold]\nsecond line", "plain [bold]text[/bold]\nsecond line"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\rb", "a\\x0db"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("ä µ 心", "ä µ 心"),
    ],
)
def test_escape_controls_keeps_text_when_it_is_printable(text, expected):
    assert escape_controls(text) == expected


def test_shorten_cuts_middle_when_text_is_long():
    text = shorten("a" * 3_600_000, 100)
    assert len(text) < 200
    assert "3,599,900 characters left out" in text
    assert shorten("short") == "short"
