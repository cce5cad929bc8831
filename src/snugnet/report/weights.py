"""Quantized weight tensors of drq files, which explain why a drq file can equal its float32 file.

The converter leaves small weight tensors in float.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from snugnet.report.collect import Study


def list_quantized_weights(study: Study) -> list[dict[str, Any]]:
    """List the int8 and float weight tensors of each drq file, one line for each file."""
    lines = []
    for row in study.rows:
        path = f"tflite/{row['model']}/{row['variant']}/{row['scheme']}/contract.json"
        contract = study.files.read_json(path) if row["scheme"] == "drq" else None
        if contract is not None:
            names = {"model": row["model"], "variant": row["variant"]}
            lines.append({**names, **_summarize_weights(contract)})
    return lines


def _summarize_weights(contract: Mapping[str, Any]) -> dict[str, Any]:
    tensors = contract["weights"]
    in_int8 = [tensor for tensor in tensors if tensor["dtype"] == "int8"]
    in_float = [tensor for tensor in tensors if tensor["dtype"] != "int8"]
    values = sum(tensor["size"] for tensor in tensors)
    int8_values = sum(tensor["size"] for tensor in in_int8)
    return {
        "tensors in int8": f"{len(in_int8)} of {len(tensors)}",
        "weights in int8 [%]": round(100 * int8_values / values, 1) if values else None,
        "int8 tensors (values)": _format_tensors(in_int8),
        "float tensors (values)": _format_tensors(in_float),
    }


def _format_tensors(tensors: Sequence[Mapping[str, Any]]) -> str:
    """Format operator, name and size of each tensor.

    The tensors of a fused operator have the names of all fused layers; the first is shown.
    """
    return "; ".join(
        f"{tensor['operator']} {tensor['name'].partition(';')[0]} {tensor['size']:,}"
        for tensor in tensors
    )
