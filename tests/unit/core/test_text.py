"""Tests of texts of files that are printed."""

import pytest

from snugnet.core.errors import InputError
from snugnet.core.text import (
    escape_cell,
    escape_controls,
    escape_formula,
    escape_line,
    find_nearest_name,
    shorten,
)


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


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(1)", "-", "=1"])
def test_escape_formula_adds_apostrophe_when_text_is_a_formula(text):
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["patient 1", "-1", "+1.5e3", "1=2", "'=1", ""])
def test_escape_formula_keeps_text_when_it_is_none(text):
    assert escape_formula(text) == text


def test_escape_cell_adds_backslashes_when_text_has_markup():
    assert escape_cell("a|b <script>") == "a\\|b \\<script>"


def test_escape_line_keeps_one_line_when_text_has_several():
    assert escape_line("a\tb\nc\x1bd ä") == "a\\x09b\\x0ac\\x1bd ä"
    assert escape_line(escape_line("a\nb")) == escape_line("a\nb")


def test_input_error_escapes_controls_when_message_has_them():
    error = InputError("array \x1b]0;owned\x07 not found\nsecond line")
    assert str(error) == "array \\x1b]0;owned\\x07 not found\nsecond line"
    assert str(InputError(str(error))) == str(error)


def test_shorten_cuts_middle_when_text_is_long():
    text = shorten("a" * 3_600_000, 100)
    assert len(text) < 200
    assert "3,599,900 characters left out" in text
    assert shorten("short") == "short"


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("int8", ("float32", "drq", "fiq_int8", "int16x8"), "fiq_int8"),
        ("w4a4", ("akida_v1_w4a4", "akida_v2_w8a8"), "akida_v1_w4a4"),
        ("sede", ("seed", "study"), "seed"),
        ("fiq_int8", ("int8", "fiq_uint8"), "fiq_uint8"),
        ("zip", ("c", "npz", "json"), None),
        ("", ("a_b", "a__b"), None),
        ("x", (), None),
    ],
)
def test_find_nearest_name_prefers_longer_name_when_it_is_a_part(name, known, nearest):
    assert find_nearest_name(name, known) == nearest
