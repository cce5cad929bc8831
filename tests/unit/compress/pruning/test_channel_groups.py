"""Tests of channel groups and of the removal of channels."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("SNUGNET_EXAMPLES", "10"))
BLOCKS = ("conv", "conv_bn_relu", "depthwise", "residual", "branches", "pool")


@st.composite
def plans(draw) -> dict:
    """Draw a description of a network."""
    blocks = draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5))
    return {
        "blocks": [(block, draw(st.integers(2, 6))) for block in blocks],
        "channels": draw(st.integers(1, 3)),
        "head": draw(st.sampled_from(["flatten", "average"])),
        "seed": draw(st.integers(0, 2**16)),
    }


def build(keras, plan: dict):
    """Build the network of a plan, with weights and statistics that are not the initial ones."""
    layers = keras.tf_keras.layers

    def conv(x, filters, size=3):
        return layers.Conv2D(filters, size, padding="same")(x)

    def conv_bn_relu(x, filters):
        return layers.ReLU()(layers.BatchNormalization()(conv(x, filters)))

    inputs = x = layers.Input((8, 8, plan["channels"]))
    for block, width in plan["blocks"]:
        if block == "conv":
            x = layers.Activation("tanh")(conv(x, width))
        elif block == "conv_bn_relu":
            x = conv_bn_relu(x, width)
        elif block == "depthwise":
            x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=width % 2 + 1)(x)
        elif block == "residual":
            x = conv(x, width)
            x = layers.Add()([x, conv(conv_bn_relu(x, width + 1), width)])
        elif block == "branches":
            x = layers.Concatenate()([conv(x, width, 1), conv_bn_relu(x, 2), x])
        elif block == "pool" and x.shape[1] > 1:
            x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x) if plan["head"] == "flatten" else layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(5, activation="relu")(layers.Dropout(0.3)(x))
    model = keras.tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(plan["seed"])
    # Positive: variances are among them.
    model.set_weights(
        [rng.uniform(0.1, 0.5, w.shape) - 0.2 * (w.ndim > 1) for w in model.get_weights()]
    )
    return model


def removable(channels, rng: np.random.Generator) -> np.ndarray:
    """Mark about half of the groups that may go, and leave every layer one channel."""
    removed = (rng.random(len(channels.frozen)) < 0.5) & ~channels.frozen
    for use in channels.producers.values():
        removed[use.outputs[0]] = False
    return removed


def unread(model, channels, removed: np.ndarray) -> None:
    """Set to zero all weights that read removed channels."""
    for name, use in channels.producers.items():
        layer = model.get_layer(name)
        kernel, *others = layer.get_weights()
        kernel[..., removed[use.inputs], :] = 0
        layer.set_weights([kernel, *others])


@settings(max_examples=EXAMPLES)
@given(plans())
def test_remove_channels_keeps_outputs_when_weights_are_zero(keras, tmp_path_factory, plan):
    from snugnet.compress.pruning.channel_groups import (
        ChannelGroups,
        count_remaining_parameters,
        remove_channels,
    )
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.convert import convert
    from snugnet.tflite.runtimes.litert import predict

    channels = ChannelGroups(build(keras, plan))
    rng = np.random.default_rng(plan["seed"])
    removed = removable(channels, rng)
    unread(channels.model, channels, removed)
    smaller = remove_channels(channels, removed)
    x = rng.normal(0, 1, (4, 8, 8, plan["channels"])).astype(np.float32)
    expected = channels.model.predict_on_batch(x)
    np.testing.assert_allclose(smaller.predict_on_batch(x), expected, atol=1e-6)
    assert smaller.count_params() == count_remaining_parameters(channels, removed)
    path = tmp_path_factory.mktemp("pruned") / "model.tflite"
    path.write_bytes(convert(smaller, SCHEMES["float32"]))
    np.testing.assert_allclose(predict(path, x).scores(), expected, atol=1e-5)
    assert [layer.name for layer in smaller.layers] == [
        layer.name for layer in channels.model.layers
    ]
    if removed[np.concatenate([use.outputs for use in channels.producers.values()])].any():
        assert smaller.count_params() < channels.model.count_params()


def test_channels_are_in_one_group_when_they_are_added(keras):
    from snugnet.compress.pruning.channel_groups import ChannelGroups

    plan = {"blocks": [("residual", 4)], "channels": 1, "head": "flatten", "seed": 1}
    channels = ChannelGroups(build(keras, plan))
    first, middle, last, dense, scores = channels.producers.values()
    np.testing.assert_array_equal(first.outputs, last.outputs)
    assert not set(middle.outputs) & set(first.outputs)
    # Flatten goes through 64 places, each with all channels.
    np.testing.assert_array_equal(dense.inputs, np.tile(first.outputs, 64))
    assert channels.frozen[scores.outputs].all()
    assert not channels.frozen[first.outputs].any()


def test_channels_are_frozen_when_unknown_layer_reads_them(keras):
    from snugnet.compress.pruning.channel_groups import ChannelGroups, remove_channels

    layers = keras.tf_keras.layers
    inputs = layers.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, name="before")(inputs)
    x = layers.Conv2D(4, 3, name="after")(layers.LayerNormalization()(x))
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(x))
    channels = ChannelGroups(keras.tf_keras.Model(inputs, outputs))
    assert channels.frozen[channels.producers["before"].outputs].all()
    assert not channels.frozen[channels.producers["after"].outputs].any()
    removed = np.zeros(len(channels.frozen), bool)
    removed[channels.producers["before"].outputs[0]] = True
    with pytest.raises(ValueError, match="cannot remove channels of the input"):
        remove_channels(channels, removed)


def test_remove_channels_fails_when_layer_would_be_empty(keras):
    from snugnet.compress.pruning.channel_groups import ChannelGroups, remove_channels

    plan = {"blocks": [("conv", 3)], "channels": 1, "head": "average", "seed": 1}
    channels = ChannelGroups(build(keras, plan))
    removed = np.zeros(len(channels.frozen), bool)
    name, use = next(iter(channels.producers.items()))
    removed[use.outputs] = True
    with pytest.raises(ValueError, match=f"cannot remove every channel .*{name}"):
        remove_channels(channels, removed)
