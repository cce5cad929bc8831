"""The description of a model from an untrusted file, checked and copied into records.

Keras builds objects by their names in a description, and some of them run code. Nothing of a file's
own description is therefore given to Keras. Every entry is compared with the lists in
`allowed_layers`, and its plain values are copied into the records of this module.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading import allowed_layers as allowed

# Names and the few other texts that settings contain, such as "same" or an equation of axes.
PLAIN_TEXT = re.compile(r"[ -~]{0,300}")
PRINTABLE_NAME = re.compile(r"[!-~]{1,300}")
MAX_LAYERS = 10_000
# Calls of layers. A submodel that is called several times counts as often.
MAX_CALLS = 20_000
MAX_SUBMODELS = 8
# Tensors that a call takes.
MAX_TENSORS = 1000
MAX_VALUES = 200_000
MAX_INTEGER = 2**31
MAX_DEPTH = 16
CONSTANT = "_CONSTANT_VALUE"


@dataclass(frozen=True)
class TensorReference:
    """An output of a layer: the name of the layer, the number of the call, and the output."""

    layer: str
    call: int
    index: int


@dataclass(frozen=True)
class Call:
    """A call of a layer.

    Attributes:
        arguments: Arguments: plain values, references, slices, and lists of these.
        options: Arguments by name.
    """

    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    def list_references(self) -> list[TensorReference]:
        """List the tensors among the arguments."""
        return _list_references([*self.arguments, *self.options.values()])


@dataclass(frozen=True)
class LayerDescription:
    """A layer, a submodel, a TensorFlow function or an operation of Keras 3.

    Attributes:
        kind: Name of the class, or of the function or operation.
        name: Name of the layer, to which calls refer.
        settings: Plain values by name. Unknown initializers are left out: weights are read from the
            file.
        parts: Layers within a wrapper, by the name of the setting.
        network: The network, if this is a submodel.
        calls: Calls of the layer; empty in a Sequential model.
        is_function: Whether this is a TensorFlow function that a Keras 2 model calls.
        operation_module: Module of an operation of Keras 3; None for all others.
        removed_wrapper: Class of the tfmot wrapper that was removed; None if there was none.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]
    parts: Mapping[str, "tuple[LayerDescription, ...]"]
    network: "NetworkDescription | None" = None
    calls: tuple[Call, ...] = ()
    is_function: bool = False
    operation_module: str | None = None
    removed_wrapper: str | None = None


@dataclass(frozen=True)
class NetworkDescription:
    """A model: its layers and how they are connected.

    Attributes:
        name: Name of the model.
        layers: The layers, in the order of the file.
        inputs: Outputs of input layers; None if the model is Sequential.
        outputs: Outputs of the model; None if the model is Sequential.
        input_shape: Shape of a Sequential model without an input layer, with the batch, if known.
    """

    name: str
    layers: tuple[LayerDescription, ...]
    inputs: tuple[TensorReference, ...] | None
    outputs: tuple[TensorReference, ...] | None
    input_shape: tuple[int | None, ...] | None = None

    @property
    def is_sequential(self) -> bool:
        """Whether each layer takes the output of the one before it."""
        return self.inputs is None

    def count_calls(self) -> int:
        """Count the calls of layers that compute the model once."""
        return sum(map(_count_calls, self.layers))

    def iterate(self) -> Iterator[LayerDescription]:
        """Yield all layers, also those of submodels."""
        for layer in self.layers:
            yield layer
            if layer.network is not None:
                yield from layer.network.iterate()


def _count_calls(layer: LayerDescription) -> int:
    parts = [part for parts in layer.parts.values() for part in parts]
    inner = 1 if layer.network is None else layer.network.count_calls()
    return max(len(layer.calls), 1) * (inner + sum(map(_count_calls, parts)))


def parse_description(
    description: Any, is_keras3: bool, custom_layers: Collection[str] = ()
) -> NetworkDescription:
    """Check the description of a model, and copy it into records.

    Args:
        description: Parsed JSON of a file.
        is_keras3: Whether Keras 3 wrote it.
        custom_layers: Names of layer classes of the user, which are allowed too.

    Returns:
        The network.

    Raises:
        InputError: If something in the description is not allowed; the message names each such
            layer and the reason.
    """
    parser = _Parser(is_keras3, custom_layers)
    try:
        network = parser.parse_model(description)
    except RecursionError:
        raise InputError("the description of the model is nested too deeply") from None
    if parser.problems:
        raise InputError("; ".join(dict.fromkeys(parser.problems)))
    if (count := network.count_calls()) > MAX_CALLS:
        raise InputError(f"the model calls layers {count:,} times; the maximum is {MAX_CALLS:,}")
    return network


