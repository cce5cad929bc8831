"""Keras models of users, built with plain tf_keras."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
# A custom layer, as in a Python file of a user.
CUSTOM = """
import tf_keras


class Squared(tf_keras.layers.Layer):
    def call(self, x):
        return x * x
"""


def mobilenet() -> Any:
    inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    for filters in (16, 24):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def resnet() -> Any:
    inputs = layers.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    for stride in (1, 2):
        short = x if stride == 1 else layers.Conv2D(8, 1, strides=2)(x)
        y = layers.Conv2D(8, 3, strides=stride, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(y))
        x = layers.ReLU()(layers.Add()([short, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return tf_keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def ds_cnn() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input((25, 10, 1)),
            layers.Conv2D(8, (10, 4), strides=2, padding="same", activation="relu"),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
            layers.Softmax(),
        ]
    )


def conv1d() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input((64, 3)),
            layers.Conv1D(8, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(8, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def two_inputs() -> Any:
    """A signal of 32 values, and two numbers. By name, the numbers come first."""
    waveform, age = layers.Input((32, 1), name="waveform"), layers.Input((2,), name="age")
    x = layers.Conv1D(8, 5, strides=2, activation="relu", name="conv")(waveform)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    numbers = layers.Dense(8, activation="relu", name="numbers")(age)
    x = layers.Concatenate(name="both")([x, numbers])
    x = layers.Dense(16, activation="relu", name="dense")(x)
    return tf_keras.Model([waveform, age], layers.Dense(4, activation="softmax", name="y")(x))


def lstm() -> Any:
    return tf_keras.Sequential(
        [layers.Input((16, 4)), layers.LSTM(8, name="lstm"), layers.Dense(4, activation="softmax")]
    )


def gru() -> Any:
    both = layers.Bidirectional(layers.GRU(6), name="gru")
    return tf_keras.Sequential([layers.Input((12, 4)), both, layers.Dense(4, activation="softmax")])


def conv_lstm() -> Any:
    inputs = layers.Input((4, 8, 8, 1))
    x = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(2, 3, name="memory")(inputs))
    return tf_keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def transfer() -> Any:
    """A base within a model, as tutorials of transfer learning have it."""
    base_inputs = layers.Input((16, 16, 3))
    base = tf_keras.Model(
        base_inputs, layers.Conv2D(8, 3, activation="swish")(base_inputs), name="base"
    )
    inputs = layers.Input((16, 16, 3))
    x = base(layers.Rescaling(0.5)(layers.RandomFlip()(inputs)), training=False)
    x = layers.BatchNormalization()(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.Dropout(0.2)(x)))


def several_outputs() -> Any:
    inputs = layers.Input((12,))
    x = layers.Dense(8, activation="relu")(inputs)
    outputs = [
        layers.Dense(4, activation="softmax", name="class")(x),
        layers.Dense(1, name="age")(x),
    ]
    return tf_keras.Model(inputs, outputs)


def with_lambda() -> Any:
    return tf_keras.Sequential(
        [layers.Input((12,)), layers.Lambda(lambda x: x * 2, name="twice"), layers.Dense(4)]
    )


def custom() -> Any:
    names: dict[str, Any] = {}
    exec(CUSTOM, names)
    return tf_keras.Sequential(
        [
            layers.Input((12,)),
            layers.Dense(8),
            names["Squared"](name="squared"),
            layers.Dense(4, activation="softmax"),
        ]
    )


def autoencoder() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same"),
        ]
    )


def binary() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input((1, 64, 1)),
            layers.Conv2D(8, (1, 5), activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


BUILDERS: dict[str, Callable[[], Any]] = {
    build.__name__: build
    for build in (
        *(mobilenet, resnet, ds_cnn, conv1d, lstm, gru, conv_lstm, transfer, several_outputs),
        *(with_lambda, custom, autoencoder, binary),
    )
}


def save_model_file(name: str, form: str, folder: Path) -> Path:
    """Build a model, save it as `h5`, `keras` or `saved_model`, and return its path."""
    tf_keras.utils.set_random_seed(1)
    path = folder / (name if form == "saved_model" else f"{name}.{form}")
    BUILDERS[name]().save(path)
    return path
