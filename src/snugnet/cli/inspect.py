"""`snugnet inspect`: operators and tensors of a model file, and its differences from another."""

import difflib
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.cli.console import Json, say, table, working
from snugnet.core.tflite_graph import WEIGHTED_OPERATORS, Graph, Tensor

Model = Annotated[
    Path, typer.Argument(help="Model: .tflite, or .npz or .json from `snugnet export`.")
]
Diff = Annotated[Path | None, typer.Option("--diff", help="Second model to compare with.")]
# Bytes of a number; of other types sizes of activations are not known.
BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "int16": 2}
BYTES |= {"int8": 1, "uint8": 1, "bool": 1}
# How many scales of a tensor are shown to people.
SHOWN = 3
FORM = ("type", "shape", "bytes", "scale", "zero point")


def command(model: Model, diff: Diff = None, as_json: Json = False) -> None:
    """List operators, and tensors with type, shape, size, scale and zero point."""
    with working():
        found = describe(model)
        other = None if diff is None else describe(diff)
    if other is None:
        say(found, as_json, _show)
    else:
        say(compare(found, other), as_json, _show_difference)


def describe(path: Path) -> dict[str, Any]:
    """Describe a model.

    Args:
        path: .tflite, .npz or .json.

    Returns:
        Ready for JSON: `file`, `bytes`, `scheme` (the one whose promise it keeps, or None),
        `inputs`, `outputs` (indices), `operators` and `tensors`, each a list of mappings.

    Raises:
        ModelFormatError: If the file is damaged.
        InputError: If it is of another kind.
        OSError: If it cannot be read.
    """
    from snugnet.int8.export import read

    graph = read(path)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "scheme": _scheme(graph),
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "operators": [
            {
                "index": place,
                "name": operator.name,
                "inputs": list(operator.inputs),
                "outputs": list(operator.outputs),
                "options": dict(operator.options),
            }
            for place, operator in enumerate(graph.operators)
        ],
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
    }


def _scheme(graph: Graph) -> str | None:
    """Find the scheme whose promise a file keeps: the strictest, since some allow more."""
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.contract import check_contract

    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    strict_first = sorted(SCHEMES.values(), key=lambda scheme: " or " in scheme.weights)
    kept = (s.name for s in strict_first if check_contract(graph, s)["verdict"] == "pass")
    return next(kept, None)


def _tensor(tensor: Tensor) -> dict[str, Any]:
    constant = tensor.values is not None or tensor.size > 0
    width = BYTES.get(tensor.dtype)
    return {
        "index": tensor.index,
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "constant": constant,
        "bytes": tensor.size if constant or width is None else width * math.prod(tensor.shape),
        "scales": [float(scale) for scale in tensor.scales],
        "zero_points": [int(point) for point in tensor.zero_points],
        "axis": tensor.axis if len(tensor.scales) > 1 else None,
    }


