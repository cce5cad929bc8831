"""Tests of what commands print: names of a file cannot control the terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snugnet.cli.console import SafeConsole, bold, join, print_table
from tests.unit.int8 import models

HOSTILE = "[red]name[/red] [link=http://x]\x1b]0;owned\x07\x1b[2J :smile:"
SHOWN = "[red]name[/red] [link=http://x]\\x1b]0;owned\\x07\\x1b[2J :smile:"


def capture(show) -> str:
    console = SafeConsole(width=200, force_terminal=True)
    with console.capture() as captured:
        show(console)
    return captured.get()


def test_console_shows_name_as_it_is_when_it_has_controls():
    assert capture(lambda console: console.print(HOSTILE)).strip() == SHOWN


def test_table_shows_name_as_it_is_when_it_has_controls():
    text = capture(lambda console: print_table(console, HOSTILE, ("name",), [(HOSTILE,)]))
    assert text.count(SHOWN) == 2


def test_join_emphasizes_value_when_it_has_controls():
    text = capture(lambda console: console.print(join(HOSTILE, bold(HOSTILE))))
    assert text == f"{SHOWN}\x1b[1m{SHOWN}\x1b[0m\n"


def test_error_escapes_controls_when_path_has_them(command):
    code, _, error = command("inspect", "no\x1b[31m such [file].tflite")
    assert code == 2
    assert "no\\x1b[31m such [file].tflite" in error


@pytest.mark.parametrize("name", ["a [bold].tflite", "b [x][y].tflite"])
def test_inspect_shows_path_when_it_has_brackets(command, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(models.network())
    code, output, _ = command("inspect", path)
    assert code == 0
    assert name in output


def list_processes(text: str) -> list[int]:
    """List the processes whose command line contains a text."""
    processes = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text in line:
                processes.append(int(folder.name))
    return processes


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.05)


def test_command_leaves_nothing_when_it_is_killed(model, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = "from snugnet.cli.main import main; main()"
    arguments = ["benchmark", "--model", str(model), "--runs", "100000000"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list_processes(str(model))) == 2 and list(temporary.iterdir()))
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not list_processes(str(model)))
    assert list(temporary.iterdir()) == []
