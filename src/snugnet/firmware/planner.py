"""Placement of tensors in the arena: which bytes each tensor has while it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass

# A tensor starts at a multiple of this number of bytes.
ALIGNMENT = 4


@dataclass(frozen=True)
class Buffer:
    """A part of the arena that is needed for some time.

    Attributes:
        name: Name of the buffer.
        size: Size in bytes.
        first: Index of the step that writes it; -1 for an input.
        last: Index of the last step that reads it.
    """

    name: str
    size: int
    first: int
    last: int

    def overlaps(self, other: "Buffer") -> bool:
        """Return whether both buffers are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """Offsets of buffers.

    Attributes:
        offsets: Offset of each buffer in bytes, by name.
        size: Size of the arena in bytes.
    """

    offsets: dict[str, int]
    size: int


def plan_memory(buffers: Sequence[Buffer]) -> Plan:
    """Place buffers so that those needed at the same time do not share bytes.

    Several orders of placement are tried, and then improved by exchanges; see TensorFlow Lite
    Micro's greedy planner, which places the largest buffers first.

    Args:
        buffers: The buffers.
    """
    orders = [
        sorted(buffers, key=lambda b: (-b.size, b.first, b.name)),
        sorted(buffers, key=lambda b: (b.first, -b.size, b.name)),
        sorted(buffers, key=lambda b: (b.first - b.last, -b.size, b.name)),
        sorted(buffers, key=lambda b: (-b.size * (b.last - b.first + 1), b.name)),
    ]
    bound = find_largest_sum(buffers)
    best = min((_place(order) for order in orders), key=lambda plan: plan.size)
    for order in orders:
        if best.size == bound:
            break
        best = min(best, _improve(order), key=lambda plan: plan.size)
    return best


def find_largest_sum(buffers: Sequence[Buffer]) -> int:
    """Return the most bytes that are needed at the same time: no arena can be smaller."""
    steps = {buffer.first for buffer in buffers}
    return max(
        (sum(_align(b.size) for b in buffers if b.first <= step <= b.last) for step in steps),
        default=0,
    )


def _improve(order: Sequence[Buffer]) -> Plan:
    """Move each buffer that ends at the top of the arena to the front, as long as it helps."""
    current = list(order)
    best = _place(current)
    for _ in range(len(current)):
        top = [
            buffer for buffer in current if best.offsets[buffer.name] + buffer.size >= best.size - 3
        ]
        candidates = []
        for buffer in top:
            rest = [other for other in current if other is not buffer]
            candidates.append([buffer, *rest])
        plans = [(_place(candidate), candidate) for candidate in candidates]
        plan, candidate = min(plans, key=lambda pair: pair[0].size)
        if plan.size >= best.size:
            return best
        best, current = plan, candidate
    return best


def _place(order: Sequence[Buffer]) -> Plan:
    """Give each buffer in turn the lowest offset at which it fits."""
    offsets: dict[str, int] = {}
    placed: list[Buffer] = []
    for buffer in order:
        taken = sorted(
            (offsets[other.name], offsets[other.name] + _align(other.size))
            for other in placed
            if buffer.overlaps(other)
        )
        offset = 0
        for start, end in taken:
            if offset + buffer.size <= start:
                break
            offset = max(offset, end)
        offsets[buffer.name] = offset
        placed.append(buffer)
    size = max((offsets[b.name] + _align(b.size) for b in order), default=0)
    return Plan(offsets, size)


def _align(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