def compare(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Compare two descriptions operator by operator; converters name tensors as they like.

    Returns:
        Ready for JSON: `files`, `bytes`, `schemes` and `operators` (counts) of both; `removed` and
        `added`, operators that are in one alone, by index and name; `changed`, for each tensor of
        an operator in both that has another type, shape or scale: `operator` (both indices),
        `name`, `role` and both descriptions, `one` and `other`.
    """
    names = [[operator["name"] for operator in model["operators"]] for model in (one, other)]
    alone: dict[str, list[Any]] = {"removed": [], "added": []}
    changed = []
    matcher = difflib.SequenceMatcher(None, names[0], names[1], autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        first, second = range(start, end), range(other_start, other_end)
        if tag == "equal":
            for pair in zip(first, second, strict=True):
                changed += _changes(one, other, pair)
        else:
            alone["removed"] += [{"index": i, "name": names[0][i]} for i in first]
            alone["added"] += [{"index": i, "name": names[1][i]} for i in second]
    return {
        "files": [one["file"], other["file"]],
        "bytes": [one["bytes"], other["bytes"]],
        "schemes": [one["scheme"], other["scheme"]],
        "operators": [len(found) for found in names],
        **alone,
        "changed": changed,
    }


def _changes(
    one: dict[str, Any], other: dict[str, Any], pair: tuple[int, int]
) -> list[dict[str, Any]]:
    """Compare what two operators read and write, by what it is to them."""
    tensors = [_by_role(model, place) for model, place in zip((one, other), pair, strict=True)]
    name = one["operators"][pair[0]]["name"]
    return [
        {"operator": list(pair), "name": name, "role": role, "one": before, "other": after}
        for role in {**tensors[0], **tensors[1]}
        if _form(before := tensors[0].get(role)) != _form(after := tensors[1].get(role))
    ]


def _by_role(model: dict[str, Any], place: int) -> dict[str, dict[str, Any]]:
    """Give an operator's constants and outputs; other inputs are outputs of those before it."""
    operator = model["operators"][place]
    names = ("input", "weights", "bias") if operator["name"] in WEIGHTED_OPERATORS else ()
    found = {}
    for slot, index in enumerate(operator["inputs"]):
        if index >= 0 and (model["tensors"][index]["constant"] or index in model["inputs"]):
            role = names[slot] if slot < len(names) else f"input {slot}"
            found[role] = model["tensors"][index]
    for slot, index in enumerate(operator["outputs"]):
        found["output" if slot == 0 else f"output {slot}"] = model["tensors"][index]
    return found


def _show(console: Console, found: dict[str, Any]) -> None:
    console.print(f"{found['file']}: {found['bytes']:,} bytes, {_named(found['scheme'])}")
    operators = ((o["index"], o["name"], o["inputs"], o["outputs"]) for o in found["operators"])
    table(console, "operators", ("", "operator", "inputs", "outputs"), operators)
    ends = dict.fromkeys(found["inputs"], "input") | dict.fromkeys(found["outputs"], "output")
    rows = (
        (t["index"], t["name"], "constant" if t["constant"] else ends.get(t["index"]), *_form(t))
        for t in found["tensors"]
    )
    table(console, "tensors", ("", "tensor", "", *FORM), rows, right=("bytes",))
    sizes: dict[str, int] = {}
    for tensor in found["tensors"]:
        if tensor["constant"]:
            sizes[tensor["dtype"]] = sizes.get(tensor["dtype"], 0) + tensor["bytes"]
    console.print("constants: " + ", ".join(f"{n:,} bytes {kind}" for kind, n in sizes.items()))


def _named(scheme: str | None) -> str:
    return "unknown scheme" if scheme is None else f"scheme {scheme}"


def _form(tensor: dict[str, Any] | None) -> tuple[str, ...]:
    """Give what is shown of a tensor, by `FORM`."""
    if tensor is None:
        return ("",) * len(FORM)
    return (
        tensor["dtype"],
        " x ".join(map(str, tensor["shape"])) or "scalar",
        f"{tensor['bytes']:,}",
        _few([f"{scale:.6g}" for scale in tensor["scales"]]),
        _few(sorted(set(tensor["zero_points"]))),
    )


def _few(values: list[Any]) -> str:
    more = f", … ({len(values)})" if len(values) > SHOWN else ""
    return ", ".join(str(value) for value in values[:SHOWN]) + more


def _show_difference(console: Console, found: dict[str, Any]) -> None:
    for place in (0, 1):
        console.print(
            f"{'-+'[place]} {found['files'][place]}: {found['bytes'][place]:,} bytes, "
            f"{found['operators'][place]} operators, {_named(found['schemes'][place])}"
        )
    alone = [("-", *o.values()) for o in found["removed"]]
    alone += [("+", *o.values()) for o in found["added"]]
    table(console, "operators in one file only", ("", "", "operator"), alone)
    rows = (
        (*head, sign, *_form(change[side]))
        for change in found["changed"]
        for head, sign, side in (
            ((change["operator"][0], change["name"], change["role"]), "-", "one"),
            (("", "", ""), "+", "other"),
        )
    )
    columns = ("", "operator", "tensor", "", *FORM)
    table(console, "tensors that differ", columns, rows, right=("bytes",))
    if not (alone or found["changed"]):
        console.print("no differences in operators, types, shapes and scales")
