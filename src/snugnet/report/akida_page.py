"""Markdown pages about Akida: accuracy at each step, mapped programs and the pre-flight check."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from snugnet.core.akida_schemes import AKIDA_RUNTIMES
from snugnet.core.cell_network import find_network
from snugnet.evaluation.table import choose_arrow

INTRODUCTION = """# Akida

Accuracy is measured on the test split. PTQ is the model that quantizeml quantized after training.
QAT is the model that was fine-tuned with quantizers. The columns `Keras` show the accuracy of the
quantized model, computed by Keras with the chip's arithmetic. The columns `Akida` show the accuracy
of the converted program, computed by Akida's simulator. An arrow marks a significant difference
from float32 (paired test, Holm's correction within the model, as in metrics.csv). `~` marks a
difference that is not significant.

The table of programs has these columns:

- `equal decisions`: share of the simulator's decisions that are the same in Keras.
- `potentials`: `exact` if all integers before the last activation are equal; otherwise the first
  layer that differs.
- `equal decisions (quantizeml rounding)`: the same share if Keras rounds like quantizeml instead of
  using the chip's arithmetic.
- `outside train range`, `outside program range`: number of values in the test split outside the
  range of the train split, and outside the range of the program's input. These values saturate.
"""

PREFLIGHT = """# Pre-flight check

The check runs on untrained networks. A network fits if it can be quantized and converted, and if
the device runs all of it in hardware. BrainChip's own tools decide whether a network fits.
Snugnet's rules list all obstacles at once.
"""


def render_akida_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Render the page about the Akida cells of a study.

    Args:
        rows: Rows of the Akida cells, with `confusion`, `class_names`, and `p_holm` of the table of
            all results.

    Returns:
        The page in Markdown.
    """
    parts = [INTRODUCTION, format_steps(rows), _format_unfit_cells(rows), *_format_confusions(rows)]
    return "\n".join(part for part in parts if part)


def render_preflight_page(preflights: Sequence[Mapping[str, Any]]) -> str:
    """Render the page about the pre-flight check, which runs before any training.

    Args:
        preflights: Results of the check: `model`, and the entries that `preflight.report` returns.

    Returns:
        The page in Markdown.
    """
    verdicts = [
        {
            "model": preflight["model"],
            "scheme": preflight["scheme"],
            "device": preflight["device"],
            "fits": "yes" if preflight["fits"] else "no",
        }
        for preflight in preflights
    ]
    obstacles = [
        {
            "model": preflight["model"],
            "scheme": preflight["scheme"],
            "layer": obstacle["layer"],
            "obstacle": obstacle["rule"],
            "fix": obstacle["fix"],
        }
        for preflight in preflights
        for obstacle in preflight["obstacles"]
    ]
    parts = [PREFLIGHT, f"{_to_markdown(verdicts)}\n"]
    if obstacles:
        parts.append(f"## Obstacles\n\n{_to_markdown(obstacles)}\n")
    return "\n".join(parts)


def format_steps(rows: Sequence[Mapping[str, Any]]) -> str:
    """Format the accuracy from the float network to the program, and the table of programs.

    Args:
        rows: Rows as for `render_akida_page`, with `p_holm`. Rows that are not of Akida, or whose
            status is not `ok`, are left out.

    Returns:
        Markdown; empty if there is no program.
    """
    lines = list_accuracies(rows)
    if not lines:
        return ""
    return (
        f"## Accuracy by step\n\n{_to_markdown(lines)}\n\n"
        f"## Programs\n\n{_to_markdown(list_programs(rows))}\n"
    )


def list_accuracies(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the accuracy from float32 to the program, one line for each network and scheme.

    Args:
        rows: Rows as for `format_steps`.
    """
    cells = _group_by_cell(rows)
    tables = [
        _list_network_accuracies(model, variant, cells) for model, variant in _list_networks(cells)
    ]
    return [line for lines in tables for line in lines]


def list_programs(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the programs, one line each: agreement with Keras, device and size.

    Args:
        rows: Rows as for `format_steps`.
    """
    cells = _group_by_cell(rows)
    return [_describe_program(cell, runtimes["akida"]) for cell, runtimes in cells.items()]


# (model, variant, scheme)
Cell = tuple[str, str, str]
# The rows of a cell by runtime: `keras` and `akida`.
Runtimes = dict[str, Mapping[str, Any]]


def _group_by_cell(rows: Sequence[Mapping[str, Any]]) -> dict[Cell, Runtimes]:
    """Group the rows of the two runtimes by cell; leave out cells that lack a runtime."""
    cells: dict[Cell, Runtimes] = {}
    for row in rows:
        if row["status"] == "ok" and row["runtime"] in AKIDA_RUNTIMES:
            cell = (row["model"], row["variant"], row["scheme"])
            cells.setdefault(cell, {})[row["runtime"]] = row
    return {cell: runtimes for cell, runtimes in cells.items() if len(runtimes) == 2}


def _list_networks(cells: Mapping[Cell, Runtimes]) -> list[tuple[str, str]]:
    """List the float networks as (model, variant), each once."""
    rows = (runtimes["akida"] for runtimes in cells.values())
    return list(dict.fromkeys((row["model"], _find_float_variant(row)) for row in rows))


def _find_float_variant(row: Mapping[str, Any]) -> str:
    """Return the variant of the float network."""
    return find_network(row["scheme"], row["variant"], row["method"], row["parent"])


def _list_network_accuracies(
    model: str, network: str, cells: Mapping[Cell, Runtimes]
) -> list[dict[str, Any]]:
    """List the accuracies of a float network, one line for each scheme."""
    lines: dict[str, dict[str, Any]] = {}
    for (_, _, scheme), runtimes in cells.items():
        akida = runtimes["akida"]
        if (akida["model"], _find_float_variant(akida)) != (model, network):
            continue
        reference = f"{100 * (akida['accuracy'] - akida['delta_float']):.2f}"
        names = {"model": model, "variant": network, "scheme": scheme, "float32 [%]": reference}
        titles = ("PTQ, Keras [%]", "PTQ, Akida [%]", "QAT, Keras [%]", "QAT, Akida [%]")
        line = lines.setdefault(scheme, {**names, **dict.fromkeys(titles, "")})
        method = "QAT" if akida["method"] == "qat" else "PTQ"
        line[f"{method}, Keras [%]"] = _format_accuracy(runtimes["keras"])
        line[f"{method}, Akida [%]"] = _format_accuracy(akida)
    return list(lines.values())


def _describe_program(cell: Cell, akida: Mapping[str, Any]) -> dict[str, Any]:
    model, variant, scheme = cell
    hardware = "all" if akida["akida_hardware"] else "not all"
    return {
        "model": model,
        "variant": variant,
        "scheme": scheme,
        "equal decisions": _format_share(akida["akida_decisions_equal"]),
        "potentials": _format_potentials(akida),
        "equal decisions (quantizeml rounding)": _format_share(akida["akida_quantizeml_equal"]),
        "outside train range": _format_value(akida["akida_beyond_train"]),
        "outside program range": _format_value(akida["akida_beyond_program"]),
        "device": f"{akida['akida_device']}: {hardware} in hardware",
        "processors": _format_value(akida["akida_processors"]),
        "program [KiB]": _format_kib(akida["akida_program_bytes"]),
        "smallest device": _format_value(akida["akida_smallest_device"]),
    }


def _format_accuracy(row: Mapping[str, Any]) -> str:
    return f"{100 * row['accuracy']:.2f} {choose_arrow(row['delta_float'], row['p_holm'])}".rstrip()


def _format_potentials(row: Mapping[str, Any]) -> str:
    if row["akida_potentials"] == "exact":
        return "exact"
    return f"differ, first at {row['akida_first_layer']}"


def _format_value(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) else str(value)


def _format_share(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4%}"


def _format_kib(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value / 1024:.1f}"


def _format_unfit_cells(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = list_unfit_cells(rows)
    return f"## Models that do not fit\n\n{_to_markdown(lines)}\n" if lines else ""


def list_unfit_cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the cells without a program, or with a program that runs partly on the host.

    Args:
        rows: Rows as for `format_steps`; those with a `reason` are listed, each cell once.
    """
    reasons = {
        (row["model"], row["variant"], row["scheme"]): row["reason"]
        for row in rows
        if row["reason"] is not None
    }
    return [
        {"model": model, "variant": variant, "scheme": scheme, "reason": reason}
        for (model, variant, scheme), reason in reasons.items()
    ]


def _format_confusions(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    for row in rows:
        if row["status"] == "ok":
            title = f"{row['model']}, {row['variant']}, {row['scheme']}, {row['runtime']}"
            tables = [frame.to_markdown() for frame in _build_confusion_frames(row)]
            parts.append("\n\n".join([f"### {title}", *tables]) + "\n")
    return ["## Confusion matrices\n", *parts] if parts else []


def _build_confusion_frames(row: Mapping[str, Any]) -> list[pd.DataFrame]:
    """Make the confusion matrices: one of all classes, or one for each label if multi-label."""
    names = row["class_names"]
    if row["task"] != "multilabel":
        frame = pd.DataFrame(row["confusion"], index=names, columns=names)
        return [frame.rename_axis("truth")]
    tables = []
    for name, matrix in zip(names, row["confusion"], strict=True):
        sides = (f"not {name}", name)
        tables.append(pd.DataFrame(matrix, index=sides, columns=sides).rename_axis("truth"))
    return tables


def _to_markdown(lines: list[dict[str, Any]]) -> str:
    table: str = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    return table
