"""What compression left in a .tflite file: zeros, ranks, and layers that do nothing any more."""

from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.files import write_json
from snugnet.core.tflite_graph import Operator, Tensor
from snugnet.core.tflite_schemes import Scheme
from snugnet.tflite.contract import check_contract
from snugnet.tflite.flatbuffer import read_graph

# Operators whose weights pruning and factorization are about.
PRUNABLE = ("CONV_2D", "FULLY_CONNECTED")


def record(path: str, evidence: str, scheme: Scheme) -> None:
    """Write what `inspect` finds in a file as JSON, and warn of layers that do nothing any more."""
    found = inspect(path, scheme)
    for name in found["dead_layers"]:
        print(f"warning: all weights of tensor {name!r} are zero")
    write_json(evidence, found)


def inspect(path: str | Path, scheme: Scheme) -> dict[str, Any]:
    """Compare a file with what its scheme promises, and measure its weights.

    Returns:
        Ready for JSON: what `Contract.to_json` returns; `weights`, one mapping a weight tensor of a
        convolution or dense layer (`name`, `operator`, `shape`, `dtype`, `size`, `zeros`, their
        share, and `rank`, of the matrix outputs x rest); `zeros`, their share over all of these;
        `dead_layers`, names of weight tensors that are all zero.

    Raises:
        InputError: If the file cannot be read.
    """
    graph = read_graph(path)
    rows = [
        _row(operator, tensor)
        for operator, tensor in graph.weights()
        if operator.name in PRUNABLE and tensor.values is not None
    ]
    total = sum(row["size"] for row in rows)
    return {
        **check_contract(graph, scheme).to_json(),
        "weights": rows,
        "zeros": sum(row["zeros"] * row["size"] for row in rows) / total if total else None,
        "dead_layers": [row["name"] for row in rows if row["rank"] == 0],
    }


def _row(operator: Operator, tensor: Tensor) -> dict[str, Any]:
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
