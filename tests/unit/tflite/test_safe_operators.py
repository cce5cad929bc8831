"""Tests of which operators of a stranger's file LiteRT may run."""

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.tflite.flatbuffer import parse_graph
from snugnet.tflite.safe_operators import PLAIN, STRUCTURAL, check_operators
from tests.tflite_files import Node, Tensor, constant, single, write
from tests.unit.int8 import models

FLOATS = Tensor((1, 4), "float32")


def check(file: bytes) -> None:
    check_operators(parse_graph(file, "file"), "m.tflite")


def of_one(name, others=(), options=None, shape=(1, 4), outputs=1, dtype="float32"):
    source = Tensor(shape, dtype)
    return single(name, [source, *others], [source] * outputs, options)


@pytest.mark.parametrize("file", [models.network(), models.branches(), models.network(2, True)])
def test_check_operators_accepts_file_when_it_is_a_network(file):
    check(file)


@pytest.mark.parametrize(
    "name",
    [
        *("LOCAL_RESPONSE_NORMALIZATION", "L2_POOL_2D", "FLOOR_MOD", "FLOOR_DIV", "DILATE"),
        *("NON_MAX_SUPPRESSION_V4", "SPARSE_TO_DENSE", "SEGMENT_SUM", "WHILE", "CALL_ONCE"),
        "CUSTOM",
    ],
)
def test_check_operators_refuses_operator_when_it_is_rare(name):
    with pytest.raises(InputError, match=f"operator 0 {name} is not among the operators"):
        check(of_one(name))


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (of_one("SPLIT", [constant(1)], {"kind": "SplitOptions", "numSplits": 5}), "numSplits 5"),
        (
            of_one("MAX_POOL_2D", (), {"kind": "Pool2DOptions", "filterHeight": -(2**31)}),
            r"has strideH|has filterHeight",
        ),
        (of_one("TRANSPOSE", [constant([0, 0])]), "wrong permutation"),
        (of_one("TRANSPOSE", [constant([0, 1, 2])]), "wrong permutation"),
        (of_one("TRANSPOSE", [Tensor((2,), "int32")]), "no constant permutation"),
        (of_one("DIV", [Tensor((1, 4), "int32")], dtype="int32"), "divides integers"),
        (of_one("PAD", [constant([[0, 0], [0, -1]])]), "negative or implausible padding"),
        (of_one("RESHAPE", [constant([1 << 30, 1 << 30])]), "implausible size"),
        (of_one("TILE", [constant([1, -7])]), "implausible size"),
        (of_one("SPACE_TO_BATCH_ND", [Tensor((1,), "int32"), constant([[0, 0]])]), "not constant"),
        (of_one("BATCH_TO_SPACE_ND", [constant([0]), constant([[0, 0]])]), "implausible block"),
        (
            of_one(
                "STRIDED_SLICE",
                [constant([0, 4]), constant([1, 5]), constant([1, 1])],
                {"kind": "StridedSliceOptions", "shrinkAxisMask": 2},
            ),
            "takes index 4 of an axis of 4",
        ),
        (of_one("SLICE", [constant([0, 2]), constant([1, 3])]), "outside of its input"),
        (of_one("SLICE", [constant([0, -1]), constant([1, 1])]), "outside of its input"),
        (
            of_one(
                "STRIDED_SLICE",
                [constant([0, 0]), constant([1, 5]), constant([1, 1])],
                {"kind": "StridedSliceOptions", "offset": True},
            ),
            "takes a size instead of an end",
        ),
        (
            single("CUMSUM", [Tensor((1, 4), "int32"), constant(1)], [Tensor((1, 4), "int8", 0.1)]),
            "computes int8 from int32",
        ),
        (
            of_one("CONCATENATION", (), {"kind": "ConcatenationOptions", "axis": 1 << 20}),
            "has axis 1048576",
        ),
    ],
)
def test_check_operators_refuses_file_when_options_are_wrong(file, problem):
    with pytest.raises(InputError, match=problem):
        check(file)


@pytest.mark.parametrize("name", sorted(set(STRUCTURAL) - {"TRANSPOSE"}))
def test_check_operators_refuses_file_when_size_is_a_sample(name):
    position = STRUCTURAL[name][-1]
    others = [constant([[1, 1]]) for _ in range(position)]
    inputs = [FLOATS, *others][: position + 1]
    inputs[position] = Tensor((2,), "int32")
    with pytest.raises(
        InputError, match=r"depends on the values of the samples|not constant|no constant range"
    ):
        check(single(name, inputs, [FLOATS]))


def test_check_operators_refuses_file_when_size_is_computed():
    tensors = [FLOATS, Tensor((2,), "int32"), FLOATS]
    nodes = [Node("CAST", [0], [1], None), Node("RESHAPE", [0, 1], [2], None)]
    with pytest.raises(InputError, match="operator 1 RESHAPE: the size of its output"):
        check(write(tensors, nodes, [0], [2]))


def test_check_operators_accepts_file_when_size_is_of_a_shape():
    tensors = [FLOATS, Tensor((2,), "int32"), FLOATS]
    nodes = [Node("SHAPE", [0], [1], None), Node("RESHAPE", [0, 1], [2], None)]
    check(write(tensors, nodes, [0], [2]))


def test_lists_of_operators_are_disjoint_when_they_are_read():
    assert not PLAIN & set(STRUCTURAL)
    assert np.all([name == name.upper() for name in PLAIN])


def test_check_operators_refuses_file_when_order_is_wrong():
    nodes = [Node("ADD", [0, 2], [1]), Node("NEG", [1], [2])]
    with pytest.raises(InputError, match="operator 0 ADD reads tensor 2 before it is written"):
        check(write([FLOATS] * 3, nodes, [0], [1]))


@pytest.mark.parametrize("target", [0, 1])
def test_check_operators_refuses_file_when_tensor_has_values(target):
    nodes = [Node("NEG", [0], [1]), Node("NEG", [1], [target])]
    with pytest.raises(InputError, match="which has its values already"):
        check(write([FLOATS] * 2, nodes, [0], [1]))


def test_check_operators_accepts_file_when_it_is_converted():
    file = of_one("FLOOR_MOD")
    check_operators(parse_graph(file, "file"), "m.h5", is_converted=True)