class _ProblemError(Exception):
    """Something in a description is not allowed."""


class _Parser:
    """Copies a description into records and collects what is not allowed.

    Attributes:
        problems: What is not allowed, each with the name of its layer.
    """

    def __init__(self, is_keras3: bool, custom_layers: Collection[str]) -> None:
        self.problems: list[str] = []
        self._is_keras3 = is_keras3
        self._custom_layers = custom_layers
        self._count = 0
        self._depth = 0

    def parse_model(self, entry: Any) -> NetworkDescription:
        """Copy a model or submodel."""
        self._depth += 1
        if self._depth > MAX_SUBMODELS:
            raise InputError(f"models within models have more than {MAX_SUBMODELS} levels")
        network = self._parse_model(entry)
        self._depth -= 1
        return network

    def _parse_model(self, entry: Any) -> NetworkDescription:
        if not isinstance(entry, Mapping) or not _is_listed(
            entry.get("class_name"), allowed.MODELS
        ):
            kind = _quote(entry.get("class_name")) if isinstance(entry, Mapping) else "no class"
            raise InputError(
                f"the file describes {kind}, not a Functional or Sequential model. Subclassed "
                "models are not supported; save a functional model."
            )
        config = entry.get("config")
        if entry["class_name"] == "Sequential" and isinstance(config, list):  # old Keras
            config = {"name": "sequential", "layers": config}
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
            raise InputError("the description of the model has no list of layers")
        name = _copy_name(config.get("name", "model"))
        layers = tuple(
            layer for item in config["layers"] if (layer := self._parse_layer(item)) is not None
        )
        if entry["class_name"] == "Sequential":
            shape = _copy_shape(config.get("build_input_shape"))
            return NetworkDescription(name, layers, None, None, shape)
        try:
            inputs, outputs = (
                _copy_ends(config.get(key)) for key in ("input_layers", "output_layers")
            )
        except _ProblemError as problem:
            raise InputError(f"model {name!r}: {problem}") from None
        return NetworkDescription(name, layers, inputs, outputs)

    def _parse_layer(self, entry: Any) -> LayerDescription | None:
        """Copy a layer; note why it is not allowed, and return None, if it is not."""
        self._count_layer()
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise InputError("the description of a layer is not a mapping with class and settings")
        raw_name = entry.get("name", entry["config"].get("name", entry.get("class_name")))
        try:
            name = _copy_name(raw_name)
            layer = self._copy_layer(entry, name)
            return replace(layer, calls=self._copy_calls(entry.get("inbound_nodes") or []))
        except _ProblemError as problem:
            self.problems.append(f"layer {_quote(raw_name)}: {problem}")
        return None

    def _count_layer(self) -> None:
        self._count += 1
        if self._count > MAX_LAYERS:
            raise InputError(f"the model has more than {MAX_LAYERS:,} layers")

    def _copy_layer(self, entry: Mapping[str, Any], name: str) -> LayerDescription:
        kind, config = entry.get("class_name"), entry["config"]
        if not isinstance(kind, str):
            raise _ProblemError("its class has no name")
        kind = kind.rpartition(">")[2]  # registered names have the form package>class
        if kind in allowed.MODELS:
            return LayerDescription(kind, name, {}, {}, network=self.parse_model(entry))
        if kind in ("Lambda", "__lambda__"):
            raise _ProblemError("Lambda layers are not allowed, they run code; use Keras layers")
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            return _copy_function(config, name)
        module = entry.get("module")
        if self._is_keras3 and isinstance(module, str) and module.startswith("keras.src.ops."):
            return _copy_operation(kind, module, config, name)
        if kind == allowed.PRUNING_WRAPPER or kind in allowed.QUANTIZERS:
            return self._remove_wrapper(kind, config, name)
        if kind in allowed.WRAPPERS or kind in allowed.CELLS:
            return self._copy_wrapper(kind, config, name)
        if kind not in allowed.LAYERS and kind not in self._custom_layers:
            raise _ProblemError(
                f"{_quote(kind)} is not a supported Keras layer. If it is your own, name the file "
                "that defines it (--allow-code, or allow_code=)."
            )
        return LayerDescription(kind, name, self._copy_settings(config), {})

    def _copy_wrapper(self, kind: str, config: Mapping[str, Any], name: str) -> LayerDescription:
        """Copy a layer that contains other layers."""
        keys = allowed.WRAPPERS.get(kind, ())
        parts = {}
        for key in keys:
            if config.get(key) is None:
                continue
            entries = config[key] if isinstance(config[key], list) else [config[key]]
            parts[key] = tuple(self._copy_part(part) for part in entries)
            if kind in ("RNN", "StackedRNNCells"):
                wrong = [part.kind for part in parts[key] if part.kind not in allowed.CELLS]
                if wrong:
                    raise _ProblemError(f"the cell {wrong[0]} is not supported; use LSTM or GRU")
        others = {key: value for key, value in config.items() if key not in keys}
        return LayerDescription(kind, name, self._copy_settings(others), parts)

    def _copy_part(self, entry: Any) -> LayerDescription:
        """Copy a layer within another one."""
        self._count_layer()
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise _ProblemError("a layer within it has no settings")
        name = _copy_name(entry["config"].get("name", entry.get("class_name")))
        return self._copy_layer(entry, name)

    def _remove_wrapper(self, kind: str, config: Mapping[str, Any], name: str) -> LayerDescription:
        """Copy the layer within a wrapper of tfmot; a quantizer alone becomes an identity."""
        if config.get("layer") is None:
            settings = {"name": name, "activation": "linear"}
            return LayerDescription("Activation", name, settings, {}, removed_wrapper=kind)
        return replace(self._copy_part(config["layer"]), name=name, removed_wrapper=kind)

    def _copy_settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for key, value in config.items():
            if key.endswith("_initializer"):
                if _is_object(value, allowed.INITIALIZERS) and _is_plain_initializer(value):
                    settings[key] = _copy_object(value, allowed.INITIALIZERS)
                continue
            settings[_copy_name(key)] = _copier_of(key)(value)
        return settings

    def _copy_calls(self, nodes: Any) -> tuple[Call, ...]:
        if not isinstance(nodes, list):
            raise _ProblemError("its connections are not a list")
        copy = _copy_keras3_call if self._is_keras3 else _copy_keras2_call
        calls = tuple(copy(node) for node in nodes)
        for call in calls:
            _check_call(call)
        return calls


