"""The pages about Akida: accuracy at each step, what fits where, and what does not and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from snugnet.core.akida_schemes import AKIDA_RUNTIMES
from snugnet.evaluation.table import arrow, tabulate

INTRODUCTION = """# Akida

Accuracy on the test split, in per cent: of the float network; of the model that quantizeml made of
it after training (PTQ) or trained on with quantizers (QAT), computed by Keras with the chip's
arithmetic; and of the program made from that, computed by Akida's simulator. An arrow marks a
difference from float that the paired test finds after Holm's correction within the model's rows
here; ~ one that it does not. `equal decisions` are those of the simulator that Keras shares;
`potentials` says whether all integers before the last activation are equal and, if not, from which
layer on; `as quantizeml rounds` is the share of decisions that Keras shares without the chip's
arithmetic. `beyond train` and `beyond program` count the values of the test split
outside the range of train, and of the program: they saturate.
"""

PREFLIGHT = """# Pre-flight

Does a network fit, untrained as it is? It does if it can be quantized and converted, and all of it
runs in hardware on the device. BrainChip's own tools decide; our rules list all that stands in the
way at once.
"""


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the page.

    Args:
        rows: Of the Akida cells, as `tabulate` has them, with `confusion` and `class_names`.
    """
    adjusted = tabulate(rows)["p_holm"]
    rows = [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
    parts = [INTRODUCTION, steps(rows), _refused(rows), *_confusions(rows)]
    return "\n".join(part for part in parts if part)


def preflight_page(preflights: Sequence[Mapping[str, Any]]) -> str:
    """Write the page about what fits before anything is trained.

    Args:
        preflights: What pre-flight said: `model` and what `preflight.report` gives.
    """
    verdicts = [
        {
            "model": found["model"],
            "scheme": found["scheme"],
            "device": found["device"],
            "fits": "yes" if found["fits"] else "no",
        }
        for found in preflights
    ]
    obstacles = [
        {
            "model": found["model"],
            "scheme": found["scheme"],
            "layer": obstacle["layer"],
            "breaks": obstacle["rule"],
            "would do": obstacle["fix"],
        }
        for found in preflights
        for obstacle in found["obstacles"]
    ]
    parts = [PREFLIGHT, f"{_markdown(verdicts)}\n"]
    if obstacles:
        parts.append(f"## What stands in the way\n\n{_markdown(obstacles)}\n")
    return "\n".join(parts)


def steps(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tabulate accuracy from the float network to the program, and what the program is like.

    Args:
        rows: As for `page`, with `p_holm`; those that are not of Akida, or not `ok`, are left out.

    Returns:
        Markdown; empty if there is no program.
    """
    lines = accuracies(rows)
    if not lines:
        return ""
    return f"## Step by step\n\n{_markdown(lines)}\n\n## Programs\n\n{_markdown(programs(rows))}\n"


def accuracies(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give a line a network and scheme: accuracy from float to the program; rows as for `steps`."""
    cells = _by_cell(rows)
    found = [_accuracies(model, variant, cells) for model, variant in _parents(cells)]
    return [line for lines in found for line in lines]


def programs(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give a line a program: how equal it is, and what it takes; rows as for `steps`."""
    return [_program(cell, runtimes["akida"]) for cell, runtimes in _by_cell(rows).items()]


Cell = tuple[str, str, str]
Runtimes = dict[str, Mapping[str, Any]]


def _by_cell(rows: Sequence[Mapping[str, Any]]) -> dict[Cell, Runtimes]:
    """Put the rows of a cell's two runtimes together; cells that lack one are left out."""
    cells: dict[Cell, Runtimes] = {}
    for row in rows:
        if row["status"] == "ok" and row["runtime"] in AKIDA_RUNTIMES:
            cell = (row["model"], row["variant"], row["scheme"])
            cells.setdefault(cell, {})[row["runtime"]] = row
    return {cell: runtimes for cell, runtimes in cells.items() if len(runtimes) == 2}


def _parents(cells: Mapping[Cell, Runtimes]) -> list[tuple[str, str]]:
    """List the networks: of what was trained on with quantizers, that which it began with."""
    rows = (runtimes["akida"] for runtimes in cells.values())
    return list(dict.fromkeys((row["model"], _network(row)) for row in rows))


def _network(row: Mapping[str, Any]) -> str:
    name: str = row["parent"] if row["method"] == "qat" else row["variant"]
    return name


def _accuracies(model: str, network: str, cells: Mapping[Cell, Runtimes]) -> list[dict[str, Any]]:
    """Give a line a scheme: float, then Keras and Akida without and with training."""
    lines: dict[str, dict[str, Any]] = {}
    for (_, _, scheme), runtimes in cells.items():
        akida = runtimes["akida"]
        if (akida["model"], _network(akida)) != (model, network):
            continue
        start = f"{100 * (akida['accuracy'] - akida['delta_float']):.2f}"
        empty = dict.fromkeys(("PTQ, Keras", "PTQ, Akida", "QAT, Keras", "QAT, Akida"), "")
        named = {"model": model, "variant": network, "scheme": scheme, "float": start}
        line = lines.setdefault(scheme, {**named, **empty})
        step = "QAT" if akida["method"] == "qat" else "PTQ"
        line[f"{step}, Keras"] = _accuracy(runtimes["keras"])
        line[f"{step}, Akida"] = _accuracy(akida)
    return list(lines.values())


def _program(cell: Cell, akida: Mapping[str, Any]) -> dict[str, Any]:
    model, variant, scheme = cell
    hardware = "all" if akida["akida_hardware"] else "not all"
    return {
        "model": model,
        "variant": variant,
        "scheme": scheme,
        "equal decisions": _share(akida["akida_decisions_equal"]),
        "potentials": _potentials(akida),
        "as quantizeml rounds": _share(akida["akida_quantizeml_equal"]),
        "beyond train": _shown(akida["akida_beyond_train"]),
        "beyond program": _shown(akida["akida_beyond_program"]),
        "device": f"{akida['akida_device']}: {hardware} in hardware",
        "processors": _shown(akida["akida_processors"]),
        "program KiB": _kib(akida["akida_program_bytes"]),
        "smallest device": _shown(akida["akida_smallest_device"]),
    }


def _accuracy(row: Mapping[str, Any]) -> str:
    return f"{100 * row['accuracy']:.2f} {arrow(row['delta_float'], row['p_holm'])}".rstrip()


def _potentials(row: Mapping[str, Any]) -> str:
    if row["akida_potentials"] == "exact":
        return "exact"
    return f"differ, first at {row['akida_first_layer']}"


def _shown(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) else str(value)


def _share(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4%}"


def _kib(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value / 1024:.1f}"


def _refused(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = refused(rows)
    return f"## What does not fit\n\n{_markdown(lines)}\n" if lines else ""


def refused(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List what has no program, or one of which the host would compute a part."""
    reasons = {
        (row["model"], row["variant"], row["scheme"]): row["reason"]
        for row in rows
        if row["reason"] is not None
    }
    return [
        {"model": model, "variant": variant, "scheme": scheme, "why": reason}
        for (model, variant, scheme), reason in reasons.items()
    ]


def _confusions(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    for row in rows:
        if row["status"] == "ok":
            title = f"{row['model']}, {row['variant']}, {row['scheme']}, {row['runtime']}"
            tables = [frame.to_markdown() for frame in _matrices(row)]
            parts.append("\n\n".join([f"### {title}", *tables]) + "\n")
    return ["## Confusion matrices\n", *parts] if parts else []


def _matrices(row: Mapping[str, Any]) -> list[pd.DataFrame]:
    """Make tables of decisions: one with all classes, or one a label if there may be several."""
    names = row["class_names"]
    if row["task"] != "multilabel":
        frame = pd.DataFrame(row["confusion"], index=names, columns=names)
        return [frame.rename_axis("truth")]
    tables = []
    for name, matrix in zip(names, row["confusion"], strict=True):
        sides = (f"not {name}", name)
        tables.append(pd.DataFrame(matrix, index=sides, columns=sides).rename_axis("truth"))
    return tables


def _markdown(lines: list[dict[str, Any]]) -> str:
    table: str = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    return table
