"""`snugnet inspect`: operators and tensors of a model file, and its differences from another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, print_table, report_progress_on_stderr, show_result
from snugnet.cli.options import Model
from snugnet.core.text import escape_line
from snugnet.services.inspect import (
    FileDescription,
    ModelDifference,
    TensorDescription,
    compare,
    describe,
)

Diff = Annotated[
    Path | None, typer.Option("--diff", help="Second model, to compare with operator by operator.")
]
# Number of scales of a tensor that are shown.
SHOWN = 3
HEADINGS = ("type", "shape", "bytes", "scale", "zero point")


def command(model: Model, diff: Diff = None, as_json: Json = False) -> None:
    """List operators, and tensors with type, shape, size, scale and zero point."""
    with report_progress_on_stderr():
        description = describe(model)
        other = None if diff is None else describe(diff)
    if other is None:
        show_result(description, as_json, _show)
    else:
        show_result(compare(description, other), as_json, _show_difference)


def _show(console: Console, model: FileDescription) -> None:
    console.print(f"{model.file}: {model.bytes:,} bytes, {_scheme_text(model.scheme)}")
    operators = (
        (index, escape_line(operator.name), list(operator.inputs), list(operator.outputs))
        for index, operator in enumerate(model.operators)
    )
    print_table(console, "operators", ("", "operator", "inputs", "outputs"), operators)
    ends = dict.fromkeys(model.inputs, "input") | dict.fromkeys(model.outputs, "output")
    rows = (
        (
            tensor.index,
            escape_line(tensor.name),
            "constant" if tensor.constant else ends.get(tensor.index),
            *_show_tensor(tensor),
        )
        for tensor in model.tensors
    )
    print_table(console, "tensors", ("", "tensor", "", *HEADINGS), rows, right=("bytes",))
    if model.other_subgraphs:
        console.print(
            f"{model.other_subgraphs} more subgraphs (loops or branches) are not shown; the "
            "integer engine runs files with one subgraph"
        )
    sizes: dict[str, int] = {}
    for tensor in model.tensors:
        if tensor.constant:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.bytes
    console.print("constants: " + ", ".join(f"{n:,} bytes {dtype}" for dtype, n in sizes.items()))


def _scheme_text(scheme: str | None) -> str:
    return "unknown scheme" if scheme is None else f"scheme {scheme}"


def _show_difference(console: Console, difference: ModelDifference) -> None:
    for sign, model in zip("-+", difference.models, strict=True):
        console.print(
            f"{sign} {model.file}: {model.bytes:,} bytes, {len(model.operators)} operators, "
            f"{_scheme_text(model.scheme)}"
        )
    only_in_one = [("-", index, escape_line(name)) for index, name in difference.removed]
    only_in_one += [("+", index, escape_line(name)) for index, name in difference.added]
    print_table(console, "operators in one file only", ("", "", "operator"), only_in_one)
    rows = []
    for change in difference.changed:
        head = (change.operator[0], escape_line(change.name), change.role)
        rows.append((*head, "-", *_show_tensor(change.before)))
        rows.append(("", "", "", "+", *_show_tensor(change.after)))
    columns = ("", "operator", "tensor", "", *HEADINGS)
    print_table(console, "tensors that differ", columns, rows, right=("bytes",))
    if not (only_in_one or difference.changed):
        console.print("no differences in operators, types, shapes and scales")


def _show_tensor(tensor: TensorDescription | None) -> tuple[str, ...]:
    """Return the cells of a tensor under `HEADINGS`."""
    if tensor is None:
        return ("",) * 5
    return (
        tensor.dtype,
        " x ".join(map(str, tensor.shape)) or "scalar",
        f"{tensor.bytes:,}",
        _first_values([f"{scale:.6g}" for scale in tensor.scales]),
        _first_values(sorted(set(tensor.zero_points))),
    )


def _first_values(values: Sequence[object]) -> str:
    more = f", … ({len(values)})" if len(values) > SHOWN else ""
    return ", ".join(str(value) for value in values[:SHOWN]) + more
