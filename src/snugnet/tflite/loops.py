"""Recurrent layers that TFLite would turn into loops, which the other code cannot read."""

from collections.abc import Callable
from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.unroll_rnn import RECURRENT, list_recurrent_layers, unroll
from snugnet.tflite.flatbuffer import count_subgraphs

Convert = Callable[[tf_keras.Model], bytes]


def unroll_loops(model: tf_keras.Model, convert: Convert) -> tuple[Any, bytes]:
    """Convert a model to float32, after unrolling recurrent layers if TFLite needs loops for them.

    Args:
        model: The model.
        convert: Converts a model to a float32 .tflite file.

    Returns:
        The model, unrolled if necessary, and its float32 .tflite file.

    Raises:
        InputError: If a loop cannot be unrolled.
    """
    content = convert(model)
    if count_subgraphs(content) == 1:
        return model, content
    # A plain LSTM is one operator of TFLite. It is unrolled only if it is what loops.
    for kinds in (RECURRENT[:-1], RECURRENT):
        unrolled = unroll(model, kinds)
        if unrolled is model:
            continue
        content = convert(unrolled)
        if count_subgraphs(content) == 1:
            return unrolled, content
    layers = ", ".join(list_recurrent_layers(model)) or "a layer"
    raise InputError(
        f"{layers} contains a loop over time that cannot be unrolled. Replace it with "
        f"{', '.join(RECURRENT[:-1])} or {RECURRENT[-1]}."
    )
