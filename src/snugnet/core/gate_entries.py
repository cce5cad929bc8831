"""The cells that an entry of `gates:` selects, and what it requires."""

import re
from collections.abc import Collection, Iterator, Mapping

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.errors import InputError
from snugnet.core.settings.gate import Fits, Gate
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES

UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "k": 1024, "M": 1024**2}
COUNT_UNITS = {"k": 1000, "M": 1_000_000}
# The keys of an entry that select cells by name.
SELECTORS = ("models", "variants", "schemes", "runtimes")

ALL_SCHEMES = (*SCHEMES, *AKIDA_SCHEMES)
# The requirements that an entry can have, each with the schemes whose cells have the value.
REQUIREMENTS: Mapping[str, Collection[str]] = {
    "max_drop": [name for name in ALL_SCHEMES if name != "float32"],
    "min_accuracy": ALL_SCHEMES,
    "max_mae": ALL_SCHEMES,
    "max_size": ALL_SCHEMES,
    "max_arena": FULL_INTEGER,
    "max_latency_us": list(SCHEMES),
    "exact": (*FULL_INTEGER, *AKIDA_SCHEMES),
    "hardware": list(AKIDA_SCHEMES),
    "fits": FULL_INTEGER,
}
# The requirements whose limit is a size in bytes.
SIZES = ("max_size", "max_arena")


# The requirements of cells whose task has classes, and of cells whose task has none.
OF_ACCURACY, OF_ERRORS = ("max_drop", "min_accuracy"), ("max_mae",)


def applies(requirement: str, has_errors: bool) -> bool:
    """Return whether a cell has the figure of a requirement.

    Args:
        requirement: A key of `REQUIREMENTS`.
        has_errors: Whether the task of the cell has no classes.
    """
    return requirement not in (OF_ACCURACY if has_errors else OF_ERRORS)


def parse_size(size: int | str) -> int:
    """Read a size in bytes: 65536, or 64 KiB.

    Raises:
        InputError: If it is neither a whole number above 0 nor one with a unit.
    """
    value = _parse_number(size, UNITS)
    if value is None:
        raise InputError(
            f"{size!r} is not a size; allowed: bytes, such as 65536, or an integer with one of "
            f"the units {', '.join(UNITS)}, such as 64 KiB"
        )
    return value


def parse_count(count: int | str) -> int:
    """Read a number of instructions: 5000000, or 5M.

    Raises:
        InputError: If it is neither a whole number above 0 nor one with a unit.
    """
    value = _parse_number(count, COUNT_UNITS)
    if value is None:
        raise InputError(
            f"{count!r} is not a number of instructions; allowed: an integer, or one with k (1000) "
            "or M (1,000,000), such as 5M"
        )
    return value


def _parse_number(text: int | str, units: Mapping[str, int]) -> int | None:
    """Read a whole number above 0, with a unit if it is a text; None if it is no such number."""
    if isinstance(text, int):
        return text if text >= 1 else None
    match = re.fullmatch(rf"([0-9]+) ?({'|'.join(units)})", text)
    value = int(match[1]) * units[match[2]] if match else 0
    return value if value >= 1 else None


def list_fits_problems(fits: Fits, targets: Collection[str]) -> Iterator[str]:
    """Find why limits of a microcontroller cannot be checked.

    Args:
        fits: The limits.
        targets: The microcontrollers that the study measures.

    Yields:
        The key after `fits`, and the problem.
    """
    limits = {name: getattr(fits, name) for name in ("flash", "ram", "instructions")}
    if all(limit is None for limit in limits.values()):
        yield ": has no limit; set at least one of flash, ram, instructions"
    if fits.target not in targets:
        yield f".target: {fits.target} is not measured; add it to firmware.targets"
    for name, limit in limits.items():
        try:
            if limit is not None:
                (parse_count if name == "instructions" else parse_size)(limit)
        except InputError as error:
            yield f".{name}: {error}"


def is_selected(
    gate: Gate, *, model: str, family: str, variant: str, scheme: str, runtime: str
) -> bool:
    """Return whether an entry selects a cell, given by its names.

    Args:
        gate: The entry.
        model: Model of the cell.
        family: The model that `model` is but for its seed. An entry with this name selects it too.
        variant: Variant of the cell.
        scheme: Scheme of the cell.
        runtime: Runtime of the cell.
    """
    names = {
        "models": {model, family},
        "variants": {variant},
        "schemes": {scheme},
        "runtimes": {runtime},
    }
    selections = {key: selected_names(gate, key) for key in SELECTORS}
    return all(
        selection is None or bool(names[key] & set(selection))
        for key, selection in selections.items()
    )


def selected_names(gate: Gate, key: str) -> tuple[str, ...] | None:
    """Return the names that an entry selects by one of `SELECTORS`; None for all."""
    names: tuple[str, ...] | None = getattr(gate, key)
    return names


def describe_scope(gate: Gate) -> str:
    """Describe the cells that an entry selects."""
    selections = {key: selected_names(gate, key) for key in SELECTORS}
    named = [f"{key} {', '.join(names)}" for key, names in selections.items() if names is not None]
    return "; ".join(named) or "all cells"


def list_requirements(gate: Gate) -> list[str]:
    """List the requirements of an entry."""
    limits = {name: getattr(gate, name) for name in REQUIREMENTS}
    return [name for name, limit in limits.items() if limit is not None and limit is not False]
