"""Report on the weights of a .tflite file: zeros, ranks, and layers whose weights are all zero."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.files import atomic_write, write_json
from snugnet.core.tflite_graph import Operator, Tensor
from snugnet.core.tflite_schemes import Scheme
from snugnet.tflite.contract import Contract, check_contract
from snugnet.tflite.flatbuffer import read_graph

# Operators whose weights can be pruned and factorized.
PRUNABLE_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class WeightTensor:
    """A weight tensor of a convolution or dense layer.

    Attributes:
        name: Name of the tensor.
        operator: Name of the operator that reads it.
        shape: Shape of the tensor.
        dtype: Type of its values.
        size: Number of weights.
        zeros: Share of zeros, in [0, 1].
        rank: Rank of the matrix outputs x rest.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    zeros: float
    rank: int


@dataclass(frozen=True)
class WeightReport:
    """Contract of a file, and the zeros and ranks of its weights: the content of contract.json.

    Attributes:
        contract: Comparison of the file with its scheme.
        weights: Weight tensors of all convolutions and dense layers.
    """

    contract: Contract
    weights: tuple[WeightTensor, ...]

    @property
    def zeros(self) -> float | None:
        """Share of zeros in all weights, in [0, 1]; None if there are no weights."""
        total = sum(tensor.size for tensor in self.weights)
        if not total:
            return None
        return sum(tensor.zeros * tensor.size for tensor in self.weights) / total

    @property
    def dead_layers(self) -> list[str]:
        """Names of the weight tensors that are all zero."""
        return [tensor.name for tensor in self.weights if tensor.rank == 0]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            **self.contract.to_json(),
            "weights": [asdict(tensor) for tensor in self.weights],
            "zeros": self.zeros,
            "dead_layers": self.dead_layers,
        }


def write_with_report(content: bytes, scheme: Scheme, files: Mapping[str, str]) -> None:
    """Write a .tflite file and its report, and warn about tensors whose weights are all zero.

    Args:
        content: Content of the .tflite file.
        scheme: Scheme of the file.
        files: Paths of the files `tflite` and `contract`; the latter is the report.

    Raises:
        InputError: If the written file cannot be read.
    """
    with atomic_write(files["tflite"]) as path:
        path.write_bytes(content)
    report = make_weight_report(files["tflite"], scheme)
    for name in report.dead_layers:
        print(f"warning: all weights of tensor {name!r} are zero")
    write_json(files["contract"], report.to_json())


def make_weight_report(path: str | Path, scheme: Scheme) -> WeightReport:
    """Compare a file with its scheme, and measure the zeros and ranks of its weights.

    Args:
        path: The .tflite file.
        scheme: Scheme of the file.

    Raises:
        InputError: If the file cannot be read.
    """
    graph = read_graph(path)
    weights = tuple(
        _measure_weights(operator, tensor)
        for operator, tensor in graph.weights()
        if operator.name in PRUNABLE_OPERATORS and tensor.values is not None
    )
    return WeightReport(check_contract(graph, scheme), weights)


def _measure_weights(operator: Operator, tensor: Tensor) -> WeightTensor:
    values = np.asarray(tensor.values, np.float32)
    return WeightTensor(
        name=tensor.name,
        operator=operator.name,
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        size=values.size,
        zeros=float(np.mean(values == 0)),
        rank=int(np.linalg.matrix_rank(values.reshape(len(values), -1))),
    )