def _check_call(call: Call) -> None:
    """Check that a call has tensors, and not too many: Keras computes with constants at once."""
    count = len(call.list_references())
    if count == 0:
        raise _ProblemError("it is called with constants only")
    if count > MAX_TENSORS:
        raise _ProblemError(f"it is called with more than {MAX_TENSORS:,} tensors")


def _list_references(value: Any) -> list[TensorReference]:
    if isinstance(value, TensorReference):
        return [value]
    if isinstance(value, list | tuple):
        return [reference for item in value for reference in _list_references(item)]
    return []


def _copier_of(key: str) -> Callable[[Any], Any]:
    """Return the function that copies a setting, by its name."""
    if key.endswith("activation"):
        return _copy_activation
    if key.endswith("_regularizer"):
        return lambda value: _copy_object(value, allowed.REGULARIZERS)
    if key.endswith("_constraint"):
        return lambda value: _copy_object(value, allowed.CONSTRAINTS)
    if key == "dtype":
        return _copy_dtype
    if key in ("sparse", "ragged"):
        return _copy_dense
    return _copy_plain


def _copy_function(config: Mapping[str, Any], name: str) -> LayerDescription:
    """Copy a call of a TensorFlow function."""
    function = str(config.get("function", "__operators__.getitem"))
    if function not in allowed.FUNCTIONS:
        raise _ProblemError(
            f"the function tf.{_quote(function)} is not supported; use Keras layers"
        )
    return LayerDescription(function, name, {}, {}, is_function=True)


