"""Tests of a process that gives up the rights to write files and to open connections."""

import subprocess
import sys

import pytest

from snugnet.core.isolation import run_in_child
from snugnet.core.sandbox import give_up_rights

PROGRAM = """
import pathlib, socket, subprocess, sys
from snugnet.core.sandbox import give_up_rights
allowed, forbidden = map(pathlib.Path, sys.argv[1:])
if not give_up_rights([allowed]):
    print("no landlock")
    sys.exit()
(allowed / "a").write_text("x")
(allowed / "a").rename(allowed / "b")
(allowed / "b").unlink()
open("/dev/null", "w").write("x")
assert forbidden.joinpath("mine").read_text() == "mine"
for attempt in (
    lambda: (forbidden / "a").write_text("x"),
    lambda: (forbidden / "mine").write_text("x"),
    lambda: (forbidden / "mine").unlink(),
    lambda: (forbidden / "folder").mkdir(),
    lambda: (forbidden / "mine").rename(allowed / "mine"),
    lambda: (forbidden / "link").symlink_to("/"),
    lambda: open(forbidden / "mine", "r+"),
    lambda: subprocess.run(["touch", forbidden / "a"], check=True, stderr=subprocess.DEVNULL),
    lambda: socket.create_connection(("127.0.0.1", 9)),
):
    try:
        attempt()
    except (PermissionError, subprocess.CalledProcessError):
        continue
    except OSError as error:
        assert error.errno in (1, 13, 18), error
        continue
    raise AssertionError("it was allowed")
print("restricted")
"""


def test_process_cannot_write_when_it_gave_up_its_rights(tmp_path):
    folders = [tmp_path / "allowed", tmp_path / "forbidden"]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "mine").write_text("mine")
    done = subprocess.run([sys.executable, "-c", PROGRAM, *folders], capture_output=True, text=True)
    if done.stdout == "no landlock\n":
        pytest.skip("this kernel has no Landlock")
    assert done.stdout == "restricted\n", done.stderr
    assert [path.name for path in folders[1].iterdir()] == ["mine"]
    assert (folders[1] / "mine").read_text() == "mine"


def test_process_keeps_its_rights_when_system_is_not_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not give_up_rights()
    (tmp_path / "a").write_text("x")


def test_parent_keeps_its_rights_when_child_gives_them_up(tmp_path):
    assert run_in_child(give_up_rights).status == 0
    (tmp_path / "a").write_text("x")
