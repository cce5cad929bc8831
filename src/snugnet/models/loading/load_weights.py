"""Loads the weights of a Keras 2 file into a model that was built from its description."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from snugnet.core.errors import InputError
from snugnet.core.text import get_first_line
from snugnet.models.loading.hdf5_tree import Hdf5Tree
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.model_description import LayerDescription, NetworkDescription
from snugnet.models.loading.model_parts import CHECKPOINT, WEIGHTS, ModelParts

# Variables of layers of Keras, in the order in which a layer lists them. The wrappers of tfmot list
# them in another order, together with variables of their own.
VARIABLES = (
    *("depthwise_kernel", "pointwise_kernel", "kernel", "recurrent_kernel", "embeddings"),
    *("alpha", "gamma", "beta", "bias", "moving_mean", "moving_variance"),
)


# Arrays up to this number of elements do no harm.
HARMLESS_SIZE = 1 << 20


def load_weights(model: tf_keras.Model, network: NetworkDescription, parts: ModelParts) -> None:
    """Set the weights of a model to those of its file.

    Args:
        model: The model.
        network: The description that it was built from.
        parts: The parts of the file. A SavedModel has no weights, but a checkpoint; only a process
            without rights may load one.

    Raises:
        InputError: If the weights do not fit the model.
    """
    try:
        if parts.weights is None:
            _load_checkpoint(model, parts.path)
        else:
            check_sizes(model, parts)
            _load_tree(model, _remove_wrapper_weights(parts.weights, network), parts.is_archive)
    except InputError:
        raise
    # TensorFlow and Keras raise many kinds of exceptions for weights that do not fit.
    except Exception as error:
        message = get_first_line(error)
        raise InputError(f"{parts.path}: the weights do not fit the model ({message})") from None


def check_sizes(model: tf_keras.Model, parts: ModelParts) -> None:
    """Check that no array of a file is larger than all weights: it would be copied several times.

    Args:
        model: The model.
        parts: The parts of the file.

    Raises:
        InputError: If an array is larger.
    """
    largest = max((weight.shape.num_elements() for weight in model.weights), default=0)
    arrays = {} if parts.weights is None else parts.weights.arrays
    for name, array in arrays.items():
        if array.size > max(largest, HARMLESS_SIZE):
            raise InputError(
                f"{parts.path}: the weights do not fit the model ({name} has shape "
                f"{list(array.shape)}; the largest weight has {largest:,} elements)"
            )


def _load_tree(model: tf_keras.Model, tree: Hdf5Tree, is_archive: bool) -> None:
    """Load weights with Keras, from a new file that holds only what was checked."""
    with TemporaryDirectory(prefix="snugnet") as folder:
        path = Path(folder) / (WEIGHTS if is_archive else "weights.h5")
        if is_archive:  # Keras on Windows left out empty groups
            tree = replace(tree, groups=[*tree.groups, "vars"])
        tree.write(path)
        model.load_weights(str(path))


def _load_checkpoint(model: tf_keras.Model, folder: Path) -> None:
    """Load the weights of a SavedModel. Its program is not loaded."""
    status = model.load_weights(str(folder / CHECKPOINT))
    status.assert_existing_objects_matched()


def _remove_wrapper_weights(tree: Hdf5Tree, network: NetworkDescription) -> Hdf5Tree:
    """Remove the variables of tfmot's wrappers, such as masks and ranges."""
    wrapped = {layer.name for layer in network.iterate() if layer.removed_wrapper is not None}
    if not wrapped:
        return tree
    attributes = {}
    for group, values in tree.attributes.items():
        attributes[group] = dict(values)
        if posixpath.basename(group) in wrapped:
            names = [
                name for key in sorted(values) for name in _list_weight_names(key, values[key])
            ]
            others = {key: value for key, value in values.items() if "weight_names" not in key}
            attributes[group] = {**others, "weight_names": _sort_variables(names)}
    return replace(tree, attributes=attributes)


def _list_weight_names(key: str, value: str | tuple[str, ...]) -> tuple[str, ...]:
    return value if key.startswith("weight_names") and isinstance(value, tuple) else ()


def _sort_variables(names: Iterable[str]) -> tuple[str, ...]:
    """Sort the weights of a layer as Keras lists them; drop the others."""
    order = {name: i for i, name in enumerate(VARIABLES)}
    kept = [name for name in names if _get_variable(name) in order]
    return tuple(sorted(kept, key=lambda name: order[_get_variable(name)]))


def _get_variable(name: str) -> str:
    """Return the name of the variable: `kernel` of `dense/kernel:0`."""
    return posixpath.basename(name).partition(":")[0]


def describe_removed_wrappers(network: NetworkDescription) -> str | None:
    """Describe what was removed from a model that tfmot had prepared; None if nothing was."""
    removed: Mapping[bool, list[LayerDescription]] = {True: [], False: []}
    for layer in network.iterate():
        if layer.removed_wrapper is not None:
            removed[layer.removed_wrapper.startswith("Quantize")].append(layer)
    if removed[True]:
        return (
            f"the quantizers of {len(removed[True])} layers were removed, with their ranges: the "
            "float weights are used. Train with quantizers again if the accuracy needs it."
        )
    if removed[False]:
        return f"the pruning wrappers of {len(removed[False])} layers were removed; zeros are kept"
    return None
