"""Models within a model, as transfer learning leaves them, laid out as one graph of layers."""

from collections.abc import Iterator
from typing import Any

from snugnet.models.loading.keras2 import tf, tf_keras


def flat(model: tf_keras.Model) -> tf_keras.Model:
    """Lay the layers of models within a model out among its own.

    Pruning, quantizers and reports name layers and look at one graph.

    Args:
        model: Functional or Sequential, with weights.

    Returns:
        A functional model that computes the same; the model itself if it holds no other. Layers
        keep their names; where two have the same, that of the inner one begins with its model's.
    """
    if not any(map(_is_model, model.layers)):
        return model
    copies = _copies(model)
    inputs = [
        tf_keras.layers.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, model.input_names, strict=True)
    ]
    whole = tf_keras.Model(inputs, _called(model, inputs, copies), name=model.name)
    for layer, copy in copies.values():
        copy.set_weights(layer.get_weights())
    return whole


def _is_model(layer: Any) -> bool:
    return isinstance(layer, tf_keras.Model)


def _copies(model: Any) -> dict[int, tuple[Any, Any]]:
    """Copy all layers, without their weights; give each with its copy, by its identity."""
    copies: dict[int, tuple[Any, Any]] = {}
    taken = set(model.input_names) | {layer.name for layer in model.layers}
    for owner, layer in _innermost(model):
        if id(layer) in copies or isinstance(layer, tf_keras.layers.InputLayer):
            continue
        name = layer.name
        if owner is not model:
            while name in taken:
                name = f"{owner.name}_{name}"
            taken.add(name)
        config = {**layer.get_config(), "name": name}
        copies[id(layer)] = layer, type(layer).from_config(config)
    return copies


def _innermost(model: Any) -> Iterator[tuple[Any, Any]]:
    """List the layers that are no models, each with the model that holds it."""
    for layer in model.layers:
        if _is_model(layer):
            yield from _innermost(layer)
        else:
            yield model, layer


def _called(model: Any, inputs: list[Any], copies: dict[int, tuple[Any, Any]]) -> Any:
    """Call the copies of a model's layers as the model calls the layers themselves."""
    known = {id(tensor): made for tensor, made in zip(model.inputs, inputs, strict=True)}

    def made_of(value: Any) -> Any:
        return known.get(id(value), value)

    for node in _calls(model):
        arguments, options = tf.nest.map_structure(made_of, (node.call_args, node.call_kwargs))
        if _is_model(node.layer):
            result = _called(node.layer, tf.nest.flatten(arguments[0]), copies)
        else:
            result = copies[id(node.layer)][1](*arguments, **options)
        ends = zip(tf.nest.flatten(node.outputs), tf.nest.flatten(result), strict=True)
        known |= {id(tensor): made for tensor, made in ends}
    found = [known[id(tensor)] for tensor in model.outputs]
    return found if len(found) > 1 else found[0]


def _calls(model: Any) -> Iterator[Any]:
    """List the calls of layers within a model, what is read before what reads it."""
    by_depth = model._nodes_by_depth  # all there is: a layer's own list has other models' calls
    for depth in sorted(by_depth, reverse=True):
        yield from (node for node in by_depth[depth] if not node.is_input)
