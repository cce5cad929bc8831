"""Tests of the canonical form of models and of batch-norm folding."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SNUGNET_EXAMPLES", "10"))
LENGTH, CHANNELS = 24, 3
BLOCKS = (
    *("conv", "causal", "strided", "pool", "mean_pool", "norm", "residual", "branches", "dense"),
    *("depthwise", "separable", "transposed", "upsampled"),
)


def random_weights(model, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Positive on average: variances are among them.
    model.set_weights(
        [rng.uniform(0.1, 0.5, w.shape) - 0.2 * (w.ndim > 1) for w in model.get_weights()]
    )


def assert_same(model, copy, seed: int) -> None:
    x = np.random.default_rng(seed).normal(0, 1, (4, *model.input_shape[1:])).astype(np.float32)
    assert copy.input_shape == model.input_shape
    np.testing.assert_allclose(copy.predict_on_batch(x), model.predict_on_batch(x), atol=1e-6)


def signal_model(keras, blocks: list[str], head: str):
    """Build a Conv1D network of the blocks named."""
    layers = keras.tf_keras.layers
    inputs = x = layers.Input((LENGTH, CHANNELS))
    for block in blocks:
        if block == "conv":
            x = layers.Conv1D(4, 3, padding="same", activation="relu")(x)
        elif block == "causal":
            x = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)(x)
        elif block == "strided":
            x = layers.Conv1D(4, 2, strides=2, padding="same")(x)
        elif block == "pool":
            x = layers.MaxPooling1D(2, padding="same")(x)
        elif block == "mean_pool":
            x = layers.AveragePooling1D(3, strides=1, padding="same")(x)
        elif block == "norm":
            x = layers.ReLU()(layers.BatchNormalization()(x))
        elif block == "residual":
            x = layers.Add()([x, layers.Conv1D(x.shape[-1], 3, padding="same")(x)])
        elif block == "branches":
            x = layers.Concatenate()([x, layers.Conv1D(2, 1)(x)])
        elif block == "dense":
            x = layers.Dense(3, activation="tanh")(x)
        elif block == "depthwise":
            x = layers.DepthwiseConv1D(3, strides=2, padding="same", depth_multiplier=2)(x)
        elif block == "transposed":
            x = layers.Conv1DTranspose(3, 4, strides=2, padding="same", activation="relu")(x)
        elif block == "upsampled":
            x = layers.Cropping1D((1, 1))(layers.UpSampling1D(3)(x))
        elif block == "separable":
            x = layers.SeparableConv1D(4, 3, dilation_rate=2, padding="causal")(x)
    heads = {
        "mean": layers.GlobalAveragePooling1D,
        "max": layers.GlobalMaxPooling1D,
        "flatten": layers.Flatten,
    }
    x = layers.Dropout(0.2)(heads[head]()(x))
    return keras.tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5),
    st.sampled_from(["mean", "max", "flatten"]),
    st.integers(0, 2**16),
)
def test_canonicalize_keeps_outputs_when_layers_are_1d(keras, blocks, head, seed):
    from snugnet.compress.graph.canonicalize import canonicalize

    model = signal_model(keras, blocks, head)
    random_weights(model, seed)
    copy = canonicalize(model)
    assert_same(model, copy, seed)
    assert not [layer for layer in copy.layers if "1D" in type(layer).__name__]
    assert {layer.name for layer in model.layers} <= {layer.name for layer in copy.layers}
    assert_same(model, canonicalize(copy), seed)  # as the next step of a chain does


def test_canonicalize_keeps_outputs_when_layers_move_data(keras):
    from snugnet.compress.graph.canonicalize import canonicalize

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((LENGTH * CHANNELS,)),
            layers.Reshape((LENGTH, CHANNELS)),
            layers.ZeroPadding1D((1, 2)),
            layers.Permute((2, 1)),
            layers.Conv1D(5, 2),
        ]
    )
    random_weights(model, 1)
    assert_same(model, canonicalize(model), 1)


def test_canonicalize_keeps_outputs_when_axis_is_positive(keras):
    from snugnet.compress.graph.canonicalize import canonicalize

    layers = keras.tf_keras.layers
    inputs = layers.Input((5, 5))
    x = layers.BatchNormalization(axis=1)(layers.Conv1D(5, 1)(inputs))
    x = layers.Concatenate(axis=1)([x, layers.Softmax(axis=1)(x)])
    model = keras.tf_keras.Model(inputs, x)
    random_weights(model, 1)
    assert_same(model, canonicalize(model), 1)


def test_canonicalize_fails_when_layer_is_shared(keras):
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    inputs = layers.Input((4,))
    twice = layers.Dense(4, name="twice")
    with pytest.raises(
        InputError, match="'twice' is used 2 times; shared layers are not supported"
    ):
        canonicalize(keras.tf_keras.Model(inputs, twice(twice(inputs))))


def test_canonicalize_splits_layer_when_convolution_is_separable(keras):
    from snugnet.compress.graph.canonicalize import canonicalize

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((9, 8, 3)),
            layers.SeparableConv2D(
                6, 3, strides=2, depth_multiplier=2, padding="same", activation="relu", name="s"
            ),
        ]
    )
    random_weights(model, 1)
    copy = canonicalize(model)
    assert_same(model, copy, 1)
    assert [type(layer).__name__ for layer in copy.layers[1:]] == ["DepthwiseConv2D", "Conv2D"]


def test_canonicalize_names_layer_when_it_has_no_2d_form(keras):
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((8, 2)), layers.Conv1D(3, 2), layers.LSTM(3, name="memory")]
    )
    with pytest.raises(InputError, match=r"'memory': LSTM with .*; supported: .*Conv1D"):
        canonicalize(model)
    model = keras.tf_keras.Sequential(
        [layers.Input((2,)), layers.RepeatVector(4, name="again"), layers.Conv1D(3, 2)]
    )
    with pytest.raises(
        InputError, match=r"'again': RepeatVector with .* cannot be compressed; supp"
    ):
        canonicalize(model)


@pytest.mark.parametrize("bias", [True, False])
def test_fold_batch_norm_keeps_outputs_when_layer_is_dense(keras, bias):
    from snugnet.compress.graph.fold import fold_batch_norm

    layers = keras.tf_keras.layers
    inputs = layers.Input((6,))
    x = layers.Dense(5, use_bias=bias, name="a")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(scale=bias)(x))
    y = layers.BatchNormalization(name="end")(layers.Dense(5, name="b")(x))
    model = keras.tf_keras.Model(inputs, y)
    random_weights(model, 1)
    copy = fold_batch_norm(model)
    assert_same(model, copy, 1)
    assert "BatchNormalization" not in [type(layer).__name__ for layer in copy.layers]


def test_find_foldable_layers_skips_layer_when_others_read_it(keras):
    from snugnet.compress.graph.fold import find_foldable_layers

    layers = keras.tf_keras.layers
    inputs = layers.Input((6,))
    read_twice = layers.Dense(5)(inputs)
    y = layers.Add()([read_twice, layers.BatchNormalization()(read_twice)])
    y = layers.BatchNormalization()(layers.Dense(5, activation="relu")(y))
    assert find_foldable_layers(keras.tf_keras.Model(inputs, y)) == {}
