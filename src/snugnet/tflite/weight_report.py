"""Report on the weights of a .tflite file: zeros, ranks, and layers whose weights are all zero."""

from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.files import write_json
from snugnet.core.tflite_graph import Operator, Tensor
from snugnet.core.tflite_schemes import Scheme
from snugnet.tflite.contract import check_contract
from snugnet.tflite.flatbuffer import read_graph

# Operators whose weights can be pruned and factorized.
PRUNABLE_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")


def write_weight_report(path: str, report_path: str, scheme: Scheme) -> None:
    """Write the report of a file as JSON, and warn about tensors whose weights are all zero.

    Args:
        path: The .tflite file.
        report_path: Path of the JSON file.
        scheme: Scheme of the .tflite file.

    Raises:
        InputError: If the file cannot be read.
    """
    report = make_weight_report(path, scheme)
    for name in report["dead_layers"]:
        print(f"warning: all weights of tensor {name!r} are zero")
    write_json(report_path, report)


def make_weight_report(path: str | Path, scheme: Scheme) -> dict[str, Any]:
    """Compare a file with its scheme, and measure the zeros and ranks of its weights.

    Args:
        path: The .tflite file.
        scheme: Scheme of the file.

    Returns:
        A mapping, ready for JSON: the contract (`Contract.to_json`) and
            weights: One mapping per weight tensor of a convolution or dense layer: `name`,
                `operator`, `shape`, `dtype`, `size` (number of weights), `zeros` (share, 0..1) and
                `rank` (of the matrix outputs x rest).
            zeros: Share of zeros in all of these, 0..1; None if there are none.
            dead_layers: Names of the weight tensors that are all zero.

    Raises:
        InputError: If the file cannot be read.
    """
    graph = read_graph(path)
    rows = [
        _make_row(operator, tensor)
        for operator, tensor in graph.weights()
        if operator.name in PRUNABLE_OPERATORS and tensor.values is not None
    ]
    total = sum(row["size"] for row in rows)
    return {
        **check_contract(graph, scheme).to_json(),
        "weights": rows,
        "zeros": sum(row["zeros"] * row["size"] for row in rows) / total if total else None,
        "dead_layers": [row["name"] for row in rows if row["rank"] == 0],
    }


def _make_row(operator: Operator, tensor: Tensor) -> dict[str, Any]:
    values = np.asarray(tensor.values, np.float32)
    return {
        "name": tensor.name,
        "operator": operator.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "size": values.size,
        "zeros": float(np.mean(values == 0)),
        "rank": int(np.linalg.matrix_rank(values.reshape(len(values), -1))),
    }
