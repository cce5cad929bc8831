"""Tests of the tables that results print."""

from snugnet.services.result_table import html_table, text_table

ROWS = {"file": "\x1b[31mred.tflite", "bytes": "<100>"}


def test_text_table_escapes_controls_when_names_have_some():
    assert text_table("Model", ROWS) == "Model\n  file: \\x1b[31mred.tflite\n  bytes: <100>"


def test_html_table_escapes_markup_when_values_have_some():
    assert "<td>&lt;100&gt;</td>" in html_table("Model", ROWS)
