"""Entries of `gates:` in a configuration: the cells that they select and what they require."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.errors import InputError
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2}
# The keys of an entry that select cells by name.
SELECTORS = ("models", "variants", "schemes", "runtimes")

ALL_SCHEMES = (*SCHEMES, *AKIDA_SCHEMES)
# The requirements that an entry can have, each with the schemes whose cells have the value.
REQUIREMENTS: Mapping[str, Collection[str]] = {
    "max_drop": [name for name in ALL_SCHEMES if name != "float32"],
    "min_accuracy": ALL_SCHEMES,
    "max_size": ALL_SCHEMES,
    "max_arena": FULL_INTEGER,
    "max_latency_us": list(SCHEMES),
    "exact": (*FULL_INTEGER, *AKIDA_SCHEMES),
    "hardware": list(AKIDA_SCHEMES),
}
# The requirements whose limit is a size in bytes.
SIZES = ("max_size", "max_arena")

Entry = Mapping[str, Any]


def parse_size(size: int | str) -> int:
    """Read a size in bytes: 65536, or 64 KiB.

    Raises:
        InputError: If it is neither a whole number above 0 nor one with a unit.
    """
    match = re.fullmatch(rf"([0-9]+) ?({'|'.join(UNITS)})", size) if isinstance(size, str) else None
    value = int(match[1]) * UNITS[match[2]] if match else size
    if isinstance(value, str) or value < 1:
        raise InputError(
            f"{size!r} is not a size; allowed: bytes, such as 65536, or an integer with one of "
            f"the units {', '.join(UNITS)}, such as 64 KiB"
        )
    return value


def covers(entry: Entry, cell: Mapping[str, Any]) -> bool:
    """Return whether an entry selects a cell, given by its names and `family`."""
    names = {
        "models": {cell["model"], cell["family"]},
        "variants": {cell["variant"]},
        "schemes": {cell["scheme"]},
        "runtimes": {cell["runtime"]},
    }
    return all(entry[key] is None or names[key] & set(entry[key]) for key in SELECTORS)


def scope(entry: Entry) -> str:
    """Describe the cells that an entry selects."""
    named = [f"{key} {', '.join(entry[key])}" for key in SELECTORS if entry[key] is not None]
    return "; ".join(named) or "all cells"


def requirements(entry: Entry) -> list[str]:
    """List the requirements of an entry."""
    return [name for name in REQUIREMENTS if entry[name] is not None and entry[name] is not False]