def _copy_operation(
    kind: str, module: str, config: Mapping[str, Any], name: str
) -> LayerDescription:
    """Copy an operation of Keras 3."""
    if kind not in allowed.OPERATIONS or module.count(".") != 3:
        raise _ProblemError(f"the operation {_quote(kind)} is not supported; use Keras layers")
    settings = {_copy_name(key): _copy_plain(value) for key, value in config.items()}
    return LayerDescription(kind, name, settings, {}, operation_module=_copy_name(module))


def _copy_activation(value: Any) -> Any:
    """Copy the name of an activation, or a layer that serves as one."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        if kind == "function":
            return _copy_activation(config)
        if kind == "QuantizeAwareActivation" and isinstance(config, Mapping):
            return _copy_activation(config.get("activation"))
        if _is_listed(kind, allowed.ACTIVATION_LAYERS) and isinstance(config, Mapping):
            settings = {key: _copier_of(key)(entry) for key, entry in config.items()}
            settings = {
                key: entry for key, entry in settings.items() if not key.endswith("_initializer")
            }
            return {"class_name": kind, "config": settings}
        value = kind
    if not _is_listed(value, allowed.ACTIVATIONS):
        raise _ProblemError(f"the activation {_quote(value)} is not supported")
    return value


def _is_plain_initializer(value: Mapping[str, Any]) -> bool:
    """Return whether an initializer can draw weights; Keras does not check its settings."""
    return all(_is_plain_setting(key, setting) for key, setting in value["config"].items())


def _is_plain_setting(key: str, value: Any) -> bool:
    """Check a setting of an initializer."""
    if key in allowed.INITIALIZER_CHOICES:
        return value in allowed.INITIALIZER_CHOICES[key]
    if key == "seed":
        return value is None or (type(value) is int and abs(value) < 1 << 31)
    is_number = type(value) in (int, float) and math.isfinite(value)
    return key in allowed.INITIALIZER_NUMBERS and is_number and (key != "scale" or value > 0)


def _copy_object(value: Any, kinds: Collection[str]) -> Any:
    """Copy a regularizer or a constraint."""
    if value is None:
        return None
    if not _is_object(value, kinds):
        raise _ProblemError(f"the setting {_quote(value)} is not supported")
    config = {_copy_name(key): _copy_plain(entry) for key, entry in value["config"].items()}
    return {"class_name": value["class_name"], "config": config}


def _is_object(value: Any, kinds: Collection[str]) -> bool:
    """Check that a value describes an object of one of the classes."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("config"), Mapping)
        and _is_listed(value.get("class_name"), kinds)
    )


def _is_listed(value: Any, names: Collection[str]) -> bool:
    """Check that a value of a file, which may be of any type, is one of some names."""
    return isinstance(value, str) and value in names


def _copy_dtype(value: Any) -> Any:
    """Copy a type; all types of floating-point numbers become float32.

    Networks trained with mixed precision compute in float16, but their weights are float32.
    """
    if isinstance(value, Mapping):
        if not _is_object(value, allowed.TYPES):
            raise _ProblemError(f"the type {_quote(value)} is not supported")
        value = value["config"].get("name")
    if value is None:
        return None
    if not isinstance(value, str) or not PRINTABLE_NAME.fullmatch(value):
        raise _ProblemError(f"the type {_quote(value)} is not supported")
    if "complex" in value:
        raise _ProblemError("complex numbers are not supported")
    return "float32" if "float" in value else value


def _copy_dense(value: Any) -> bool:
    if value:
        raise _ProblemError("sparse and ragged inputs are not supported")
    return False


