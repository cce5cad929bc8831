"""Tests of the placement of tensors in the arena."""

import numpy as np
import pytest

from snugnet.firmware.planner import Buffer, find_largest_sum, plan_memory


def test_plan_memory_shares_bytes_when_times_differ():
    buffers = [Buffer("a", 100, 0, 1), Buffer("b", 50, 1, 2), Buffer("c", 100, 2, 3)]
    plan = plan_memory(buffers)
    assert plan.size == 152  # 50 bytes take 52
    assert plan.offsets["a"] == plan.offsets["c"]


def test_plan_memory_is_empty_when_there_are_no_buffers():
    assert plan_memory([]).size == 0


@pytest.mark.parametrize("seed", range(30))
def test_plan_memory_overlaps_nothing_when_buffers_are_random(seed):
    rng = np.random.default_rng(seed)
    buffers = []
    for i in range(25):
        first = int(rng.integers(-1, 20))
        last = first + int(rng.integers(0, 6))
        buffers.append(Buffer(f"b{i}", int(rng.integers(1, 300)), first, last))
    plan = plan_memory(buffers)
    for i, a in enumerate(buffers):
        assert plan.offsets[a.name] % 4 == 0
        assert plan.offsets[a.name] + a.size <= plan.size
        for b in buffers[i + 1 :]:
            start, end = plan.offsets[a.name], plan.offsets[a.name] + a.size
            other, other_end = plan.offsets[b.name], plan.offsets[b.name] + b.size
            assert not a.overlaps(b) or end <= other or other_end <= start
    assert find_largest_sum(buffers) <= plan.size <= 1.25 * find_largest_sum(buffers)
