"""Flattening of nested models, as transfer learning produces them, into one graph of layers."""

from collections.abc import Iterator
from typing import Any

from snugnet.models.loading.keras2 import tf, tf_keras


def flatten_submodels(model: tf_keras.Model) -> tf_keras.Model:
    """Replace each submodel of a model by the layers of the submodel.

    Pruning, quantizers and reports refer to layers by name and work on a single graph.

    Args:
        model: Functional or Sequential model, with weights.

    Returns:
        A functional model with the same outputs; the model itself if it has no submodels. Layers
        keep their names. If two layers have the same name, the name of the submodel is put before
        the name of the inner one.
    """
    if not any(map(_is_model, model.layers)):
        return model
    copies = _copy_layers(model)
    inputs = [
        tf_keras.layers.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, model.input_names, strict=True)
    ]
    flat_model = tf_keras.Model(inputs, _call_copies(model, inputs, copies), name=model.name)
    for layer, copy in copies.values():
        copy.set_weights(layer.get_weights())
    return flat_model


def _is_model(layer: Any) -> bool:
    return isinstance(layer, tf_keras.Model)


def _copy_layers(model: Any) -> dict[int, tuple[Any, Any]]:
    """Copy all layers without their weights; return (layer, copy) by `id(layer)`."""
    copies: dict[int, tuple[Any, Any]] = {}
    used_names = set(model.input_names) | {layer.name for layer in model.layers}
    for owner, layer in _iterate_layers(model):
        if id(layer) in copies or isinstance(layer, tf_keras.layers.InputLayer):
            continue
        name = layer.name
        if owner is not model:
            while name in used_names:
                name = f"{owner.name}_{name}"
            used_names.add(name)
        config = {**layer.get_config(), "name": name}
        copies[id(layer)] = layer, type(layer).from_config(config)
    return copies


def _iterate_layers(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the layers that are not models, each as (model that holds it, layer)."""
    for layer in model.layers:
        if _is_model(layer):
            yield from _iterate_layers(layer)
        else:
            yield model, layer


def _call_copies(model: Any, inputs: list[Any], copies: dict[int, tuple[Any, Any]]) -> Any:
    """Connect the copies of a model's layers in the same way as the layers themselves."""
    new_tensors = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}

    def get_new_tensor(value: Any) -> Any:
        return new_tensors.get(id(value), value)

    for node in _iterate_calls(model):
        arguments, options = tf.nest.map_structure(
            get_new_tensor, (node.call_args, node.call_kwargs)
        )
        if _is_model(node.layer):
            result = _call_copies(node.layer, tf.nest.flatten(arguments[0]), copies)
        else:
            result = copies[id(node.layer)][1](*arguments, **options)
        pairs = zip(tf.nest.flatten(node.outputs), tf.nest.flatten(result), strict=True)
        new_tensors |= {id(old): new for old, new in pairs}
    outputs = [new_tensors[id(tensor)] for tensor in model.outputs]
    return outputs if len(outputs) > 1 else outputs[0]


def _iterate_calls(model: Any) -> Iterator[Any]:
    """Yield the calls of layers within a model, each after the calls that compute its inputs."""
    # Keras has no public list of these calls: the nodes of a layer include calls in other models.
    nodes_by_depth = model._nodes_by_depth
    for depth in sorted(nodes_by_depth, reverse=True):
        yield from (node for node in nodes_by_depth[depth] if not node.is_input)
