"""What a configuration demands of cells, and which cells fall short of it."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.errors import InputError
from snugnet.core.fractions import LAST_BITS, in_points
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2}
# By what an entry of the gates names the cells that it is about.
SELECTORS = ("models", "variants", "schemes", "runtimes")

Row = Mapping[str, Any]
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Demand:
    """One thing that an entry of the gates can demand.

    Attributes:
        schemes: Those whose cells have the figure; of others it demands nothing.
        limit: Words the limit of an entry.
        lack: Words what a row lacks of what an entry demands; None if it lacks nothing.
    """

    schemes: Collection[str]
    limit: Callable[[Entry], str]
    lack: Callable[[Row, Entry], str | None]


def parse_size(size: int | str) -> int:
    """Read a size in bytes: 65536, or 64 KiB.

    Raises:
        InputError: If it is neither a whole number above 0 nor one with a unit.
    """
    found = re.fullmatch(rf"([0-9]+) ?({'|'.join(UNITS)})", size) if isinstance(size, str) else None
    value = int(found[1]) * UNITS[found[2]] if found else size
    if isinstance(value, str) or value < 1:
        raise InputError(
            f"{size!r} is not a size; allowed: bytes, such as 65536, or an integer with one of "
            f"the units {', '.join(UNITS)}, such as 64 KiB"
        )
    return value


def covers(entry: Entry, cell: Mapping[str, Any]) -> bool:
    """Tell whether an entry is about a cell, of which its names and `family` are given."""
    names = {
        "models": {cell["model"], cell["family"]},
        "variants": {cell["variant"]},
        "schemes": {cell["scheme"]},
        "runtimes": {cell["runtime"]},
    }
    return all(entry[key] is None or names[key] & set(entry[key]) for key in SELECTORS)


def scope(entry: Entry) -> str:
    """Word which cells an entry is about."""
    named = [f"{key} {', '.join(entry[key])}" for key in SELECTORS if entry[key] is not None]
    return "; ".join(named) or "all cells"


def demanded(entry: Entry) -> list[str]:
    """Name what an entry demands."""
    return [name for name in DEMANDS if entry[name] is not None and entry[name] is not False]


def judge_demands(
    cells: Sequence[Mapping[str, Any]], gates: Sequence[Entry]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Judge cells by what a configuration demands of them.

    Args:
        cells: For each cell `cell` (its names, joined), `model`, `family`, `variant`, `scheme`,
            `runtime` and `metrics` (its row).
        gates: The entries, with sizes in bytes and `interval`, the confidence of intervals.

    Returns:
        For each demand `gate` (where it stands), `text`, `cells` (how many it was judged on) and
        `failed` (how many of them fall short); and all failures, each naming the cell first.
    """
    demands, failures = [], []
    for i, entry in enumerate(gates):
        for name in demanded(entry):
            where, limit = f"gates[{i}].{name}", DEMANDS[name].limit(entry)
            judged = [
                cell
                for cell in cells
                if covers(entry, cell) and cell["scheme"] in DEMANDS[name].schemes
            ]
            lacks = [(cell["cell"], _lack(name, cell["metrics"], entry)) for cell in judged]
            messages = [f"{cell}: {lack}; {where} requires {limit}" for cell, lack in lacks if lack]
            counts = {"cells": len(judged), "failed": len(messages)}
            demands.append({"gate": where, "text": f"{limit} ({scope(entry)})", **counts})
            failures += messages
    return demands, failures


def _lack(name: str, row: Row, entry: Entry) -> str | None:
    if row["status"] == "incompatible":
        return f"incompatible ({row['reason']})"
    return DEMANDS[name].lack(row, entry)


def _drop_limit(entry: Entry) -> str:
    points, percent = f"{entry['max_drop']:g} points", f"{100 * entry['interval']:g} %"
    if entry["confidence"] == "possible":
        return f"at most {points} below float32 over the whole {percent} interval"
    return f"a {percent} interval not entirely more than {points} below float32"


