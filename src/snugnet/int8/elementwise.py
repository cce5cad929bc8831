"""Kernels of elementwise operators: a lookup table for 8 bits, direct computation for more."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import LookupTable

# Function of one or two int64 arrays that computes the output elements.
ElementwiseFunction = Callable[..., np.ndarray]
# Function that lists the arithmetic between one or two input integers and the output.
ExplainSteps = Callable[..., list[tuple[str, Any]]]


def make_unary_kernel(
    node: Node, function: ElementwiseFunction, steps: ExplainSteps, parameters: Any = None
) -> Kernel:
    """Make the kernel of a function of one integer.

    Args:
        node: Operator whose first input and first output have the same shape.
        function: Computes values in the range of the output type from an int64 array.
        steps: Lists the arithmetic for one input integer.
        parameters: Numbers of the function. They are not needed if input and output have 8 bits,
            because the kernel then has the table of all outputs.

    Returns:
        The kernel. For 8-bit inputs it reads a table of 256 outputs.

    Raises:
        ModelFormatError: If the shapes differ.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_shape(output_tensor, input_tensor.shape)
    if np.dtype(input_tensor.dtype).itemsize == 1:
        table = function(_all_values(input_tensor.dtype)).astype(output_tensor.dtype)
        if table.itemsize == 1:
            parameters = LookupTable(table)

        def run(x: np.ndarray, *_: Any) -> np.ndarray:
            return table.take(x.view(np.uint8), mode="wrap")
    else:

        def run(x: np.ndarray, *_: Any) -> np.ndarray:
            return function(x.astype(np.int64)).astype(output_tensor.dtype)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        value = int(arrays[0][index])
        output = function(np.array([value], np.int64)).astype(output_tensor.dtype)[0]
        return [("input", value), *steps(value), ("output", output.item())]

    return Kernel(run, explain, parameters)


def make_binary_kernel(
    node: Node, function: ElementwiseFunction, steps: ExplainSteps, parameters: Any
) -> Kernel:
    """Make the kernel of a function of two integers, broadcast by the rules of NumPy.

    Args:
        node: Operator with at least two inputs.
        function: Computes values in the range of the output type from two int64 arrays.
        steps: Lists the arithmetic for two input integers.
        parameters: Numbers of the function.

    Returns:
        The kernel. For 8-bit inputs it reads a table of 65,536 outputs.

    Raises:
        ModelFormatError: If the shapes cannot be broadcast to the output shape.
    """
    first, second, output_tensor = node.input(0), node.input(1), node.output
    node.require_shape(output_tensor, _broadcast_shape(node, first, second))
    is_8_bit = all(np.dtype(tensor.dtype).itemsize == 1 for tensor in (first, second))
    if is_8_bit:
        table = function(
            _all_values(first.dtype)[:, np.newaxis], _all_values(second.dtype)[np.newaxis]
        )
        table = table.astype(output_tensor.dtype).ravel()

        def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            index = a.view(np.uint8).astype(np.uint16) << 8
            return table.take(index | b.view(np.uint8), mode="wrap")
    else:

        def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return function(a.astype(np.int64), b.astype(np.int64)).astype(output_tensor.dtype)

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return compute(
            _expand_rank(a, len(output_tensor.shape)), _expand_rank(b, len(output_tensor.shape))
        )

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        a, b = (int(np.broadcast_to(array, output_tensor.shape)[index]) for array in arrays[:2])
        output = int(function(np.array([a], np.int64), np.array([b], np.int64))[0])
        return [("input 1", a), ("input 2", b), *steps(a, b), ("output", output)]

    return Kernel(run, explain, parameters)


def _all_values(dtype: str) -> np.ndarray:
    """Return all values of an 8-bit type, in the order of their bit patterns as uint8."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def _broadcast_shape(node: Node, first: Tensor, second: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise node.error(
            f"cannot broadcast shapes {list(first.shape)} and {list(second.shape)}"
        ) from None


def _expand_rank(x: np.ndarray, rank: int) -> np.ndarray:
    """Insert dimensions of size 1 after the axis of invocations, up to a rank."""
    ones = [1] * (rank + 1 - x.ndim)
    return x.reshape(x.shape[0], *ones, *x.shape[1:])
