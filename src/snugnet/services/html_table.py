"""Tables of results for notebooks."""

from html import escape


def html_table(title: str, rows: dict[str, str]) -> str:
    """Return a small HTML table for notebooks."""
    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{body}</table>"
