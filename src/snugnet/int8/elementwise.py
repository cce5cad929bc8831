"""Operators that compute each element by itself: tables for 8 bits, direct for more."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.int8.node import Kernel, Node

Function = Callable[..., np.ndarray]
# What happens between one input, or two, and the output.
Steps = Callable[..., list[tuple[str, Any]]]


def unary(node: Node, function: Function, steps: Steps) -> Kernel:
    """Make a kernel of a function of one integer.

    Args:
        node: Its first input is read and its first output written; they have the same shape.
        function: From int64 to numbers of the output's type.
        steps: From one integer to lines of its arithmetic.
    """
    given, made = node.input(0), node.output
    node.require_shape(made, given.shape)
    if np.dtype(given.dtype).itemsize == 1:
        table = function(_all_values(given.dtype)).astype(made.dtype)

        def run(x: np.ndarray, *_: Any) -> np.ndarray:
            return table.take(x.view(np.uint8), mode="wrap")
    else:

        def run(x: np.ndarray, *_: Any) -> np.ndarray:
            return function(x.astype(np.int64)).astype(made.dtype)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        value = int(arrays[0][index])
        output = function(np.array([value], np.int64)).astype(made.dtype)[0]
        return [("input", value), *steps(value), ("output", output.item())]

    return Kernel(run, explain)


def binary(node: Node, function: Function, steps: Steps) -> Kernel:
    """Make a kernel of a function of two integers, broadcast as NumPy does.

    Args:
        node: Its first two inputs are read and its first output written.
        function: From two int64 arrays to numbers of the output's type.
        steps: From two integers to lines of their arithmetic.
    """
    first, second, made = node.input(0), node.input(1), node.output
    node.require_shape(made, _broadcast(node, first, second))
    one_byte = all(np.dtype(tensor.dtype).itemsize == 1 for tensor in (first, second))
    if one_byte:
        table = function(
            _all_values(first.dtype)[:, np.newaxis], _all_values(second.dtype)[np.newaxis]
        )
        table = table.astype(made.dtype).ravel()

        def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            index = a.view(np.uint8).astype(np.uint16) << 8
            return table.take(index | b.view(np.uint8), mode="wrap")
    else:

        def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return function(a.astype(np.int64), b.astype(np.int64)).astype(made.dtype)

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return compute(_expanded(a, len(made.shape)), _expanded(b, len(made.shape)))

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        a, b = (int(np.broadcast_to(array, made.shape)[index]) for array in arrays[:2])
        output = int(function(np.array([a], np.int64), np.array([b], np.int64))[0])
        return [("input 1", a), ("input 2", b), *steps(a, b), ("output", output)]

    return Kernel(run, explain)


def _all_values(dtype: str) -> np.ndarray:
    """Give all values of a type of one byte, in the order of their bits."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def _broadcast(node: Node, first: Tensor, second: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise node.error(
            f"cannot broadcast shapes {list(first.shape)} and {list(second.shape)}"
        ) from None


def _expanded(x: np.ndarray, rank: int) -> np.ndarray:
    """Put dimensions of size 1 between the axis of invocations and a shorter shape."""
    return x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:])
