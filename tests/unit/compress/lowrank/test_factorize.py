"""Tests of the low-rank factorization of single layers."""

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snugnet.core.settings.factorization import FactorizationSettings, LayerFactorization

EXAMPLES = int(os.environ.get("SNUGNET_EXAMPLES", "10"))
ACTIVATIONS = st.sampled_from(["linear", "relu", "sigmoid", "softmax"])


def model_of(keras, shape: tuple[int, ...], layer):
    """Make a model of one layer between two others, with a bias that is not zero."""
    tf_keras = keras.tf_keras
    inputs = tf_keras.layers.Input(shape)
    outputs = tf_keras.layers.ReLU()(layer(tf_keras.layers.Activation("tanh")(inputs)))
    model = tf_keras.Model(inputs, outputs)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


def assert_same(model, changed, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(2).normal(0, 1, (5, *shape)).astype(np.float32)
    expected = model.predict_on_batch(x)
    np.testing.assert_allclose(changed.predict_on_batch(x), expected, atol=1e-5)
    assert changed.layers[-1].name == model.layers[-1].name


@settings(max_examples=EXAMPLES)
@given(st.integers(1, 12), st.integers(1, 12), ACTIVATIONS, st.booleans())
def test_svd_keeps_outputs_when_layer_is_dense(keras, inputs, outputs, activation, bias):
    from snugnet.compress.graph.functional import replace_layers
    from snugnet.compress.lowrank import svd

    dense = keras.tf_keras.layers.Dense(outputs, activation=activation, use_bias=bias, name="d")
    model = model_of(keras, (inputs,), dense)
    chain = svd.factorize(dense, svd.compute_full_rank(dense))
    assert_same(model, replace_layers(model, {"d": chain}), (inputs,))


@settings(max_examples=EXAMPLES)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 2), ACTIVATIONS, st.booleans())
def test_svd_keeps_outputs_when_layer_is_1x1_convolution(
    keras, inputs, outputs, stride, activation, bias
):
    from snugnet.compress.graph.functional import replace_layers
    from snugnet.compress.lowrank import svd

    conv = keras.tf_keras.layers.Conv2D(
        outputs, 1, strides=stride, activation=activation, use_bias=bias, name="c"
    )
    model = model_of(keras, (6, 5, inputs), conv)
    chain = svd.factorize(conv, svd.compute_full_rank(conv))
    assert_same(model, replace_layers(model, {"c": chain}), (6, 5, inputs))


@settings(max_examples=EXAMPLES)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 2),
    st.sampled_from(["same", "valid"]),
    st.booleans(),
)
def test_tucker2_keeps_outputs_when_rank_is_full(
    keras, kernel, inputs, outputs, stride, padding, bias
):
    from snugnet.compress.graph.functional import replace_layers
    from snugnet.compress.lowrank import tucker

    conv = keras.tf_keras.layers.Conv2D(
        outputs, kernel, strides=stride, padding=padding, use_bias=bias, name="c"
    )
    model = model_of(keras, (7, 6, inputs), conv)
    chain = tucker.factorize(conv, tucker.compute_full_ranks(conv))
    assert_same(model, replace_layers(model, {"c": chain}), (7, 6, inputs))


FACTORS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=4)


@settings(max_examples=EXAMPLES)
@given(FACTORS, ACTIVATIONS, st.booleans())
def test_tensor_train_keeps_outputs_when_rank_is_full(keras, factors, activation, bias):
    from snugnet.compress.graph.functional import replace_layers
    from snugnet.compress.lowrank import tt

    inputs, outputs = zip(*factors, strict=True)
    dense = keras.tf_keras.layers.Dense(
        math.prod(outputs), activation=activation, use_bias=bias, name="d"
    )
    model = model_of(keras, (math.prod(inputs),), dense)
    chain = tt.factorize(dense, inputs, outputs, tt.compute_full_ranks(inputs, outputs))
    assert_same(model, replace_layers(model, {"d": chain}), (math.prod(inputs),))


def test_factorize_uses_free_layer_name_when_name_is_taken(keras):
    from snugnet.compress.lowrank.factorize import factorize

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((6,)), layers.Dense(6, name="dense"), layers.Dense(6, name="dense_1")]
    )
    changed = factorize(model, {"dense": LayerFactorization(method="svd", rank=6)})
    assert [layer.name for layer in changed.layers[1:]] == ["dense_2", "dense", "dense_1"]
    x = np.random.default_rng(1).normal(0, 1, (5, 6)).astype(np.float32)
    np.testing.assert_allclose(changed.predict_on_batch(x), model.predict_on_batch(x), atol=1e-5)


