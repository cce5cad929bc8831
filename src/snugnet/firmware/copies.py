"""Nested loops of copies, found by running an operator on the indices of its input elements.

All operators that only copy elements are described in this way: slices, transpositions,
concatenations, paddings. The loops are the same as those that a programmer would write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.int8.node import Kernel, Node, count_elements

# Index of the first element, above all values of a padding, which are no indices.
FIRST_INDEX = 1 << 20
# Number of nested loops that the C code has.
MAX_LOOPS = 4
# More blocks of loops are a shape that nobody needs.
MAX_BLOCKS = 64


@dataclass(frozen=True)
class Loop:
    """A loop around a copy; the steps are in elements."""

    count: int
    to_step: int
    from_step: int


@dataclass(frozen=True)
class _Run:
    """Neighbouring elements that are copied, in loops; see `CopyBlock`."""

    to_start: int
    from_start: int
    length: int
    loops: tuple[Loop, ...] = ()

    def find_steps(self, other: "_Run") -> tuple[int, int] | None:
        """Return the distance to another run, or None if the runs are not alike."""
        if (self.length, self.loops) != (other.length, other.loops):
            return None
        return other.to_start - self.to_start, other.from_start - self.from_start


@dataclass(frozen=True)
class CopyBlock:
    """Copies of neighbouring elements, in nested loops.

    Attributes:
        position: Position of the input among the inputs of the operator.
        output: Position of the output.
        to_start: Index of the first element that is written.
        from_start: Index of the first element that is read.
        length: Number of neighbouring elements.
        loops: From the outermost to the innermost loop.
    """

    position: int
    output: int
    to_start: int
    from_start: int
    length: int
    loops: tuple[Loop, ...]


def find_copies(node: Node, kernel: Kernel) -> list[CopyBlock]:
    """Find what an operator copies.

    Args:
        node: An operator that only copies elements.
        kernel: Its kernel.

    Raises:
        ModelFormatError: If the copies cannot be described with few loops.
    """
    starts = np.cumsum([FIRST_INDEX, *(_count(tensor) for tensor in node.inputs)])
    indices = [
        None
        if tensor is None
        else np.arange(start, start + count_elements(tensor)).reshape(1, *tensor.shape)
        for tensor, start in zip(node.inputs, starts[:-1], strict=True)
    ]
    outputs = kernel.run(*indices)
    blocks = []
    for output, sources in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        sources = np.asarray(sources).ravel()
        for position, (start, end) in enumerate(pairwise(starts)):
            targets = np.flatnonzero((sources >= start) & (sources < end))
            blocks += [
                CopyBlock(position, output, run.to_start, run.from_start, run.length, run.loops)
                for run in _find_loops(targets, sources[targets] - start)
            ]
    node.require(
        len(blocks) <= MAX_BLOCKS and all(len(block.loops) <= MAX_LOOPS for block in blocks),
        "copies elements in an order that generated code does not support",
    )
    return blocks


def _count(tensor: Tensor | None) -> int:
    return 0 if tensor is None else count_elements(tensor)


def _find_loops(targets: np.ndarray, sources: np.ndarray) -> list[_Run]:
    """Group pairs of target and source indices into runs of neighbours, then runs into loops."""
    if len(targets) == 0:
        return []
    is_start = np.r_[True, (np.diff(targets) != 1) | (np.diff(sources) != 1)]
    first = np.flatnonzero(is_start)
    lengths = np.diff(np.r_[first, len(targets)])
    runs = [
        _Run(int(targets[i]), int(sources[i]), int(length))
        for i, length in zip(first, lengths, strict=True)
    ]
    while True:
        merged = _merge(runs)
        if len(merged) == len(runs):
            return runs
        runs = merged


def _merge(runs: Sequence[_Run]) -> list[_Run]:
    """Replace equal runs at equal distances by one run with one more loop around it."""
    merged, i = [], 0
    while i < len(runs):
        run, end = runs[i], i + 1
        if end < len(runs):
            steps = run.find_steps(runs[end])
            while end < len(runs) and steps and runs[end - 1].find_steps(runs[end]) == steps:
                end += 1
            if steps is not None:
                run = replace(run, loops=(Loop(end - i, *steps), *run.loops))
        merged.append(run)
        i = end
    return merged
