"""Unrolling of recurrent layers, step by step.

TFLite has one operator for a plain LSTM. The converter turns all other recurrent layers into loops
of subgraphs. It cannot estimate the ranges within such loops (tensorflow 2.19.1 crashes when it
tries), and `snugnet.tflite.flatbuffer` does not support several subgraphs.
"""

from functools import partial
from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading.copy_model import copy_architecture, copy_weights
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
# Largest number of steps to unroll. Each step becomes a dozen operators.
MAX_STEPS = 256
# Largest number for all layers together: the converter takes a minute for some hundred.
MAX_TOTAL = 512
# Classes that Keras 2 can unroll.
RECURRENT = ("GRU", "SimpleRNN", "LSTM")
# Recurrent classes that Keras 2 cannot unroll.
NOT_UNROLLABLE = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "RNN")


def unroll(model: tf_keras.Model, kinds: tuple[str, ...]) -> tf_keras.Model:
    """Copy a model with recurrent layers of some classes unrolled.

    Args:
        model: Sequential or functional model without submodels.
        kinds: Classes to unroll, out of `RECURRENT`, also within Bidirectional.

    Returns:
        A model with the same outputs and the same names of layers; the model itself if it has no
        such layer.

    Raises:
        InputError: If a layer has too many time steps, or an unknown number of them.
    """
    if not any(type(_unwrap(layer)).__name__ in kinds for layer in model.layers):
        return model
    _check_total(model, kinds)
    copy = copy_architecture(model, partial(_unroll_layer, kinds=kinds))
    copy_weights(model, copy)
    return copy


def _check_total(model: tf_keras.Model, kinds: tuple[str, ...]) -> None:
    """Check the steps of all layers together."""
    total = 0
    for layer in model.layers:
        if type(_unwrap(layer)).__name__ in kinds:
            directions = 1 if _unwrap(layer) is layer else 2
            total += (layer.input_shape[1] or 0) * len(layer.inbound_nodes) * directions
    if total > MAX_TOTAL:
        raise InputError(
            f"{total:,} time steps of recurrent layers would have to be unrolled; the maximum is "
            f"{MAX_TOTAL:,}"
        )


def list_recurrent_layers(model: tf_keras.Model) -> list[str]:
    """List the recurrent layers of a model.

    Args:
        model: Sequential or functional model.

    Returns:
        Names with classes, such as `'lstm' (LSTM)`.
    """
    kinds = (*RECURRENT, *NOT_UNROLLABLE)
    return [
        f"{layer.name!r} ({type(layer).__name__})"
        for layer in model.layers
        if type(_unwrap(layer)).__name__ in kinds
    ]


def _unwrap(layer: Any) -> Any:
    return layer.forward_layer if type(layer) is layers.Bidirectional else layer


def _unroll_layer(layer: Any, settings: dict[str, Any], kinds: tuple[str, ...]) -> None:
    """Change the settings of a layer so that it is unrolled if it is of one of the classes."""
    if type(_unwrap(layer)).__name__ in kinds:
        _check_steps(layer)
        for part in _list_settings(layer, settings):
            part["unroll"] = True


def _list_settings(layer: Any, config: dict[str, Any]) -> list[dict[str, Any]]:
    """List the settings of the two layers in Bidirectional, or of the layer itself."""
    if type(layer) is not layers.Bidirectional:
        return [config]
    directions = ("layer", "backward_layer")
    return [config[name]["config"] for name in directions if name in config]


def _check_steps(layer: Any) -> None:
    steps = layer.input_shape[1]
    if steps is None or steps > MAX_STEPS:
        raise InputError(
            f"layer {layer.name!r}: cannot unroll {steps or 'an unknown number of'} time steps; "
            f"the maximum is {MAX_STEPS}"
        )