def _copy_plain(value: Any, depth: int = 0) -> Any:
    """Copy numbers, texts, and lists and mappings of these."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise _ProblemError(f"the number {value} is too large")
        return value
    if isinstance(value, str):
        if not PLAIN_TEXT.fullmatch(value):
            raise _ProblemError(f"the text {_quote(value)} is not supported")
        return value
    if depth > MAX_DEPTH:
        raise _ProblemError("its settings are nested too deeply")
    if isinstance(value, list):
        if len(value) > MAX_VALUES:
            raise _ProblemError(f"a setting holds more than {MAX_VALUES:,} values")
        return [_copy_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        if value.get("class_name") in ("__tuple__", "TensorShape"):
            return _copy_plain(value.get("items"), depth + 1)
        if "class_name" in value or "registered_name" in value:
            raise _ProblemError(f"an object of class {_quote(value.get('class_name'))} within it")
        return {_copy_name(key): _copy_plain(item, depth + 1) for key, item in value.items()}
    raise _ProblemError(f"a setting of type {type(value).__name__} is not supported")


def _copy_name(value: Any) -> str:
    if not isinstance(value, str) or not PRINTABLE_NAME.fullmatch(value) or value[0] == "_":
        raise _ProblemError(f"the name {_quote(value)} is not supported")
    return value


def _copy_shape(value: Any) -> tuple[int | None, ...] | None:
    if not isinstance(value, list) or not all(n is None or isinstance(n, int) for n in value):
        return None
    return tuple(value)


def _copy_ends(value: Any) -> tuple[TensorReference, ...]:
    """Copy the inputs or outputs of a model: (layer, call, output), or a nested list of these."""
    if _is_reference(value):
        return (TensorReference(*value[:3]),)
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        raise _ProblemError("its inputs or outputs are not a list")
    return tuple(end for item in value for end in _copy_ends(item))


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(number) is int for number in value[1:3])
    )


def _copy_keras2_call(node: Any) -> Call:
    """Copy a call of Keras 2: a list of (layer, call, output, options) or constants."""
    entries = [node] if _is_reference(node) else node
    if not isinstance(entries, list) or not all(
        isinstance(entry, list) and len(entry) in (3, 4) for entry in entries
    ):
        raise _ProblemError(
            "its inputs are nested; only a tensor or a list of tensors is supported"
        )
    tensors: list[Any] = []
    options: Any = {}
    for entry in entries:
        is_constant = entry[0] == CONSTANT
        tensors.append(_copy_plain(entry[2]) if is_constant else _copy_reference(entry))
        options = entry[3] if len(entry) == 4 else options
    if not isinstance(options, Mapping):
        raise _ProblemError("the options of a call are not a mapping")
    return Call(
        arguments=(tensors[0] if len(tensors) == 1 else tensors,),
        options={_copy_name(key): _copy_keras2_option(value) for key, value in options.items()},
    )


def _copy_reference(value: Any) -> TensorReference:
    if not _is_reference(value):
        raise _ProblemError("an input is not the output of a layer")
    return TensorReference(_copy_name(value[0]), value[1], value[2])


def _copy_keras2_option(value: Any) -> Any:
    """Copy an option of a call, in which tensors are lists (layer, call, output)."""
    if _is_reference(value):
        return _copy_reference(value)
    if isinstance(value, list):
        return [_copy_keras2_option(item) for item in value]
    if isinstance(value, Mapping) and {"start", "stop", "step"} <= set(value):
        return slice(*(_copy_keras2_option(value[key]) for key in ("start", "stop", "step")))
    return _copy_plain(value)


def _copy_keras3_call(node: Any) -> Call:
    if not isinstance(node, Mapping) or not isinstance(node.get("args"), list):
        raise _ProblemError("a call has no list of arguments")
    options = node.get("kwargs") or {}
    if not isinstance(options, Mapping):
        raise _ProblemError("the options of a call are not a mapping")
    return Call(
        arguments=tuple(_copy_keras3_value(value) for value in node["args"]),
        options={_copy_name(key): _copy_keras3_value(value) for key, value in options.items()},
    )


def _copy_keras3_value(value: Any) -> Any:
    """Copy an argument of a call, in which tensors and slices are objects."""
    if isinstance(value, list):
        return [_copy_keras3_value(item) for item in value]
    if not isinstance(value, Mapping):
        return _copy_plain(value)
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__keras_tensor__" and isinstance(config, Mapping):
        return _copy_reference(config.get("keras_history"))
    if kind == "__slice__" and isinstance(config, Mapping):
        return slice(*(_copy_plain(config.get(key)) for key in ("start", "stop", "step")))
    if kind == "__tuple__":
        return tuple(_copy_keras3_value(item) for item in value.get("items") or [])
    if kind in ("__tensor__", "__numpy__") and isinstance(config, Mapping):
        return _copy_plain(config.get("value"))
    return _copy_plain(value)


def _quote(value: Any) -> str:
    """Quote a text of a file for a message: shortened, and without control characters."""
    return repr(str(value)[:80])
