"""Which weights were quantized at all: why a dynamic-range file can equal its float one."""

from collections.abc import Mapping, Sequence
from typing import Any

from snugnet.report.collect import Study


def quantized_weights(study: Study) -> list[dict[str, Any]]:
    """Give a line a dynamic-range file: which of its weight tensors became int8, and which not."""
    lines = []
    for row in study.rows:
        path = f"tflite/{row['model']}/{row['variant']}/{row['scheme']}/contract.json"
        contract = study.files.json(path) if row["scheme"] == "drq" else None
        if contract is not None:
            lines.append({"model": row["model"], "variant": row["variant"], **_line(contract)})
    return lines


def _line(contract: Mapping[str, Any]) -> dict[str, Any]:
    tensors = contract["weights"]
    integer = [tensor for tensor in tensors if tensor["dtype"] == "int8"]
    left = [tensor for tensor in tensors if tensor["dtype"] != "int8"]
    values = sum(tensor["size"] for tensor in tensors)
    return {
        "tensors in int8": f"{len(integer)} of {len(tensors)}",
        "share of weights in int8 (%)": round(
            100 * sum(tensor["size"] for tensor in integer) / values, 1
        )
        if values
        else None,
        "in int8 (values)": _named(integer),
        "left in float (values)": _named(left),
    }


def _named(tensors: Sequence[Mapping[str, Any]]) -> str:
    """Name tensors; a fused operator's bear the names of all that it was made of."""
    return "; ".join(
        f"{tensor['operator']} {tensor['name'].partition(';')[0]} {tensor['size']:,}"
        for tensor in tensors
    )
