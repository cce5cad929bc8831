"""Tests of the rewriting of models for Akida."""

import numpy as np
import pytest

from snugnet.core.errors import NotAkidaError


def assert_same(model, bare, shape):
    x = np.random.default_rng(1).normal(size=(5, *shape)).astype(np.float32)
    np.testing.assert_allclose(bare(x), model(x), atol=1e-5)


def randomized(model):
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            rng.uniform(0.5, 1.5, w.shape)
            if "gamma" in v.name or "variance" in v.name
            else rng.normal(0, 0.3, w.shape)
            for w, v in zip(model.get_weights(), model.weights, strict=True)
        ]
    )
    return model


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "binary"])
def test_prepare_model_drops_head_and_norms_when_model_has_both(task, keras):
    from tf_keras import layers

    from snugnet.akida.rewrite import get_head_activation, prepare_model
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn

    settings = AkidaCnn(filters=(4, 6), dropout=0.1, batch_norm=True)
    model = randomized(akida_cnn.build(settings, (16, 20, 1), task, 3))
    bare = prepare_model(model)
    assert not [layer for layer in bare.layers if isinstance(layer, layers.BatchNormalization)]
    x = np.random.default_rng(1).normal(size=(5, 16, 20, 1)).astype(np.float32)
    potentials = bare(x).numpy().astype(np.float64)
    name = "softmax" if task == "multiclass" else "sigmoid"
    assert get_head_activation(model) == name
    if name == "softmax":
        powers = np.exp(potentials - potentials.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    else:
        scores = 1 / (1 + np.exp(-potentials))
    np.testing.assert_allclose(scores, model(x).numpy(), atol=1e-5)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense"])
def test_prepare_model_folds_norm_when_it_follows_a_weight_layer(kind, scale, center, keras):
    """The vendor's transform folds no layer at all if one has no gamma or beta."""
    from tf_keras import Model, layers

    from snugnet.akida.rewrite import prepare_model

    inputs = layers.Input((6, 6, 3), name="input")
    x = layers.Flatten(name="flatten")(inputs) if kind == "Dense" else inputs
    x = {
        "Conv2D": lambda: layers.Conv2D(4, 3, use_bias=False, name="layer"),
        "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="layer"),
        "SeparableConv2D": lambda: layers.SeparableConv2D(4, 3, name="layer"),
        "Dense": lambda: layers.Dense(4, name="layer"),
    }[kind]()(x)
    x = layers.BatchNormalization(scale=scale, center=center, name="norm")(x)
    model = randomized(Model(inputs, layers.ReLU(name="relu")(x)))
    bare = prepare_model(model)
    assert "norm" not in [layer.name for layer in bare.layers]
    x = np.random.default_rng(1).normal(size=(5, 6, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(bare(x), model(x), atol=1e-5)


@pytest.mark.parametrize(
    ("size", "pool", "strides", "padding"),
    [
        (16, 2, 2, "same"),  # whole windows: both paddings give the same
        (15, 2, 2, "valid"),  # a row is left over
        (15, 3, 2, "valid"),  # whole windows, but `same` begins one more
        (16, 2, 1, "valid"),
        (16, 3, 3, "valid"),
    ],
)
def test_prepare_model_sets_pool_padding_when_result_is_equal(size, pool, strides, padding, keras):
    from tf_keras import Model, layers

    from snugnet.akida.rewrite import prepare_model

    inputs = layers.Input((size, size, 1), name="input")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    x = layers.ReLU(6.0, name="relu")(x)
    x = layers.MaxPooling2D(pool, strides, name="pool")(x)
    model = randomized(Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    assert_same(model, prepare_model(model), (size, size, 1))
    assert prepare_model(model).get_layer("pool").padding == padding


def test_prepare_model_keeps_pool_padding_when_kernel_is_1x1(keras):
    """cnn2snn reads such a convolution as `same`, whatever its padding is."""
    from tf_keras import Model, layers

    from snugnet.akida.rewrite import prepare_model

    inputs = layers.Input((16, 16, 1), name="input")
    x = layers.Conv2D(4, 1, name="conv")(inputs)
    x = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    model = randomized(Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    assert prepare_model(model).get_layer("pool").padding == "same"


@pytest.mark.parametrize(
    ("size", "pad", "strides", "left_out"),
    [
        (16, 1, 1, True),
        (15, 1, 2, True),
        (16, ((0, 1), (0, 1)), 2, True),
        (16, 1, 2, False),  # `same` pads only behind
        (16, 2, 1, False),
    ],
)
def test_prepare_model_removes_padding_when_same_is_equal(size, pad, strides, left_out, keras):
    from tf_keras import Model, layers

    from snugnet.akida.quantize import quantize
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    inputs = layers.Input((size, size, 1), name="input")
    x = layers.ZeroPadding2D(pad, name="pad")(inputs)
    x = layers.Conv2D(4, 3, strides=strides, name="conv")(x)
    x = layers.ReLU(6.0, name="relu")(x)
    model = randomized(Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    bare = prepare_model(model)
    assert_same(model, bare, (size, size, 1))
    assert ("pad" not in [layer.name for layer in bare.layers]) == left_out
    if not left_out:
        # quantizeml would use `same`, with other results.
        with pytest.raises(
            NotAkidaError, match="pad: cannot replace ZeroPadding2D by padding='same'"
        ):
            quantize(model, AKIDA_SCHEMES["akida_v2_w8a8"], np.ones((4, size, size, 1)))


def test_prepare_model_keeps_batch_norm_when_axis_is_not_last(keras):
    from tf_keras import Model, layers

    from snugnet.akida.rewrite import prepare_model

    inputs = layers.Input((4, 4, 1), name="input")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    x = layers.BatchNormalization(axis=1, name="norm")(x)
    model = randomized(Model(inputs, layers.ReLU(name="relu")(x)))
    bare = prepare_model(model)
    assert "norm" in [layer.name for layer in bare.layers]
    assert_same(model, bare, (4, 4, 1))


def test_prepare_model_fails_when_two_outputs_or_shared_layer(keras):
    from tf_keras import Model, layers

    from snugnet.akida.preflight import preflight
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    inputs = layers.Input((8, 8, 1), name="input")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    two = Model(inputs, [x, layers.Softmax(name="softmax")(x)], name="two")
    with pytest.raises(NotAkidaError, match="two has 1 inputs and 2 outputs; only one of each"):
        prepare_model(two)
    again = layers.Conv2D(4, 3, padding="same", name="again")
    shared = Model(inputs, again(layers.ReLU(6.0)(again(x))), name="shared")
    with pytest.raises(NotAkidaError, match="layer 'again' is used 2 times"):
        prepare_model(shared)
    for model, layer in ((two, "two"), (shared, "again")):
        (obstacle,) = preflight(model, AKIDA_SCHEMES["akida_v2_w8a8"], "SixNodesIPv2")
        assert obstacle.layer == layer
