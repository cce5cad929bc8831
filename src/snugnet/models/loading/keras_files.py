"""Loading of Keras files from untrusted sources.

Supported are .h5 and .keras files of Keras 2 and Keras 3, and SavedModels that Keras 2 wrote. Keras
never reads such a file: its parts are read and checked here, the network is built from a checked
copy of its description, and code in the file is never run.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort, check_input_names
from snugnet.core.tasks import ModelEnds
from snugnet.models.cost import check_cost
from snugnet.models.loading import keras3
from snugnet.models.loading.flatten_submodels import flatten_submodels
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.load_weights import describe_removed_wrappers, load_weights
from snugnet.models.loading.untrusted_build import name_errors, prepare_build, try_build

# Names of several inputs: arrays of samples and tensors of files have the same names.
INPUT_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Last layers that change only the shape or nothing of the output.
SHAPE_LAYERS = ("Dropout", "Flatten", "Identity", "Reshape")


@dataclass(frozen=True)
class LoadedModel:
    """A model of a user.

    Attributes:
        model: An uncompiled tf_keras model with float32 inputs of fixed shapes and one output.
            Submodels are replaced by their layers (`flatten_submodels`).
        notes: Changes of the model when it was read, as sentences.
    """

    model: tf_keras.Model
    notes: tuple[str, ...] = ()


def load_keras_file(
    path: str | Path, code: Path | None = None, budget: Budget = DEFAULT_BUDGET
) -> tf_keras.Model:
    """Load a Keras model from an untrusted file; see `read_keras_file`."""
    return read_keras_file(path, code, budget).model


def read_keras_file(
    path: str | Path, code: Path | None = None, budget: Budget = DEFAULT_BUDGET
) -> LoadedModel:
    """Load a Keras model from an untrusted file, and say what was changed in it.

    Args:
        path: An .h5 or .keras file, or the folder of a SavedModel.
        code: A Python file with the classes of custom layers. It is run, so the user must trust it.
        budget: Limits for the weights and for the time to read them.

    Raises:
        InputError: If the file has another format, or the model is not supported; the message
            names the layers and the reasons.
        BudgetError: If the model needs more work or memory than the budget allows.
        OSError: If a file cannot be read.
    """
    path = Path(path)
    try:
        return _read_file(path, code, budget)
    except MemoryError:
        raise budget.error(f"{path}: the model needs more memory than there is") from None


def _read_file(path: Path, code: Path | None, budget: Budget) -> LoadedModel:
    build = prepare_build(path, code, budget)
    checkpoint = try_build(build, code)
    model = build.run()
    with name_errors(path):
        if build.parts.form == "keras3":
            keras3.convert(model, build.network, build.parts, budget)
        elif checkpoint is not None:
            model.set_weights(checkpoint)
        else:
            load_weights(model, build.network, build.parts)
    _check_ends(model, path)
    _check_weights(model, path)
    note = describe_removed_wrappers(build.network)
    with name_errors(path):
        model = flatten_submodels(model)
        # Submodels may have been built for inputs of unknown size.
        check_cost(model, budget)
    return LoadedModel(model, () if note is None else (note,))


def accept_model(model: Any) -> tf_keras.Model:
    """Check a model in memory as `load_keras_file` checks a file, and flatten submodels.

    Args:
        model: A tf_keras model.

    Raises:
        InputError: If it is no tf_keras model, has several outputs or an input that is not float32
            of a fixed shape, or has weights that are not finite.
    """
    if not isinstance(model, tf_keras.Model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise InputError(
            f"the model is a {kind}, not a tf_keras model. Save a Keras 3 model as a .keras file, "
            "and give its path."
        )
    _check_ends(model, Path(model.name))
    _check_weights(model, Path(model.name))
    return flatten_submodels(model)


def _check_ends(model: tf_keras.Model, path: Path) -> None:
    """Check that a model has float32 inputs of fixed shapes, and one output."""
    inputs, outputs = model.inputs or [], model.outputs or []
    if not inputs or not outputs:
        raise InputError(f"{path}: subclassed models are not supported; save a functional model")
    if len(outputs) != 1:
        names = ", ".join(model.output_names)
        raise InputError(
            f"{path}: {len(outputs)} outputs ({names}); only one is supported. Save a model of one "
            "output: tf_keras.Model(model.inputs, model.outputs[0])"
        )
    check_input_names(list_model_inputs(model), str(path))
    for tensor, name in zip(inputs, model.input_names, strict=True):
        which = "the input" if len(inputs) == 1 else f"input {name}"
        if len(inputs) > 1 and not INPUT_NAME.fullmatch(name):
            raise InputError(
                f"{path}: input {name!r} must have a name of letters, digits and _ that starts "
                "with a letter. Rename the input layer."
            )
        shape = tuple(tensor.shape[1:])
        if None in shape:
            raise InputError(
                f"{path}: {which} has shape {shape}; every dimension but the batch must be fixed"
            )
        if tensor.dtype != "float32":
            raise InputError(f"{path}: {which} is {tensor.dtype.name}; only float32 is supported")


def _check_weights(model: tf_keras.Model, path: Path) -> None:
    """Check that all weights are finite: a training that diverged leaves NaN."""
    for layer in model.layers:
        if not all(np.isfinite(weight).all() for weight in layer.get_weights()):
            raise InputError(
                f"{path}: layer {layer.name!r} has weights that are NaN or infinite. Train the "
                "model again, with a lower learning rate."
            )


def list_model_inputs(model: tf_keras.Model) -> tuple[InputPort, ...]:
    """List the inputs of a model, in its order."""
    ends = zip(model.input_names, model.inputs, strict=True)
    return tuple(InputPort(name, tuple(tensor.shape[1:])) for name, tensor in ends)


def describe_ends(model: tf_keras.Model) -> ModelEnds:
    """Describe input and output of a model, as far as they tell its task.

    Args:
        model: A model with one output.
    """
    output = model.layers[-1]
    while type(output).__name__ in SHAPE_LAYERS:
        output = output.inbound_nodes[0].inbound_layers
    activation = getattr(getattr(output, "activation", None), "__name__", "")
    if type(output).__name__ == "Softmax":
        activation = "softmax"
    return ModelEnds(
        inputs=list_model_inputs(model),
        output_shape=tuple(model.output_shape[1:]),
        activation=activation if activation in ("softmax", "sigmoid") else None,
    )
