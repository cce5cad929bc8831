"""Tests of the multiply-accumulates of layers."""

import pytest


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        # Four gates of 3 units, with 5 inputs and 3 recurrent ones, in 7 steps.
        ("lstm", (7, 5), 7 * 4 * 3 * (5 + 3)),
        ("bidirectional", (7, 5), 2 * 7 * 4 * 3 * (5 + 3)),
        ("gru", (7, 5), 7 * 3 * 3 * (5 + 3)),
        # Each of 7 inputs adds to 2 positions of 3 outputs.
        ("transposed", (7, 5), 7 * 2 * 3 * 5),
        ("conv3d", (4, 4, 4, 2), 4 * 4 * 4 * 3 * 27 * 2),
        ("normalization", (7, 5), 0),
        ("pool", (7, 5), 0),
        ("attention", (7, 5), None),
    ],
)
def test_count_macs_equals_products_when_layer_is_known(keras, name, shape, expected):
    from tf_keras import Input, Model, layers

    from snugnet.models.stats import compute_stats, count_macs

    layer = {
        "lstm": lambda: layers.LSTM(3),
        "bidirectional": lambda: layers.Bidirectional(layers.LSTM(3)),
        "gru": lambda: layers.GRU(3),
        "transposed": lambda: layers.Conv1DTranspose(3, 2),
        "conv3d": lambda: layers.Conv3D(3, 3, padding="same"),
        "normalization": layers.LayerNormalization,
        "pool": lambda: layers.MaxPooling1D(2),
        "attention": lambda: layers.MultiHeadAttention(2, 4),
    }[name]()
    inputs = Input(shape)
    outputs = layer(inputs, inputs) if name == "attention" else layer(inputs)
    assert count_macs(layer) == expected
    model = Model(inputs, outputs)
    assert compute_stats(model).macs == expected
