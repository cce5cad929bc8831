"""The last judgement: may this study pass?"""

from collections.abc import Mapping, Sequence
from typing import Any


def judge(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Judge all cells by their verdict files and their rows.

    Args:
        cells: For each cell `cell` (its names, joined), `contract` (what `check_contract` gave,
            or None where there is no .tflite) and `metrics` (its row).

    Returns:
        Ready for JSON: `verdict` (`pass` or `fail`), `cells` (how many) and `failures`, each
        naming the cell and what is wrong.
    """
    failures = []
    for cell in cells:
        contract = cell["contract"]
        if contract is not None and contract["verdict"] != "pass":
            failures += [f"{cell['cell']}: {finding}" for finding in contract["findings"]]
        if cell["metrics"]["status"] not in ("ok", "incompatible"):
            failures.append(f"{cell['cell']}: status {cell['metrics']['status']}")
    return {"verdict": "fail" if failures else "pass", "cells": len(cells), "failures": failures}
