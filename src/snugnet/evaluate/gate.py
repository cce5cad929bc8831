"""The last judgement: may this study pass?"""

from collections.abc import Mapping, Sequence
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.evaluate.gate_rules import check_requirements, disagreement

# By how much the share of zeros in a file may be below that of the model it was made from.
TOLERANCE = 0.005


def judge(
    cells: Sequence[Mapping[str, Any]], gates: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Judge all cells by their verdict files and their rows, and by what is demanded of them.

    Args:
        cells: For each cell `cell` (its names, joined), `scheme`, `contract` (what
            `check_contract` gave, or None where there is no .tflite) and `metrics` (its row); for
            `gates` also `model`, `family`, `variant` and `runtime`.
        gates: The entries of `gates:`, as `check_requirements` takes them.

    Returns:
        Ready for JSON: `verdict` (`pass` or `fail`), `cells` (how many), `failures`, each
        naming the cell and what is wrong, and `demands`, as `check_requirements` returns them.
    """
    failures = []
    for cell in cells:
        contract = cell["contract"]
        if contract is not None and contract["verdict"] != "pass":
            failures += [f"{cell['cell']}: {finding}" for finding in contract["findings"]]
        scheme, row = cell["scheme"], cell["metrics"]
        findings = [*_zeros_lost(row), *_inexact(scheme, row), *_disagrees(scheme, row)]
        failures += [f"{cell['cell']}: {finding}" for finding in findings]
        if row["status"] not in ("ok", "incompatible"):
            failures.append(f"{cell['cell']}: status {row['status']}")
    demands, short = check_requirements(cells, gates)
    failures += short
    verdict = "fail" if failures else "pass"
    return {"verdict": verdict, "cells": len(cells), "failures": failures, "demands": demands}


def _inexact(name: str, row: Mapping[str, Any]) -> list[str]:
    """LiteRT's reference kernels must be met bit for bit; of another runtime the table tells."""
    scheme = SCHEMES.get(name)
    if scheme is None or not scheme.is_full_integer or row["litert_ref"] == "exact":
        return []
    return [f"the integer engine is not exact: {row['verification'] or 'no certificate'}"]


def _disagrees(name: str, row: Mapping[str, Any]) -> list[str]:
    """Akida's second generation must compute what quantized Keras does; of the first we tell."""
    scheme = AKIDA_SCHEMES.get(name)
    if scheme is None or scheme.version == "v1" or row["status"] == "incompatible":
        return []
    said = disagreement(row)
    return [said] if said else []


def _zeros_lost(row: Mapping[str, Any]) -> list[str]:
    """Conversion may round small weights to zero, but never bring zeros back to life."""
    before, after = row.get("model_zeros"), row.get("file_zeros")
    if before is None or after is None or after >= before - TOLERANCE:
        return []
    return [
        f"the fraction of zero weights is {before:.3f} in the model, but {after:.3f} in the file"
    ]
