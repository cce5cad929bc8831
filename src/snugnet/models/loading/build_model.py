"""Builds a Keras 2 model from a checked description."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from inspect import signature
from typing import Any

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.loading.model_description import (
    Call,
    LayerDescription,
    NetworkDescription,
    TensorReference,
)

layers = tf_keras.layers
# Settings that every layer of Keras 2 accepts.
COMMON_SETTINGS = frozenset(
    {"name", "trainable", "dtype", "batch_input_shape", "activity_regularizer"}
)
# Settings that have another name in Keras 2, by layer class and name in Keras 3.
RENAMED_SETTINGS = {
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}
# Weights exist several times: in the file, in the model and its copies, and in the converter.
COPIES = 6
# Name of a layer and number of a call.
CallKey = tuple[str, int]
Operation = Callable[[LayerDescription, Sequence[Any], Mapping[str, Any]], Any]


def build_model(
    network: NetworkDescription,
    budget: Budget,
    custom_layers: Mapping[str, Any] | None = None,
    is_zero: bool = True,
    call_operation: Operation | None = None,
) -> tf_keras.Model:
    """Build a model without the weights of its file.

    Args:
        network: The description of the model.
        budget: Limit for the bytes of all weights.
        custom_layers: Layer classes of the user, by name.
        is_zero: Whether all weights are zero. Otherwise the initializers draw them, which takes
            longer and advances the random numbers of Keras.
        call_operation: Calls an operation of Keras 3: description, arguments and options. If it is
            given, the description is one of Keras 3, in which some settings have other names.

    Raises:
        InputError: If the description is inconsistent, or a layer does not exist in Keras 2.
        BudgetError: If the weights need more memory than the budget allows.
    """
    builder = _Builder(custom_layers or {}, call_operation)
    with tf.variable_creator_scope(_WeightCounter(budget, is_zero).create):
        return builder.build_network(network)


class _WeightCounter:
    """Checks the memory of all weights before each of them is created."""

    def __init__(self, budget: Budget, is_zero: bool) -> None:
        self._budget = budget
        self._is_zero = is_zero
        self._count = 0

    def create(self, create_next: Any, **settings: Any) -> Any:
        """Create a variable; TensorFlow calls this for each."""
        shape = tf.TensorShape(settings.get("shape"))
        if shape.is_fully_defined():
            size = tf.as_dtype(settings.get("dtype") or tf.float32).size
            self._count += size * shape.num_elements()
            self._budget.check_bytes_held(COPIES * self._count, "the model")
            if self._is_zero and settings.get("dtype") is not None:
                zeros = partial(tf.zeros, shape, tf.as_dtype(settings["dtype"]))
                settings["initial_value"] = zeros
        return create_next(**settings)


class _Builder:
    def __init__(self, custom_layers: Mapping[str, Any], call_operation: Operation | None) -> None:
        self._custom_layers = custom_layers
        self._call_operation = call_operation
        self._is_keras3 = call_operation is not None

    def build_network(self, network: NetworkDescription) -> tf_keras.Model:
        if not network.is_sequential:
            return self._build_functional(network)
        model = tf_keras.Sequential(
            [self._build_layer(layer) for layer in network.layers], network.name
        )
        if not model.built and network.input_shape is not None:
            model.build(network.input_shape)
        return model

    def _build_layer(self, layer: LayerDescription) -> Any:
        if layer.network is not None:
            return self.build_network(layer.network)
        if layer.operation_module is not None:
            return None  # called as a function
        if layer.is_function:
            is_slice = layer.kind == "__operators__.getitem"
            kind = "SlicingOpLambda" if is_slice else "TFOpLambda"
            config = {"name": layer.name, "function": layer.kind}
            return layers.deserialize({"class_name": kind, "config": config})
        layer_class = self._custom_layers.get(layer.kind) or getattr(layers, layer.kind, None)
        if layer_class is None:
            raise InputError(f"layer {layer.name!r}: Keras 2 has no layer {layer.kind}")
        settings = self._list_settings(layer, layer_class)
        if self._is_keras3 and not layer.parts:
            # Some `from_config` of Keras 2 require settings that Keras 3 does not write.
            return layer_class(**settings)
        return layer_class.from_config(settings)

    def _list_settings(self, layer: LayerDescription, layer_class: Any) -> dict[str, Any]:
        settings = dict(layer.settings)
        if self._is_keras3:
            settings = _convert_settings(layer, layer_class)
        for key, parts in layer.parts.items():
            entries = [self._describe_part(part) for part in parts]
            settings[key] = entries if key == "cells" else entries[0]
        return settings

    def _describe_part(self, part: LayerDescription) -> dict[str, Any]:
        """Describe a layer within a wrapper as Keras does: the wrapper builds it from that."""
        if part.network is not None:
            model = self.build_network(part.network)
            return {"class_name": type(model).__name__, "config": model.get_config()}
        layer_class = getattr(layers, part.kind, None)
        if layer_class is None:
            raise InputError(f"layer {part.name!r}: Keras 2 has no layer {part.kind}")
        return {"class_name": part.kind, "config": self._list_settings(part, layer_class)}

    def _build_functional(self, network: NetworkDescription) -> tf_keras.Model:
        """Build a functional model: call each layer as soon as all of its inputs exist."""
        assert network.inputs is not None
        assert network.outputs is not None
        built = {layer.name: self._build_layer(layer) for layer in network.layers}
        # Output tensors by name of the layer and number of the call. A submodel has been called
        # once already, with its own inputs.
        outputs: dict[CallKey, list[Any]] = {}
        calls: dict[CallKey, tuple[LayerDescription, Call]] = {}
        for layer in network.layers:
            if layer.kind == "InputLayer":
                outputs[layer.name, 0] = _to_list(built[layer.name].output)
            first = 0 if self._is_keras3 else _count_own_calls(built[layer.name])
            calls |= {(layer.name, first + i): (layer, call) for i, call in enumerate(layer.calls)}
        for key in _sort_calls(calls, outputs):
            layer, call = calls[key]
            outputs[key] = _to_list(self._call(layer, built[layer.name], call, outputs))
        inputs, results = (
            [_get_tensor(end, outputs) for end in ends]
            for ends in (network.inputs, network.outputs)
        )
        # A model with one output in a list returns lists.
        ends = [tensors[0] if len(tensors) == 1 else tensors for tensors in (inputs, results)]
        return tf_keras.Model(*ends, name=network.name)

    def _call(
        self,
        layer: LayerDescription,
        built: Any,
        call: Call,
        outputs: Mapping[tuple[str, int], list[Any]],
    ) -> Any:
        arguments = [_replace_references(value, outputs) for value in call.arguments]
        options = {key: _replace_references(value, outputs) for key, value in call.options.items()}
        if layer.operation_module is None:
            options = {key: _describe_slices(value) for key, value in options.items()}
            return built(*map(_describe_slices, arguments), **options)
        assert self._call_operation is not None
        return self._call_operation(layer, arguments, options)


def _convert_settings(layer: LayerDescription, layer_class: Any) -> dict[str, Any]:
    """Convert the settings of a layer to Keras 2; drop those that only Keras 3 has."""
    known = set(COMMON_SETTINGS)
    for base in layer_class.__mro__:
        known |= set(signature(base.__init__).parameters)
    renamed = {
        RENAMED_SETTINGS.get((layer.kind, name), name): value
        for name, value in layer.settings.items()
    }
    return {
        name: value
        for name, value in renamed.items()
        # Initializers have other settings in Keras 3. They do not matter: all weights are set.
        if name in known and not name.endswith("_initializer")
    }


def _count_own_calls(layer: Any) -> int:
    """Count the calls of a submodel with its own inputs, which Keras 2 counts."""
    return int(isinstance(layer, tf_keras.Model) and bool(layer.inputs))


def _sort_calls(
    calls: Mapping[CallKey, tuple[LayerDescription, Call]], inputs: Collection[CallKey]
) -> Iterator[CallKey]:
    """Yield the calls, each after those that compute its tensors; otherwise in the given order."""
    order = {key: position for position, key in enumerate(calls)}
    sorter: TopologicalSorter[CallKey] = TopologicalSorter()
    for key, (layer, call) in calls.items():
        sources = {(source.layer, source.call) for source in call.list_references()} - set(inputs)
        if not sources <= set(order):
            raise InputError(f"layer {layer.name!r} takes the output of a call that does not exist")
        sorter.add(key, *sources)
    try:
        sorter.prepare()
    except CycleError as error:
        names = sorted({layer for layer, _ in error.args[1]})
        raise InputError(f"circular connections of layers {names[:10]}") from None
    while sorter.is_active():
        ready = sorter.get_ready()
        yield from sorted(ready, key=order.__getitem__)
        sorter.done(*ready)


def _replace_references(value: Any, outputs: Mapping[tuple[str, int], list[Any]]) -> Any:
    if isinstance(value, TensorReference):
        return _get_tensor(value, outputs)
    if isinstance(value, list | tuple):
        return type(value)(_replace_references(item, outputs) for item in value)
    return value


def _describe_slices(value: Any) -> Any:
    """Replace slices by the mappings that Keras 2 stores: it cannot copy a model with slices."""
    if isinstance(value, slice):
        return {"start": value.start, "stop": value.stop, "step": value.step}
    return [_describe_slices(item) for item in value] if isinstance(value, list) else value


def _get_tensor(reference: TensorReference, outputs: Mapping[tuple[str, int], list[Any]]) -> Any:
    tensors = outputs.get((reference.layer, reference.call), [])
    if not 0 <= reference.index < len(tensors):
        raise InputError(f"layer {reference.layer!r} has no output {reference.index}")
    return tensors[reference.index]


def _to_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]
