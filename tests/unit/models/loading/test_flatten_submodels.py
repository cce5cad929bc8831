"""Tests of flattening models that contain models."""

import numpy as np


def check(model, names: list[str]) -> None:
    from snugnet.models.loading.flatten_submodels import flatten_submodels

    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in model.weights])
    flat = flatten_submodels(model)
    assert [layer.name for layer in flat.layers] == names
    x = rng.normal(size=(3, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(flat(x, training=False), model(x, training=False))
    for weight in model.weights:  # a copy of its own
        weight.assign(weight * 0)
    assert np.ptp(flat(x, training=False)) > 0


def test_flatten_submodels_keeps_outputs_when_models_are_nested(keras):
    """A base within the model, with another in it, and layers of the same name in all of them."""
    tf_keras, layers = keras.tf_keras, keras.tf_keras.layers
    deep = tf_keras.Sequential([layers.Conv2D(4, 3, name="conv")], name="deep")
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    base = tf_keras.Model(image, deep(layers.Add(name="add")([x, image])), name="base")
    inputs = layers.Input((8, 8, 3), name="image")
    x = base(layers.Rescaling(0.5, name="scaled")(inputs), training=False)
    x = layers.Conv2D(2, 3, name="conv")(x * 2.0)
    outputs = layers.Dense(3, activation="softmax", name="end")(layers.Flatten(name="flat")(x))
    names = ["image", "scaled", "base_conv", "add", "deep_conv", "tf.math.multiply", "conv"]
    check(tf_keras.Model(inputs, outputs), [*names, "flat", "end"])


def test_flatten_submodels_keeps_outputs_when_inputs_are_two(keras):
    tf_keras, layers = keras.tf_keras, keras.tf_keras.layers
    pair = [layers.Input((4,)), layers.Input((4,))]
    inner = tf_keras.Model(pair, layers.Add(name="sum")([*map(layers.Dense(2, name="d"), pair)]))
    inputs = layers.Input((4,), name="x")
    outputs = inner([inputs, layers.Dense(4, name="other")(inputs)])
    check(tf_keras.Model(inputs, outputs), ["x", "other", "d", "sum"])


def test_flatten_submodels_returns_model_when_it_has_no_submodel(keras):
    from snugnet.models.loading.flatten_submodels import flatten_submodels

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    assert flatten_submodels(model) is model
