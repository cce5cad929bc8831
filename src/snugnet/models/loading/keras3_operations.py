"""Operations that functional models of Keras 3 call directly, such as `x + y`, in Keras 2."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.loading.model_description import LayerDescription

layers = tf_keras.layers
# Operations of two tensors that are layers of Keras 2: converters and quantizers know those best.
MERGE_LAYERS = {
    "Add": layers.Add,
    "Average": layers.Average,
    "Maximum": layers.Maximum,
    "Minimum": layers.Minimum,
    "Multiply": layers.Multiply,
    "Subtract": layers.Subtract,
}
ACTIVATIONS = {
    **{name: name.lower() for name in ("Relu", "Sigmoid", "Softmax", "Tanh")},
    "Silu": "swish",
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Absolute": tf.abs,
    "Add": tf.add,
    "Divide": tf.divide,
    "Exp": tf.exp,
    "Log": tf.math.log,
    "Matmul": tf.matmul,
    "Maximum": tf.maximum,
    "Minimum": tf.minimum,
    "Multiply": tf.multiply,
    "Negative": tf.negative,
    "Power": tf.pow,
    "Relu6": tf.nn.relu6,
    "Sqrt": tf.sqrt,
    "Square": tf.square,
    "Subtract": tf.subtract,
    "TrueDivide": tf.divide,
}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "Max": tf.reduce_max,
    "Mean": tf.reduce_mean,
    "Min": tf.reduce_min,
    "Sum": tf.reduce_sum,
}


def call_operation(
    layer: LayerDescription, arguments: Sequence[Any], options: Mapping[str, Any]
) -> Any:
    """Call the equivalent of an operation of Keras 3.

    Args:
        layer: The operation, with its settings.
        arguments: Keras 2 tensors and constants.
        options: Arguments by name.

    Returns:
        The output tensor. Its layer has the name of the operation if it is a layer of Keras 2.

    Raises:
        InputError: If the operation has no equivalent in Keras 2.
    """
    kind, name = layer.kind, layer.name
    settings = {**layer.settings, **options}
    are_tensors = not any(isinstance(value, int | float | list) for value in arguments)
    if kind in MERGE_LAYERS and are_tensors and len(arguments) == 2:
        return MERGE_LAYERS[kind](name=name)(list(arguments))
    if kind in ACTIVATIONS and settings.get("axis", -1) == -1:
        return layers.Activation(ACTIVATIONS[kind], name=name)(arguments[0])
    if kind in FUNCTIONS:
        return FUNCTIONS[kind](*arguments)
    if kind in REDUCTIONS:
        axis, keepdims = settings.get("axis"), bool(settings.get("keepdims"))
        return REDUCTIONS[kind](arguments[0], axis=axis, keepdims=keepdims)
    special = _SPECIAL.get(kind)
    if special is None:
        raise InputError(f"layer {name!r}: the operation {kind} of Keras 3 is not supported")
    return special(name, settings, *arguments)


def _concatenate(name: str, settings: dict[str, Any], tensors: Any) -> Any:
    return layers.Concatenate(axis=settings.get("axis", -1), name=name)(list(tensors))


def _get_item(name: str, settings: dict[str, Any], tensor: Any, key: Any) -> Any:
    return tensor[tuple(key) if isinstance(key, list) else key]


def _reshape(name: str, settings: dict[str, Any], tensor: Any) -> Any:
    first, *shape = settings["newshape"]
    if first not in (-1, None):
        raise InputError(f"layer {name!r}: a reshape must keep the samples apart")
    return layers.Reshape(shape, name=name)(tensor)


def _transpose(name: str, settings: dict[str, Any], tensor: Any) -> Any:
    axes = settings.get("axes")
    if not axes or axes[0] != 0:
        raise InputError(f"layer {name!r}: a transpose must keep the samples apart")
    return layers.Permute(axes[1:], name=name)(tensor)


def _leaky_relu(name: str, settings: dict[str, Any], tensor: Any) -> Any:
    return layers.LeakyReLU(settings.get("negative_slope", 0.2), name=name)(tensor)


def _clip(name: str, settings: dict[str, Any], tensor: Any, *limits: Any) -> Any:
    low, high = limits or (settings.get("x_min"), settings.get("x_max"))
    return tf.clip_by_value(tensor, low, high)


def _expand(name: str, settings: dict[str, Any], tensor: Any) -> Any:
    return tf.expand_dims(tensor, settings["axis"])


def _squeeze(name: str, settings: dict[str, Any], tensor: Any) -> Any:
    return tf.squeeze(tensor, settings["axis"])


def _pad(name: str, settings: dict[str, Any], tensor: Any, width: Any = None) -> Any:
    if settings.get("mode", "constant") != "constant":
        raise InputError(f"layer {name!r}: only padding with a constant is supported")
    return tf.pad(tensor, settings.get("pad_width") or width)


_SPECIAL: dict[str, Callable[..., Any]] = {
    "Clip": _clip,
    "Concatenate": _concatenate,
    "ExpandDims": _expand,
    "GetItem": _get_item,
    "LeakyRelu": _leaky_relu,
    "Pad": _pad,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
}
