"""Tests of loops that copy elements."""

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.firmware.copies import CopyBlock, Loop, find_copies
from snugnet.int8.node import Kernel, Node, Profile


def find(run, *shapes):
    tensors = tuple(Tensor(i, "x", shape, "int8") for i, shape in enumerate(shapes))
    node = Node(0, "COPY", tensors[:-1], tensors[-1:], {}, Profile.TFLM)
    return find_copies(node, Kernel(run))


def test_find_copies_returns_one_block_when_nothing_moves():
    blocks = find(lambda x: x.reshape(1, 6), (2, 3), (6,))
    assert blocks == [CopyBlock(0, 0, 0, 0, 6, ())]


def test_find_copies_returns_loops_when_axes_are_exchanged():
    blocks = find(lambda x: x.transpose(0, 2, 1), (2, 3), (3, 2))
    assert blocks == [CopyBlock(0, 0, 0, 0, 1, (Loop(3, 2, 1), Loop(2, 1, 3)))]


def test_find_copies_returns_two_blocks_when_inputs_are_joined():
    blocks = find(lambda a, b: np.concatenate([a, b], axis=2), (2, 3), (2, 1), (2, 4))
    assert blocks == [
        CopyBlock(0, 0, 0, 0, 3, (Loop(2, 4, 3),)),
        CopyBlock(1, 0, 3, 0, 1, (Loop(2, 4, 1),)),
    ]


def test_find_copies_skips_padding_when_it_looks_like_an_index():
    blocks = find(lambda x: np.pad(x, ((0, 0), (1, 1)), constant_values=2), (3,), (5,))
    assert blocks == [CopyBlock(0, 0, 1, 0, 3, ())]
