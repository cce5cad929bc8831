"""The gate: checks of all cells, and of the requirements of a configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.settings.gate import MeasurableGate
from snugnet.core.sparsity import SPARSITY_TOLERANCE
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.evaluation.gate import GateResult
from snugnet.evaluation.gate_rules import (
    check_requirements,
    describe_disagreement,
    list_fitting_cells,
)
from snugnet.evaluation.rows import cell_name

# States of a cell that are no failure by themselves.
KNOWN = ("ok", "incompatible")
Row = Mapping[str, Any]


def evaluate_gate(rows: Sequence[Row], gates: Sequence[MeasurableGate] = ()) -> GateResult:
    """Check the cells of a study.

    Args:
        rows: Rows of the results, joined with the cells: `model`, `family`, `variant`, `scheme`,
            `runtime`, and the columns of `CellScore`.
        gates: The entries of `gates:`.
    """
    failures = []
    for row in rows:
        problems = [
            *(row.get("contract_findings") or ()),
            *_lost_zeros(row),
            *_inexact(row),
            *_disagreements(row),
        ]
        if row["status"] not in KNOWN:
            problems.append(f"status {row['status']}")
        failures += [f"{cell_name(row)}: {problem}" for problem in problems]
    checks, failed = check_requirements(rows, gates)
    return GateResult(
        cells=len(rows),
        failures=failures + failed,
        requirements=checks,
        fits=list_fitting_cells(rows, gates),
    )


def _inexact(row: Row) -> list[str]:
    """Full-integer files must be bit-exact on LiteRT's reference kernels.

    TensorFlow Lite Micro is only reported: it does not support every operator.
    """
    scheme = SCHEMES.get(row["scheme"])
    if scheme is None or not scheme.is_full_integer or row["litert_ref"] == "exact":
        return []
    return [f"the integer engine is not exact: {row['verification'] or 'no certificate'}"]


def _disagreements(row: Row) -> list[str]:
    """Akida 2 must compute what quantized Keras computes; for Akida 1 it is only reported."""
    scheme = AKIDA_SCHEMES.get(row["scheme"])
    if scheme is None or scheme.version == "v1" or row["status"] == "incompatible":
        return []
    problem = describe_disagreement(row)
    return [problem] if problem else []


def _lost_zeros(row: Row) -> list[str]:
    """Conversion may round small weights to zero, but must not turn zeros into other values."""
    before, after = row.get("model_zeros"), row.get("file_zeros")
    if before is None or after is None or after >= before - SPARSITY_TOLERANCE:
        return []
    return [
        f"the fraction of zero weights is {before:.3f} in the model, but {after:.3f} in the file"
    ]