def _larger_drop(row: Row, entry: Entry) -> str | None:
    low, high = row["delta_float_low"], row["delta_float_high"]
    said = f"accuracy differs from float32 by {in_points(row['delta_float'])} points"
    if low is None or high is None:
        # Nothing is certain without an interval.
        reason = _no_interval(row) if entry["confidence"] == "possible" else None
        return reason and f"{said}, no interval: {reason}"
    counts = low if entry["confidence"] == "possible" else high
    if 100 * counts >= -entry["max_drop"] - LAST_BITS:
        return None
    return f"{said} [{in_points(low)}, {in_points(high)}]"


def _no_interval(row: Row) -> str | None:
    """Say why a drop has none; None where no one of several groups loses anything.

    Small drops of a few groups would have a narrow interval, so having none at all must not be
    worse.
    """
    if row["n_groups"] == 1:
        return "all test samples are in one group"
    return None if row["delta_float"] > -LAST_BITS else "the difference is equal in all groups"


def _low_accuracy(row: Row, entry: Entry) -> str | None:
    if 100 * row["accuracy"] >= entry["min_accuracy"] - LAST_BITS:
        return None
    said = f"accuracy is {100 * row['accuracy']:.2f} %"
    if row["accuracy_low"] is None:
        return said
    return f"{said} [{100 * row['accuracy_low']:.2f}, {100 * row['accuracy_high']:.2f}]"


def _bytes(size: float) -> str:
    return f"{size / 1024:.1f} KiB ({size:,.0f} bytes)"


def _at_most(
    key: str, schemes: Collection[str], column: str, figure: str, text: Callable[[float], str]
) -> Demand:
    """Make the demand that a column of the row is at most the limit that an entry has for `key`."""

    def lack(row: Row, entry: Entry) -> str | None:
        if row[column] is None:
            return f"{figure} is unknown"
        return None if row[column] <= entry[key] else f"{figure} is {text(row[column])}"

    return Demand(schemes, lambda entry: f"{figure} at most {text(entry[key])}", lack)


def _not_exact(row: Row, entry: Entry) -> str | None:
    """Both profiles of a certificate count, and both generations of Akida."""
    if "akida_potentials" in row:
        return disagreement(row)
    if row["litert_ref"] == row["tflm"] == "exact":
        return None
    return row["verification"] or "no certificate"


def disagreement(row: Row) -> str | None:
    """Say how far Akida's simulator is from quantized Keras; None if they are equal."""
    if row["akida_potentials"] == "exact":
        return None
    if row["akida_potentials"] is None:
        return "the simulator was not compared with quantized Keras"
    return (
        f"the potentials of the simulator and of quantized Keras differ: "
        f"{row['akida_potentials_equal']:.4%} are equal, the largest difference is "
        f"{row['akida_worst']}, first at layer {row['akida_first_layer']}"
    )


def _outside_hardware(row: Row, entry: Entry) -> str | None:
    if row["akida_hardware"]:
        return None
    return f"{row['akida_device']} cannot run all layers in hardware ({row['reason']})"


EVERY = (*SCHEMES, *AKIDA_SCHEMES)
DEMANDS = {
    "max_drop": Demand([name for name in EVERY if name != "float32"], _drop_limit, _larger_drop),
    "min_accuracy": Demand(
        EVERY, lambda entry: f"accuracy at least {entry['min_accuracy']:g} %", _low_accuracy
    ),
    "max_size": _at_most("max_size", EVERY, "size_bytes", "file size", _bytes),
    "max_arena": _at_most("max_arena", FULL_INTEGER, "arena_bytes", "tensor arena", _bytes),
    "max_latency_us": _at_most(
        "max_latency_us", list(SCHEMES), "latency_us_median", "median latency", "{:g} µs".format
    ),
    "exact": Demand((*FULL_INTEGER, *AKIDA_SCHEMES), lambda entry: "bit-exactness", _not_exact),
    "hardware": Demand(
        list(AKIDA_SCHEMES), lambda entry: "all layers in hardware", _outside_hardware
    ),
}
SIZES = ("max_size", "max_arena")
