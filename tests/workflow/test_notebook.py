"""Tests of the tutorial notebook."""

import json
import subprocess
import sys

import pytest

from tests.paths import ROOT

NOTEBOOK = ROOT / "docs/tutorials/python_api.ipynb"


def read_code() -> str:
    """Return the code of all cells as one program."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(sources) >= 10
    return "\n\n".join(sources)


def test_notebook_has_no_outputs_when_it_is_in_docs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(not cell.get("outputs") for cell in cells)


@pytest.mark.slow
def test_notebook_exits_0_when_all_cells_run_in_order(tmp_path):
    program = tmp_path / "notebook.py"
    program.write_text(read_code())
    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "bytes" in done.stdout
