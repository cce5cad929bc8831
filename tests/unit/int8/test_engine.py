"""Tests of the integer engine with whole networks."""

import numpy as np
import pytest

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8 import engine, load
from tests.runtimes import litert, tflm
from tests.tflite_files import Node, Tensor, constant, single, write
from tests.unit.int8 import models

NETWORKS = {
    "network": models.network(),
    "network in real numbers": models.network(float_ends=True),
    "network of batch 2": models.network(batch=2),
    "branches": models.branches(),
}


def samples(port: engine.Port, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (count * port.shape[0], *port.shape[1:])
    if port.dtype == "float32":
        return rng.normal(size=shape).astype(np.float32) * 20
    info = np.iinfo(port.dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(port.dtype)


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("name", NETWORKS)
def test_engine_tensors_equal_runtime_when_inputs_are_random(name, profile, save):
    model = load(save(NETWORKS[name]), profile)
    batch = model.inputs[0].shape[0]
    x = samples(model.inputs[0], 20)
    indexes = [i for operator in model.graph.operators for i in operator.outputs]
    parts = [[x[i * batch : (i + 1) * batch]] for i in range(20)]
    if profile == "litert_ref":
        truths = litert(NETWORKS[name], parts)
    else:
        truths = tflm(NETWORKS[name], parts, indexes)
    tensors = model.trace(x)
    assert set(tensors) == set(indexes)
    for index in indexes:
        truth = np.concatenate(
            [np.reshape(t[index], model.graph.tensors[index].shape) for t in truths]
        )
        np.testing.assert_array_equal(tensors[index], truth, err_msg=f"tensor {index}")
    np.testing.assert_array_equal(model.predict(x), tensors[model.outputs[0].index])


def shape_and_constant() -> bytes:
    """Write what depends on no value of the input: a shape, and a sum of constants."""
    tensors = [
        Tensor((1, 4), "int8", 0.1),
        Tensor((2,), "int32"),
        Tensor((1, 4), "int8", 0.1, 0, np.arange(4, dtype=np.int8).reshape(1, 4)),
        Tensor((1, 4), "int8", 0.2),
    ]
    nodes = [
        Node("SHAPE", [0], [1], {"kind": "ShapeOptions", "outType": 2}),
        Node("ADD", [2, 2], [3], {"kind": "AddOptions"}),
    ]
    return write(tensors, nodes, [0], [1, 3])


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_engine_repeats_constant_outputs_when_batch_is_large(block, save, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK_ELEMENTS", block)
    model = load(save(shape_and_constant()))
    x = np.zeros((5, 4), np.int8)
    shapes, totals = model.predict(x)
    np.testing.assert_array_equal(shapes, [1, 4] * 5)
    np.testing.assert_array_equal(totals, [[0, 1, 2, 3]] * 5)
    np.testing.assert_array_equal(model.trace(x)[1], shapes)


def test_engine_outputs_are_equal_when_block_size_differs(save, monkeypatch):
    model = load(save(NETWORKS["network"]))
    x = samples(model.inputs[0], 37)
    whole = model.predict(x)
    monkeypatch.setattr(engine, "BLOCK_ELEMENTS", 4 * 1024)
    np.testing.assert_array_equal(model.predict(x), whole)
    for index, array in model.trace(x).items():
        one = np.concatenate([model.trace(x[i : i + 1])[index] for i in range(len(x))])
        np.testing.assert_array_equal(array, one)


def test_engine_rounds_and_saturates_when_input_is_float(save):
    model = load(save(NETWORKS["network"]))
    port = model.inputs[0]
    real = np.array([-1e9, -0.26, -0.24, 0.0, 0.051, 1e9], np.float32)
    x = np.resize(real, port.shape)
    steps = np.array([-128, 0, 1, 3, 4, 127], np.int8)
    expected = model.predict(np.resize(steps, port.shape))
    np.testing.assert_array_equal(model.predict(x), expected)


def test_engine_ports_have_shape_and_scale_when_type_is_int8(save):
    model = load(save(NETWORKS["network"]))
    (input_port,), (output_port,) = model.inputs, model.outputs
    assert (input_port.shape, input_port.dtype, input_port.zero_point) == ((1, 8, 8, 2), "int8", 3)
    assert input_port.scale == pytest.approx(0.1)
    assert (output_port.shape, output_port.dtype, output_port.scale, output_port.zero_point) == (
        (1, 3),
        "int8",
        1 / 256,
        -128,
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((8, 8, 2), np.int8), r"shape \[8, 8, 2\]; expected \[1, 8, 8, 2\]"),
        (np.zeros((1, 8, 8, 3), np.int8), r"shape \[1, 8, 8, 3\]"),
        (np.zeros((0, 8, 8, 2), np.int8), "is empty"),
        (np.zeros((1, 8, 8, 2), np.int16), "is int16; expected int8 or floats"),
        (np.full((1, 8, 8, 2), np.nan), "holds NaN"),
        ([np.zeros((1, 8, 8, 2), np.int8)] * 2, "got 2 inputs; the model expects 1"),
    ],
)
def test_predict_fails_when_input_is_wrong(save, x, message):
    with pytest.raises(InputError, match=message):
        load(save(NETWORKS["network"])).predict(x)


def test_predict_fails_when_float_input_has_no_scale(save):
    tensor = Tensor((1, 4), "int8")
    model = load(save(single("RESHAPE", [tensor], [tensor], {"kind": "ReshapeOptions"})))
    with pytest.raises(InputError, match="has no scale; pass int8 values, not floats"):
        model.predict(np.zeros((1, 4)))


def test_load_fails_when_input_type_is_not_supported(save):
    source, output = Tensor((3,), "bool"), Tensor((1,), "int32")
    file = single("SHAPE", [source], [output], {"kind": "ShapeOptions", "outType": 2})
    with pytest.raises(ModelFormatError, match="input or output tensor 0 is bool; allowed"):
        load(save(file))


@pytest.mark.parametrize(
    ("operator", "inputs", "outputs", "message"),
    [
        ("ADD", 3, 1, "has 3 inputs; allowed: 2 to 2"),
        ("ADD", 1, 1, "has 1 inputs; allowed: 2 to 2"),
        ("RELU", 1, 2, "has 2 outputs; allowed: 1 to 1"),
    ],
)
def test_load_fails_when_operator_has_wrong_number_of_tensors(
    save, operator, inputs, outputs, message
):
    tensor = Tensor((1, 4), "int8", 0.1)
    with pytest.raises(ModelFormatError, match=f"operator 0 {operator}: {message}"):
        load(save(single(operator, [tensor] * inputs, [tensor] * outputs)))


def test_load_names_all_operators_when_several_are_unsupported(save):
    tensor, real = Tensor((1, 4), "int8", 0.1), Tensor((1, 4), "float32")
    nodes = [Node("RELU", [0], [1]), Node("RELU6", [0], [2])]
    with pytest.raises(ModelFormatError, match=r"operator 0 RELU: .*; operator 1 RELU6: "):
        load(save(write([tensor, real, real], nodes, [0], [1, 2])))


def test_predict_fails_when_batch_is_not_a_multiple(save):
    with pytest.raises(InputError, match="a multiple of its first dimension"):
        load(save(NETWORKS["network of batch 2"])).predict(np.zeros((3, 8, 8, 2), np.int8))


def test_load_fails_when_profile_is_unknown(save):
    with pytest.raises(InputError, match=r"unknown profile 'fast'\. Known: litert_ref, tflm"):
        load(save(NETWORKS["network"]), "fast")


def test_load_names_known_operators_when_operator_is_unknown(save):
    file = single("ABS", [Tensor((1, 3), "int8", 1.0)], [Tensor((1, 3), "int8", 1.0)])
    with pytest.raises(ModelFormatError, match=r"operator 0 ABS: not supported; supported: ADD"):
        load(save(file))


def test_load_names_operator_and_tensor_when_model_is_float(save):
    source, output = Tensor((1, 3), "float32"), Tensor((1, 3), "float32")
    with pytest.raises(ModelFormatError, match=r"operator 0 RELU: tensor 0 is float32; allowed"):
        load(save(single("RELU", [source], [output])))


def test_load_fails_only_for_tflm_when_tflm_lacks_the_kernel(save):
    tensor = Tensor((1, 3), "int8", 0.1)
    path = save(single("RELU_N1_TO_1", [tensor], [tensor]))
    load(path)
    with pytest.raises(ModelFormatError, match="TensorFlow Lite Micro has no such kernel"):
        load(path, "tflm")


def test_load_fails_when_operators_are_out_of_order(save):
    tensor = Tensor((1, 3), "int8", 0.1)
    nodes = [Node("RELU", [1], [2]), Node("RELU", [2], [1])]
    with pytest.raises(ModelFormatError, match=r"operator 0 RELU: reads tensors \[1\]"):
        load(save(write([tensor] * 3, nodes, [0], [2])))


def test_engine_computes_shapes_when_batch_dimension_is_open(save):
    """SHAPE, STRIDED_SLICE and PACK feeding RESHAPE, as converters write an open batch."""
    tensors = [
        Tensor((1, 2, 3), "int8", 0.1),
        Tensor((3,), "int32"),
        constant([0]),
        constant([1]),
        constant([1]),
        Tensor((), "int32"),
        constant(6),
        Tensor((2,), "int32"),
        Tensor((1, 6), "int8", 0.1),
    ]
    slices = {"kind": "StridedSliceOptions", "shrinkAxisMask": 1}
    nodes = [
        Node("SHAPE", [0], [1], {"kind": "ShapeOptions", "outType": 2}),
        Node("STRIDED_SLICE", [1, 2, 3, 4], [5], slices),
        Node("PACK", [5, 6], [7], {"kind": "PackOptions", "valuesCount": 2}),
        Node("RESHAPE", [0, 7], [8], {"kind": "ReshapeOptions"}),
    ]
    model = load(save(write(tensors, nodes, [0], [8])))
    x = np.arange(30, dtype=np.int8).reshape(5, 2, 3)
    np.testing.assert_array_equal(model.predict(x), x.reshape(5, 6))
    np.testing.assert_array_equal(model.trace(x)[7].reshape(5, 2), [[1, 6]] * 5)


def test_predict_equals_runtime_when_inputs_and_outputs_are_two(save):
    tensors = [Tensor((1, 4), "int8", 0.1), Tensor((1, 4), "int8", 0.2)]
    output_tensors = [Tensor((1, 4), "int8", 0.3, 2), Tensor((1, 4), "int8", 0.1)]
    nodes = [
        Node("ADD", [0, 1], [2], {"kind": "AddOptions"}),
        Node("RELU", [0], [3]),
    ]
    file = write([*tensors, *output_tensors], nodes, [0, 1], [2, 3])
    model = load(save(file))
    x = [samples(port, 6, seed) for seed, port in enumerate(model.inputs)]
    outputs = model.predict(x)
    truths = litert(file, [[a[i : i + 1] for a in x] for i in range(6)])
    for index, array in zip((2, 3), outputs, strict=True):
        np.testing.assert_array_equal(array, np.concatenate([truth[index] for truth in truths]))
    with pytest.raises(InputError, match="must have the same number of invocations"):
        model.predict([x[0], x[1][:3]])


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("name", ["network", "branches"])
def test_explain_ends_in_output_when_operator_computes_values(name, profile, save):
    model = load(save(NETWORKS[name]), profile)
    x = samples(model.inputs[0], 1)
    tensors = model.trace(x)
    explained = 0
    for place, operator in enumerate(model.graph.operators):
        output = tensors[operator.outputs[0]]
        index = tuple(n - 1 for n in output.shape)
        try:
            lines = dict(model.explain(x, place, index))
        except InputError as error:
            assert "computes nothing to explain" in str(error)
            continue
        assert lines["output"] == output[index], operator.name
        explained += 1
    assert explained >= 4


def test_explain_fails_when_operator_or_element_does_not_exist(save):
    model = load(save(NETWORKS["network"]))
    x = samples(model.inputs[0], 1)
    with pytest.raises(InputError, match=r"operator 9 is out of range; allowed: 0 to 5"):
        model.explain(x, 9, (0,))
    with pytest.raises(InputError, match=r"element \[0, 9, 0, 0\] is outside the output shape"):
        model.explain(x, 0, (0, 9, 0, 0))
