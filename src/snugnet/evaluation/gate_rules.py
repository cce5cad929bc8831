"""Requirements of `gates:`: check them on the results of cells, and describe each failure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snugnet.core.fractions import FRACTION_TOLERANCE, format_points
from snugnet.core.gate_entries import (
    REQUIREMENTS,
    applies,
    describe_scope,
    is_selected,
    list_requirements,
)
from snugnet.core.settings.gate import MeasurableGate
from snugnet.evaluation.gate import FitsCheck, RequirementCheck
from snugnet.evaluation.gate_fits import (
    describe_fits,
    describe_limits,
    find_misfits,
    list_excesses,
)
from snugnet.evaluation.rows import cell_name

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Requirement:
    """A requirement that an entry of `gates:` can have.

    Attributes:
        limit: Describes the limit of an entry.
        failure: Describes how a row fails the requirement; None if it passes.
    """

    limit: Callable[[MeasurableGate], str]
    failure: Callable[[Row, MeasurableGate], str | None]


def check_requirements(
    rows: Sequence[Row], gates: Sequence[MeasurableGate]
) -> tuple[list[RequirementCheck], list[str]]:
    """Check the requirements of all entries on the cells that they select.

    Args:
        rows: Rows of the results, joined with the cells, as `evaluate_gate` takes them.
        gates: The entries.

    Returns:
        The checks of all requirements, and a message for each failure, which begins with the cell.
    """
    checks, failures = [], []
    for i, gate in enumerate(gates):
        for name in list_requirements(gate):
            where, limit = f"gates[{i}].{name}", _describe_limit(name, gate)
            selected = _select(rows, gate, name)
            messages = [
                f"{message}; {where} requires {limit}"
                for message in _list_failures(name, selected, gate)
            ]
            text = f"{limit} ({describe_scope(gate)})"
            checked = len(selected)
            if name == "fits":  # a requirement for datasets
                checked = len({row["dataset"] for row in selected})
            checks.append(RequirementCheck(where, text, checked, len(messages)))
            failures += messages
    return checks, failures


def list_fitting_cells(rows: Sequence[Row], gates: Sequence[MeasurableGate]) -> list[FitsCheck]:
    """List the cells that fit a microcontroller, for each entry with `fits`."""
    return [
        FitsCheck(
            gate.fits.target,
            f"{describe_limits(gate.fits)} ({describe_scope(gate)})",
            [
                cell_name(row)
                for row in _select(rows, gate, "fits")
                if not list_excesses(row, gate.fits)
            ],
        )
        for gate in gates
        if gate.fits is not None
    ]


def _select(rows: Sequence[Row], gate: MeasurableGate, name: str) -> list[Row]:
    """Return the rows that an entry selects and that have the figure of a requirement."""
    return [
        row
        for row in rows
        if _selects(gate, row)
        and row["scheme"] in REQUIREMENTS[name]
        and applies(name, row.get("has_errors", False))
    ]


def _describe_limit(name: str, gate: MeasurableGate) -> str:
    return describe_fits(gate.fits) if name == "fits" and gate.fits else RULES[name].limit(gate)


def _list_failures(name: str, rows: Sequence[Row], gate: MeasurableGate) -> list[str]:
    """List the failures of a requirement: of cells, or for `fits` of datasets."""
    if name == "fits" and gate.fits:
        return list(find_misfits(rows, gate.fits))
    reasons = [(cell_name(row), _describe_failure(name, row, gate)) for row in rows]
    return [f"{cell}: {reason}" for cell, reason in reasons if reason]


def _selects(gate: MeasurableGate, row: Row) -> bool:
    names = ("model", "family", "variant", "scheme", "runtime")
    return is_selected(gate, **{name: row[name] for name in names})


def _limit(gate: MeasurableGate, requirement: str) -> float:
    """Return the limit of a requirement that an entry has."""
    limit: float = getattr(gate, requirement)
    return limit


def _describe_failure(name: str, row: Row, gate: MeasurableGate) -> str | None:
    if row["status"] == "incompatible":
        return f"incompatible ({row['reason']})"
    return RULES[name].failure(row, gate)


def _describe_drop_limit(gate: MeasurableGate) -> str:
    points, percent = f"{_limit(gate, 'max_drop'):g} points", f"{100 * gate.interval:g} %"
    if gate.confidence == "possible":
        return f"at most {points} below float32 over the whole {percent} interval"
    return f"a {percent} interval not entirely more than {points} below float32"


def _describe_larger_drop(row: Row, gate: MeasurableGate) -> str | None:
    low, high = row["delta_float_low"], row["delta_float_high"]
    message = f"accuracy differs from float32 by {format_points(row['delta_float'])} points"
    if low is None or high is None:
        # A drop without an interval is possible, but never certain.
        reason = _explain_missing_interval(row) if gate.confidence == "possible" else None
        return reason and f"{message}, no interval: {reason}"
    decisive_end = low if gate.confidence == "possible" else high
    if 100 * decisive_end >= -_limit(gate, "max_drop") - FRACTION_TOLERANCE:
        return None
    return f"{message} [{format_points(low)}, {format_points(high)}]"


def _explain_missing_interval(row: Row) -> str | None:
    """Explain why a difference has no interval; None if no group of several loses accuracy.

    Small drops in a few groups have a narrow interval and pass. Without any drop, the spread is 0
    and there is no interval; this case must not fail.
    """
    if row["n_groups"] == 1:
        return "all test samples are in one group"
    return (
        None
        if row["delta_float"] > -FRACTION_TOLERANCE
        else "the difference is equal in all groups"
    )


def _describe_low_accuracy(row: Row, gate: MeasurableGate) -> str | None:
    if 100 * row["accuracy"] >= _limit(gate, "min_accuracy") - FRACTION_TOLERANCE:
        return None
    message = f"accuracy is {100 * row['accuracy']:.2f} %"
    if row["accuracy_low"] is None:
        return message
    return f"{message} [{100 * row['accuracy_low']:.2f}, {100 * row['accuracy_high']:.2f}]"


def _format_bytes(size: float) -> str:
    return f"{size / 1024:.1f} KiB ({size:,.0f} bytes)"


def _build_upper_limit(
    key: str, column: str, figure: str, text: Callable[[float], str]
) -> Requirement:
    """Build the requirement that a column is at most the limit that an entry has for `key`.

    Args:
        key: Key of the limit in an entry of `gates:`.
        column: Column of the results.
        figure: Name of the column in messages.
        text: Formats a value of the column.
    """

    def failure(row: Row, gate: MeasurableGate) -> str | None:
        if row[column] is None:
            return f"{figure} is unknown"
        return None if row[column] <= _limit(gate, key) else f"{figure} is {text(row[column])}"

    return Requirement(lambda gate: f"{figure} at most {text(_limit(gate, key))}", failure)


def _describe_inexactness(row: Row, gate: MeasurableGate) -> str | None:
    """Check both profiles of a certificate, or the potentials of an Akida program."""
    if "akida_potentials" in row:
        return describe_disagreement(row)
    if row["litert_ref"] == row["tflm"] == "exact":
        return None
    return row["verification"] or "no certificate"


def describe_disagreement(row: Row) -> str | None:
    """Describe how far Akida's simulator is from quantized Keras; None if they are equal."""
    if row["akida_potentials"] == "exact":
        return None
    if row["akida_potentials"] is None:
        return "the simulator was not compared with quantized Keras"
    return (
        f"the potentials of the simulator and of quantized Keras differ: "
        f"{row['akida_potentials_equal']:.4%} are equal, the largest difference is "
        f"{row['akida_worst']}, first at layer {row['akida_first_layer']}"
    )


def _describe_software_layers(row: Row, gate: MeasurableGate) -> str | None:
    if row["akida_hardware"]:
        return None
    return f"{row['akida_device']} cannot run all layers in hardware ({row['reason']})"


# The requirements of single cells by their key in an entry of `gates:`.
RULES = {
    "max_drop": Requirement(_describe_drop_limit, _describe_larger_drop),
    "min_accuracy": Requirement(
        lambda gate: f"accuracy at least {_limit(gate, 'min_accuracy'):g} %", _describe_low_accuracy
    ),
    "max_mae": _build_upper_limit("max_mae", "mae", "mean absolute error", "{:.4g}".format),
    "max_size": _build_upper_limit("max_size", "size_bytes", "file size", _format_bytes),
    "max_arena": _build_upper_limit("max_arena", "arena_bytes", "tensor arena", _format_bytes),
    "max_latency_us": _build_upper_limit(
        "max_latency_us", "latency_us_median", "median latency", "{:g} µs".format
    ),
    "exact": Requirement(lambda gate: "bit-exactness", _describe_inexactness),
    "hardware": Requirement(lambda gate: "all layers in hardware", _describe_software_layers),
}
