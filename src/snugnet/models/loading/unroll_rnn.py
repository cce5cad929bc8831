"""Loops over time written out step by step.

TFLite has one operator for a plain LSTM; all other recurrent layers become loops of subgraphs,
whose ranges the converter cannot estimate (tensorflow 2.19.1 crashes where it tries), and which
what reads files here does not take.
"""

from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
# Each step becomes a dozen operators.
MOST_STEPS = 256
# Those that can be; Keras 2 does not unroll convolutional ones.
RECURRENT = ("GRU", "SimpleRNN", "LSTM")
# What no setting writes out.
OTHERS = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "RNN")


def unroll(model: tf_keras.Model, kinds: tuple[str, ...]) -> tf_keras.Model:
    """Copy a model with recurrent layers of some classes written out.

    Args:
        model: Sequential or functional, without models in it.
        kinds: Which of `RECURRENT`, also within Bidirectional.

    Returns:
        A model that computes the same, with the same names of layers; the model itself if it has
        no such layer.

    Raises:
        InputError: If a layer has too many steps, or none that are known.
    """
    if not any(type(_inner(layer)).__name__ in kinds for layer in model.layers):
        return model
    copy = tf_keras.models.clone_model(model, clone_function=lambda layer: _written(layer, kinds))
    copy.set_weights(model.get_weights())
    return copy


def looping(model: tf_keras.Model) -> list[str]:
    """Name the layers that loop over time, with their classes."""
    kinds = (*RECURRENT, *OTHERS)
    return [
        f"{layer.name!r} ({type(layer).__name__})"
        for layer in model.layers
        if type(_inner(layer)).__name__ in kinds
    ]


def _inner(layer: Any) -> Any:
    return layer.forward_layer if type(layer) is layers.Bidirectional else layer


def _written(layer: Any, kinds: tuple[str, ...]) -> Any:
    config = layer.get_config()
    if type(_inner(layer)).__name__ in kinds:
        _check_steps(layer)
        for settings in _settings(layer, config):
            settings["unroll"] = True
    return type(layer).from_config(config)


def _settings(layer: Any, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the settings of the layers in a wrapper, or of the layer itself."""
    if type(layer) is not layers.Bidirectional:
        return [config]
    both = ("layer", "backward_layer")
    return [config[name]["config"] for name in both if name in config]


def _check_steps(layer: Any) -> None:
    steps = layer.input_shape[1]
    if steps is None or steps > MOST_STEPS:
        raise InputError(
            f"layer {layer.name!r}: cannot unroll {steps or 'an unknown number of'} time steps; "
            f"the maximum is {MOST_STEPS}"
        )
