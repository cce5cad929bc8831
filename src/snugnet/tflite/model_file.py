"""A .tflite file in memory: its bytes and its graph."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snugnet.core.affine import convert_to_type
from snugnet.core.files import check_regular
from snugnet.core.inputs import join_inputs, list_graph_inputs, order_inputs
from snugnet.core.tflite_graph import Graph, Tensor
from snugnet.tflite.flatbuffer import parse_graph


@dataclass(frozen=True)
class ModelFile:
    """A .tflite file that was read and parsed once.

    Attributes:
        content: The bytes of the file.
        graph: The graph that they hold.
        name: Name of the file for messages.
    """

    content: bytes = field(repr=False)
    graph: Graph = field(repr=False)
    name: str

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, content: bytes, name: str) -> "ModelFile":
        """Parse the bytes of a file.

        Args:
            content: The bytes.
            name: Name of the file for error messages.

        Raises:
            ModelFormatError: If they are no usable .tflite file.
        """
        return cls(content, parse_graph(content, name), name)

    @classmethod
    def read(cls, path: str | Path) -> "ModelFile":
        """Read a file.

        Raises:
            ModelFormatError: If it is no usable .tflite file.
            OSError: If it cannot be read.
        """
        check_regular(Path(path))
        return cls.parse(Path(path).read_bytes(), str(path))

    def quantize_input(self, x: np.ndarray) -> np.ndarray:
        """Convert samples to the types of the inputs, as LiteRT's callers must do.

        Args:
            x: Samples in real units; see `core.inputs`.

        Returns:
            The samples in the inputs' types; rounded and saturated if those are integer types.
            Several inputs are in the order of the file.
        """
        ports = list_graph_inputs(self.graph)
        arrays = order_inputs(x, ports, self.name)
        tensors = [self.graph.tensors[index] for index in self.graph.inputs]
        return join_inputs(
            {
                port.name: _quantize(array, tensor)
                for port, array, tensor in zip(ports, arrays, tensors, strict=True)
            }
        )


def _quantize(x: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Convert an array to the type of an input tensor."""
    is_quantized = len(tensor.scales) == 1 and tensor.scales[0] > 0
    scale = float(tensor.scales[0]) if is_quantized else 1.0
    zero_point = int(tensor.zero_points[0]) if is_quantized else 0
    return convert_to_type(x, np.dtype(tensor.dtype), scale, zero_point)
