"""Quantized weight tensors of drq files, which explain why a drq file can equal its float32 file.

The converter leaves small weight tensors in float.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from snugnet.core.paths import ResultPath
from snugnet.report.collect import ReportData
from snugnet.report.table import Table, Value, format_value

# Headings of the table.
TITLES = (
    "model",
    "variant",
    "tensors in int8",
    "weights in int8 [%]",
    "int8 tensors (values)",
    "float tensors (values)",
)


@dataclass(frozen=True)
class WeightEntry:
    """A weight tensor of a .tflite file: an entry of `weights` in contract.json.

    Attributes:
        operator: Name of the operator that reads it.
        name: Name of the tensor; a fused operator's has the names of all fused layers.
        dtype: Type of its values.
        size: Number of its values.
    """

    operator: str
    name: str
    dtype: str
    size: int

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the entry from JSON."""
        return cls(values["operator"], values["name"], values["dtype"], values["size"])


def tabulate_quantized_weights(study: ReportData) -> Table:
    """Tabulate the int8 and float weight tensors of each drq file, one line for each file."""
    lines = []
    for row in study.rows:
        path = ResultPath.CONTRACT.of_cell(row)
        contract = study.files.read_json(path) if row.scheme == "drq" else None
        if contract is not None:
            tensors = [WeightEntry.from_json(values) for values in contract["weights"]]
            lines.append([Value(row.model), Value(row.variant), *_summarize_weights(tensors)])
    return Table(TITLES, lines)


def _summarize_weights(tensors: Sequence[WeightEntry]) -> list[Value]:
    int8_tensors = [tensor for tensor in tensors if tensor.dtype == "int8"]
    float_tensors = [tensor for tensor in tensors if tensor.dtype != "int8"]
    values = sum(tensor.size for tensor in tensors)
    int8_values = sum(tensor.size for tensor in int8_tensors)
    return [
        Value(f"{len(int8_tensors)} of {len(tensors)}"),
        format_value(round(100 * int8_values / values, 1) if values else None),
        Value(_format_tensors(int8_tensors)),
        Value(_format_tensors(float_tensors)),
    ]


def _format_tensors(tensors: Sequence[WeightEntry]) -> str:
    """Format operator, first layer name and size of each tensor."""
    return "; ".join(
        f"{tensor.operator} {tensor.name.partition(';')[0]} {tensor.size:,}" for tensor in tensors
    )
