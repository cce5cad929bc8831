"""Work and memory of one inference of a Keras model, before it is run."""

import math
from collections.abc import Iterator
from typing import Any

from snugnet.core.budget import Budget
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.stats import count_macs

BYTES_PER_VALUE = 4
ATTENTION = ("AdditiveAttention", "Attention", "MultiHeadAttention")


def check_cost(model: tf_keras.Model, budget: Budget, samples: int = 1) -> None:
    """Check the input and the outputs of all layers, and the multiply-accumulates of one inference.

    Args:
        model: A functional or Sequential model, which has been built.
        budget: Limits for the memory and the multiply-accumulates.
        samples: Number of samples that are computed at once.

    Raises:
        BudgetError: If they exceed the budget.
    """
    values = sum(_count_elements(tensor) for tensor in model.inputs)
    macs = 0
    for layer, calls in _iterate_layers(model):
        counts = calls * [_count_values(node) for node in layer.inbound_nodes]
        values += sum(counts)
        needed = BYTES_PER_VALUE * values * samples
        budget.check_bytes_held(needed, f"the model up to layer {layer.name!r}")
        # Layers whose multiply-accumulates are not known have at least one for each value.
        macs += max((count_macs(layer) or 0) * len(counts), sum(counts))
        budget.check_macs(macs, f"the model up to layer {layer.name!r}")


def _iterate_layers(model: tf_keras.Model, calls: int = 1) -> Iterator[tuple[Any, int]]:
    """Yield the called layers of a model and its submodels, and how often their model is called."""
    for layer in model.layers:
        if isinstance(layer, tf_keras.Model):
            # Keras counts the call with the submodel's own inputs, too.
            yield from _iterate_layers(layer, calls * max(len(layer.inbound_nodes) - 1, 1))
        # A functional model has input layers, a Sequential one hides them.
        elif layer.inbound_nodes and not isinstance(layer, tf_keras.layers.InputLayer):
            yield layer, calls


def _count_values(node: Any) -> int:
    """Count the values that a call of a layer computes for one sample."""
    outputs = tf.nest.flatten(node.outputs)
    count = sum(_count_elements(tensor) for tensor in outputs)
    if type(node.layer).__name__ in ATTENTION:
        # Each query has a weight for each key.
        inputs = tf.nest.flatten(node.keras_inputs)
        heads = getattr(node.layer, "_num_heads", 1)
        count += heads * math.prod(_count_elements(tensor) for tensor in (inputs[0], inputs[-1]))
    return count


def _count_elements(tensor: Any) -> int:
    """Count the elements of a tensor for one sample; unknown dimensions count as 1."""
    return math.prod(size or 1 for size in tuple(tensor.shape)[1:])
