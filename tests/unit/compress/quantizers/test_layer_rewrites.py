"""Tests of the rewriting of layers that QAT does not support."""

import numpy as np
import pytest

from snugnet.core.errors import InputError


def image(layers):
    """An image network with all of it: scaled, normalized in odd places, activated by layers."""
    normalization = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5])
    inputs = layers.Input((8, 8, 3))
    x = layers.GaussianNoise(0.5)(normalization(layers.Rescaling(0.5, offset=-1)(inputs)))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", activation="relu")(x))
    x = layers.Activation("relu6")(layers.Conv2D(4, 1, activation=layers.LeakyReLU())(x))
    x = layers.Conv2D(4, 1, activation="relu6")(x)
    linear = layers.Conv2D(4, 3, padding="same", name="linear")(x)
    x = layers.Add()([linear, layers.BatchNormalization()(linear)])
    x = layers.Activation("gelu")(layers.Conv2D(4, 1, activation="swish", name="swish")(x))
    return inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def signal(layers):
    """A network on (time, channels), whose end has no image."""
    inputs = layers.Input((16, 2))
    x = layers.BatchNormalization(scale=False)(inputs)
    x = layers.Conv1D(4, 3, activation=layers.LeakyReLU(0.2))(x)
    x = layers.Flatten()(layers.BatchNormalization(center=False)(x))
    x = layers.BatchNormalization()(layers.Dense(8, activation="relu")(x))
    return inputs, layers.Dense(3, activation="softmax")(x)


@pytest.mark.parametrize("network", [image, signal])
def test_prepare_keeps_outputs_when_qat_does_not_support_layers(keras, tmp_path, network):
    from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.contract import check_contract
    from snugnet.tflite.convert import convert
    from snugnet.tflite.flatbuffer import read_graph

    keras.tf_keras.utils.set_random_seed(1)
    model = keras.tf_keras.Model(*network(keras.tf_keras.layers))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in model.weights])
    x = rng.normal(size=(32, *model.input_shape[1:])).astype(np.float32)
    expected = model(x, training=False).numpy()
    written = prepare_for_quantization(model)
    np.testing.assert_allclose(written(x, training=False), expected, atol=1e-5)
    assert written.get_layer(model.layers[-1].name)
    quantized = insert_quantizers(written)
    quantized.compile("adam", "sparse_categorical_crossentropy")
    quantized.fit(x, np.arange(32) % 3, epochs=3, verbose=0)  # to find ranges
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(quantized, SCHEMES["fiq_int8"], quantized=True))
    assert check_contract(read_graph(path), SCHEMES["fiq_int8"]).is_kept


def test_prepare_fails_when_batch_norm_axis_is_not_last(keras):
    from snugnet.compress.quantizers.qat import prepare_for_quantization

    layers = keras.tf_keras.layers
    norm = layers.BatchNormalization(axis=1, name="norm")
    model = keras.tf_keras.Sequential([layers.Input((8, 8, 2)), norm])
    with pytest.raises(
        InputError, match=r"QAT does not support 'norm' \(BatchNormalization\); allowed"
    ):
        prepare_for_quantization(model)
