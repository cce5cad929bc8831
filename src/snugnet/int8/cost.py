"""Work and memory of an operator, from the shapes in the file, before anything is computed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.tflite_graph import Graph, Tensor
from snugnet.int8.node import Node, Profile, count_elements, make_node

# Bytes of the temporary arrays of an operator for each element of its output. Sums and products
# are computed in arrays of 8 bytes an element, of which up to six exist at the same time.
BYTES_PER_ELEMENT = 48
# Operators that compute an element in dozens of steps.
SLOW_OPERATORS = ("HARD_SWISH", "LOGISTIC", "SOFTMAX", "TANH")
SLOW_FACTOR = 20


@dataclass(frozen=True)
class Cost:
    """What one invocation of an operator takes, at most.

    Attributes:
        macs: Multiply-accumulates, or other operations on an element.
        bytes_held: Bytes of its outputs and of temporary arrays.
    """

    macs: int
    bytes_held: int


def estimate_cost(node: Node) -> Cost:
    """Estimate the work and the memory of an operator.

    Args:
        node: The operator. Its shapes may be inconsistent: nothing has been checked.
    """
    elements = sum(map(count_elements, node.outputs))
    factor = _DEPTHS.get(node.name, _no_depth)(node)
    temporary = 0
    if node.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and node.outputs:
        # The windows of one sample are copied to the rows of a matrix.
        channels = node.outputs[0].shape[-1:] or (1,)
        temporary = 8 * elements * factor // max(channels[0], 1)
    macs = elements * factor * (SLOW_FACTOR if node.name in SLOW_OPERATORS else 1)
    if node.name == "TRANSPOSE_CONV":
        macs = _count_transposed(node)
        temporary = 8 * (macs // max(_last(_shape(node, 1)), 1) + _count_canvas(node))
    sources = sum(count_elements(tensor) for tensor in node.inputs if tensor is not None)
    bytes_held = BYTES_PER_ELEMENT * (elements + sources) + temporary
    return Cost(max(macs, elements + sources), bytes_held)


def _shape(node: Node, position: int) -> tuple[int, ...]:
    """Return the shape of an input; () if there is none."""
    tensor: Tensor | None = node.inputs[position] if position < len(node.inputs) else None
    return () if tensor is None else tensor.shape


def _last(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def _no_depth(node: Node) -> int:
    return 1


def _count_products(node: Node) -> int:
    """Count the products for each output of a convolution: weights of one output channel."""
    return math.prod(_shape(node, 1)[1:])


def _count_window(node: Node) -> int:
    """Count the elements of a window: a file gives its size as options or as weights."""
    weights = _shape(node, 1)
    if weights:
        return math.prod(weights[1:3])
    return int(node.option("filterHeight", 1)) * int(node.option("filterWidth", 1))


def _count_columns(node: Node) -> int:
    """Count the products for each output of a matrix product."""
    if node.name == "FULLY_CONNECTED":
        return _last(_shape(node, 1))
    matrix = _shape(node, 0)[-2:] or (1,)
    return matrix[0] if node.option("adjX") else matrix[-1]


def _count_transposed(node: Node) -> int:
    """Count the products of a transposed convolution: each element of the image adds a window."""
    image, weights = _shape(node, 2), _shape(node, 1)
    return math.prod(image[:3]) * math.prod(weights)


def _count_canvas(node: Node) -> int:
    """Count the elements of the output of a transposed convolution before it is cropped."""
    image, weights = _shape(node, 2), _shape(node, 1)
    if len(image) != 4 or len(weights) != 4:
        return 0
    rows = image[1] * max(int(node.option("strideH", 1)), 1) + weights[1]
    columns = image[2] * max(int(node.option("strideW", 1)), 1) + weights[2]
    return image[0] * rows * columns * weights[0]


_DEPTHS: dict[str, Callable[[Node], int]] = {
    "AVERAGE_POOL_2D": _count_window,
    "BATCH_MATMUL": _count_columns,
    "CONV_2D": _count_products,
    "DEPTHWISE_CONV_2D": _count_window,
    "FULLY_CONNECTED": _count_columns,
    "MAX_POOL_2D": _count_window,
}


def count_bytes(tensor: Tensor) -> int:
    """Count the bytes of a tensor; types that NumPy does not have count one byte an element."""
    try:
        size = np.dtype(tensor.dtype).itemsize
    except TypeError:
        size = 1
    return count_elements(tensor) * size


def check_cost(graph: Graph, samples: int, budget: Budget, name: str) -> None:
    """Check the work and the memory of a file and its inputs, before a runtime opens the file.

    Args:
        graph: The graph of the file.
        samples: Number of samples that are drawn or run at once.
        budget: Limits for the multiply-accumulates and the memory.
        name: Name of the file, for the message.

    Raises:
        BudgetError: If they need more than the budget allows.
    """
    activations = [tensor for tensor in graph.tensors if tensor.values is None]
    one = sum(map(count_bytes, activations))
    inputs = 8 * sum(math.prod(graph.tensors[i].shape[1:]) for i in graph.inputs)
    what = f"{name} with {samples} samples"
    budget.check_bytes_held(one + samples * inputs, what)
    nodes = (
        make_node(graph.tensors, position, operator, Profile.TFLM)
        for position, operator in enumerate(graph.operators)
    )
    macs = sum(estimate_cost(node).macs for node in nodes)
    budget.check_macs(macs, name)
    budget.check_total_macs(samples * macs, what)