def test_build_factorized_is_equal_when_it_cannot_decompose(keras, monkeypatch):
    from snugnet.compress.lowrank import svd, tt, tucker
    from snugnet.compress.lowrank.factorize import build_factorized, factorize

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.Conv2D(8, 3, name="conv"),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="wide"),
            layers.Dense(4, name="scores"),
        ]
    )
    requests = {
        "conv": LayerFactorization(method="tucker2", rank=2),
        "wide": LayerFactorization(method="tt", rank=2),
        "scores": LayerFactorization(method="svd", rank=2),
    }
    expected = factorize(model, requests)
    for module in (svd, tt, tucker):
        monkeypatch.delattr(module, "factorize")
    result = build_factorized(model, requests)
    assert result.get_config()["layers"] == expected.get_config()["layers"]


@pytest.mark.parametrize(
    "both",
    [
        FactorizationSettings(),
        FactorizationSettings(layers={"a": LayerFactorization(method="svd", rank=1)}, point=1),
    ],
)
def test_compress_fails_when_layers_and_point_are_both_or_none(both):
    from snugnet.compress.lowrank.factorize import compress
    from snugnet.core.errors import InputError

    with pytest.raises(InputError, match="set either layers or point, not both"):
        compress(None, None, None, both, 1)


RNG = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.3, shape)


@pytest.mark.parametrize(
    ("method", "kernel", "arguments"),
    [
        ("svd", normal(64, 4) @ normal(4, 64), (8,)),
        (
            "tt",
            np.einsum("rio,rjp->ijop", normal(3, 8, 8), normal(3, 8, 8)).reshape(64, 64),
            ((8, 8), (8, 8), (6,)),
        ),
        (
            "tucker",
            np.einsum("hwrs,ir,os->hwio", normal(3, 3, 4, 4), normal(24, 4), normal(24, 4)),
            ((8, 8),),
        ),
    ],
)
def test_factorize_error_is_small_when_kernel_has_low_rank(keras, method, kernel, arguments):
    from importlib import import_module

    from snugnet.compress.graph.functional import replace_layers

    layers = keras.tf_keras.layers
    layer = layers.Dense(64) if kernel.ndim == 2 else layers.Conv2D(24, 3)
    shape = (64,) if kernel.ndim == 2 else (9, 9, 24)
    model = model_of(keras, shape, layer)
    layer.set_weights([kernel + 0.01 * normal(*kernel.shape), layer.get_weights()[1]])
    factorize = import_module(f"snugnet.compress.lowrank.{method}").factorize
    changed = replace_layers(model, {layer.name: factorize(layer, *arguments)})
    assert changed.count_params() < 0.5 * model.count_params()
    x = np.random.default_rng(4).normal(0, 1, (5, *shape)).astype(np.float32)
    expected = model.predict_on_batch(x)
    error = np.abs(changed.predict_on_batch(x) - expected).max() / np.abs(expected).max()
    assert 1e-6 < error < 0.05


def test_factorize_fails_when_rank_or_layer_is_unsupported(keras):
    from snugnet.compress.lowrank import svd, tt, tucker

    layers = keras.tf_keras.layers
    dense, conv = layers.Dense(6, name="d"), layers.Conv2D(6, 3, name="c")
    model_of(keras, (8,), dense)
    model_of(keras, (9, 9, 2), conv)
    with pytest.raises(ValueError, match="rank 7 of 'd' is out of range; allowed: 1 to 6"):
        svd.factorize(dense, 7)
    with pytest.raises(ValueError, match="'c' must be Dense or a 1x1"):
        svd.factorize(conv, 1)
    with pytest.raises(ValueError, match="'d' must be Conv2D"):
        tucker.factorize(dense, (1, 1))
    with pytest.raises(
        ValueError, match=r"ranks \(3, 6\) of 'c' are out of range; the maximum is 2"
    ):
        tucker.factorize(conv, (3, 6))
    with pytest.raises(ValueError, match=r"are \(8, 4\), not \(8, 6\)"):
        tt.factorize(dense, (2, 4), (2, 2), (1,))
    with pytest.raises(
        ValueError, match=r"ranks \(7,\) of 'd' are out of range; the maximum is \(6,\)"
    ):
        tt.factorize(dense, (2, 4), (3, 2), (7,))
    with pytest.raises(ValueError, match="must have the same length, at least 2"):
        tt.factorize(dense, (8,), (6,), ())
