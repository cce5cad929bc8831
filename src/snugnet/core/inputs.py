"""Samples of models with one input, and of models with several.

The samples of a model with one input are a plain array, (n, ...). The samples of a model with
several inputs are a structured array, (n,), with one field for each input, of the same name. Both
can be indexed, concatenated and saved in the same way, so only the code that reads or writes an
input needs to know the difference.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.tflite_graph import Graph

# Names that arrays of samples have for other purposes, so that an input cannot have them.
RESERVED_NAMES = frozenset({"class_names", "fold", "group", "scale", "split", "y"})
# TensorFlow's additions to the name of an input when it converts a saved model.
TENSOR_NAME = re.compile(r"^(?:serving_default_)?(.*?)(?::\d+)?$")


@dataclass(frozen=True)
class InputPort:
    """An input of a model.

    Attributes:
        name: Name of the input.
        shape: Shape of one sample, without the batch.
    """

    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.shape}"


def list_graph_inputs(graph: Graph) -> tuple[InputPort, ...]:
    """List the inputs of a .tflite file, in its order. Their names are unique."""
    tensors = [graph.tensors[index] for index in graph.inputs]
    names = name_inputs([tensor.name for tensor in tensors])
    return tuple(
        InputPort(name, tensor.shape[1:]) for name, tensor in zip(names, tensors, strict=True)
    )


def name_inputs(tensor_names: Sequence[str]) -> list[str]:
    """Return the names that inputs had in Keras, from the names of their tensors.

    Returns:
        Unique names. A number is added to a name that exists already, and to an empty name.
    """
    names: dict[str, None] = {}  # in order, and quick to search
    for tensor_name in tensor_names:
        match = TENSOR_NAME.match(tensor_name)
        base = name = match[1] if match and match[1] else tensor_name
        number = len(names)
        while not name or name in names:
            name = f"{base}_{number}"
            number += 1
        names[name] = None
    return list(names)


def check_input_names(inputs: Sequence[InputPort], source: str) -> None:
    """Check that the arrays of several inputs can be told from labels and groups.

    Args:
        inputs: The inputs of a model.
        source: Path or name of the model or the samples, for messages.

    Raises:
        InputError: If an input has the name of another role.
    """
    wrong = [entry.name for entry in inputs if entry.name in RESERVED_NAMES]
    if len(inputs) > 1 and wrong:
        raise InputError(
            f"{source}: an input of a model with several inputs cannot have the name "
            f"{wrong[0]!r}, which samples use for other data. Rename the input layer."
        )


def describe_inputs(inputs: Sequence[InputPort]) -> str:
    """Describe inputs for people: the shape of a single one, or names and shapes."""
    is_single = len(inputs) == 1
    return str(inputs[0].shape) if is_single else ", ".join(map(str, inputs)) or "none"


def join_inputs(arrays: Mapping[str, np.ndarray], source: str = "samples") -> np.ndarray:
    """Join the arrays of several inputs to samples.

    Args:
        arrays: Array of each input, (n, ...), by its name.
        source: Path or name of the samples, for messages.

    Returns:
        A structured array, (n,); for a single input its array.

    Raises:
        InputError: If there are no arrays, or they have different numbers of samples.
    """
    if not arrays:
        raise InputError(f"{source}: the model has no inputs. Use a model with inputs.")
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise InputError(
            f"{source}: all inputs must have the same number of samples, but {text}. Save arrays "
            "of equal length."
        )
    count = next(iter(counts.values()))
    fields = [(name, array.dtype, array.shape[1:]) for name, array in arrays.items()]
    x = np.empty(count, np.dtype(fields))
    for name, array in arrays.items():
        x[name] = array
    return x


def add_value_axis(array: np.ndarray) -> np.ndarray:
    """Return (n, 1) for an array of shape (n,), one value for each sample; others unchanged."""
    return array[:, np.newaxis] if array.ndim == 1 else array


def split_inputs(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the array of each input, (n, ...), by name; "" is the name of a single one."""
    if x.dtype.names is None:
        return {"": x}
    return {name: x[name] for name in x.dtype.names}


def has_several_inputs(x: np.ndarray) -> bool:
    """Return whether samples are those of a model with several inputs."""
    return x.dtype.names is not None


def map_inputs(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Apply a function to the array of each input.

    Args:
        function: Maps an array, (n, ...), to an array of the same n.
        x: Samples.
    """
    return join_inputs({name: function(array) for name, array in split_inputs(x).items()})


def to_float32(x: np.ndarray) -> np.ndarray:
    """Convert samples to float32."""
    return map_inputs(lambda array: array.astype(np.float32, copy=False), x)


def list_sample_inputs(x: np.ndarray) -> tuple[InputPort, ...]:
    """List the inputs that samples are for; "" is the name of a single one."""
    return tuple(InputPort(name, array.shape[1:]) for name, array in split_inputs(x).items())


def order_inputs(x: np.ndarray, inputs: Sequence[InputPort], source: str) -> list[np.ndarray]:
    """Return the arrays of samples in the order of a model's inputs.

    Args:
        x: Samples.
        inputs: The inputs of the model.
        source: Name of the model, for messages.

    Raises:
        InputError: If the names of several inputs differ, or a shape does not fit.
    """
    arrays = split_inputs(x)
    names = [entry.name for entry in inputs]
    if len(arrays) != len(inputs) or (len(names) > 1 and set(names) != set(arrays)):
        samples = ", ".join(filter(None, arrays)) or "one input"
        raise InputError(
            f"{source}: the samples are for {samples}, but the inputs of the model are "
            f"{describe_inputs(inputs)}. Give one array for each input, named as in the model."
        )
    ordered = list(arrays.values()) if len(names) == 1 else [arrays[name] for name in names]
    for array, entry in zip(ordered, inputs, strict=True):
        if array.shape[1:] != entry.shape:
            which = "" if len(inputs) == 1 else f" of input {entry.name}"
            raise InputError(
                f"{source}: samples{which} have shape {array.shape[1:]}; the model expects "
                f"{entry.shape}. Reshape the samples."
            )
    return ordered


def to_keras(x: np.ndarray) -> Any:
    """Convert samples for Keras: to a float32 array, or a mapping from names to arrays."""
    arrays = {name: array.astype(np.float32) for name, array in split_inputs(x).items()}
    return arrays if has_several_inputs(x) else arrays[""]
