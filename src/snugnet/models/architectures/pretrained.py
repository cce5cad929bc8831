"""A pretrained network, read from the user's Keras file."""

import math
from collections.abc import Sequence
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort, describe_inputs
from snugnet.core.samples import Samples
from snugnet.core.settings.architectures.pretrained import File
from snugnet.core.tasks import LOGIT_THRESHOLD, Task, check_task
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.keras_files import (
    describe_ends,
    list_model_inputs,
    load_keras_file,
)
from snugnet.models.loading.storage import ALLOWED_LAYERS

# The class of the settings that `build` takes.
SETTINGS = File


def build(settings: File, input_shape: tuple[int, ...], task: str, classes: int) -> tf_keras.Model:
    """Read a model with one input; see `read`.

    Args:
        settings: `file`: path of an .h5 or .keras file, or of the folder of a SavedModel.
        input_shape: Shape of the dataset's samples, without the batch; the model must have it too.
        task: Task of the dataset; the model must have it too.
        classes: Number of classes.
    """
    return read(settings, (InputPort("", input_shape),), task, classes)


def read(settings: File, inputs: Sequence[InputPort], task: str, classes: int) -> tf_keras.Model:
    """Read a model with its weights.

    Args:
        settings: `file`: path of an .h5 or .keras file, or of the folder of a SavedModel.
        inputs: The inputs that the dataset's samples are for; the model must have them too.
        task: Task of the dataset; the model must have it too.
        classes: Number of classes.

    Returns:
        An uncompiled model.

    Raises:
        InputError: If the file is missing, has another format, contains code or unsupported
            layers, or does not fit the dataset.
    """
    path = Path(settings.file)
    if not path.exists():
        raise InputError(
            f"{path}: no such file; the path is relative to the folder where snakemake runs"
        )
    model = load_keras_file(path)
    check(model, path, inputs, task, classes)
    return model


def check(
    model: tf_keras.Model, path: Path, inputs: Sequence[InputPort], task: str, classes: int
) -> None:
    """Check that a model has only supported layers and fits a dataset.

    Args:
        model: The model.
        path: File of the model, for the message.
        inputs: The inputs that the dataset's samples are for.
        task: Task of the dataset.
        classes: Number of classes.

    Raises:
        InputError: If the check fails; the message lists all problems.
    """
    problems = [
        *_list_layer_problems(model),
        *_list_input_problems(list_model_inputs(model), inputs),
        *_list_dataset_problems(model, task, classes),
    ]
    if problems:
        raise InputError("; ".join(f"{path}: {problem}" for problem in problems))


def _list_layer_problems(model: tf_keras.Model) -> list[str]:
    """Report the layers that `load_model` would not read back from a saved model."""
    # Submodels are rejected too: pruning and factorization work on a single graph.
    rejected = [layer for layer in model.layers if type(layer).__name__ not in ALLOWED_LAYERS]
    if not rejected:
        return []
    names = ", ".join(f"{layer.name} ({type(layer).__name__})" for layer in rejected)
    return [f"unsupported layers: {names}. Supported: {', '.join(sorted(ALLOWED_LAYERS))}."]


def _list_input_problems(
    model_inputs: Sequence[InputPort], inputs: Sequence[InputPort]
) -> list[str]:
    """Report the differences between a model and a dataset in number, shape and order of inputs."""
    if len(model_inputs) == 1 < len(inputs):
        return [
            f"the model has one input, but the dataset has {len(inputs)}; name one array with "
            "`arrays: {x: NAME}` of the dataset"
        ]
    if len(model_inputs) != len(inputs):
        return [
            f"the model has {len(model_inputs)} inputs ({describe_inputs(model_inputs)}), but the "
            f"dataset has {len(inputs)}; name an array for each with "
            "`arrays: {x: {INPUT: NAME}}` of the dataset"
        ]
    by_name = {entry.name: entry for entry in inputs}
    if len(inputs) == 1:
        by_name = {model_inputs[0].name: inputs[0]}
    if set(by_name) != {entry.name for entry in model_inputs}:
        return [
            f"the inputs are {describe_inputs(model_inputs)}, but `arrays.x` of the dataset names "
            f"{', '.join(by_name)}"
        ]
    problems = []
    for expected in model_inputs:
        entry = by_name[expected.name]
        if expected.shape != entry.shape:
            which = "the input" if len(inputs) == 1 else f"input {expected.name}"
            problems.append(
                f"{which} has shape {expected.shape}, but the dataset has {entry.shape}; set "
                "`shape` of the dataset to reshape its samples"
            )
    return problems


def _list_dataset_problems(model: tf_keras.Model, task: str, classes: int) -> list[str]:
    """Report the differences between a model and a dataset in task and classes."""
    problems: list[str] = []
    ends = describe_ends(model)
    try:
        check_task(ends, Task(task))
    except InputError as error:
        return [*problems, str(error)]
    if ends.activation == "softmax" and task in (Task.BINARY, Task.MULTILABEL):
        problems.append(f"the last activation is a softmax, but the dataset is {task}")
    outputs = math.prod(ends.output_shape) if task == Task.REGRESSION else ends.classes
    is_counted = task not in (Task.BINARY, Task.RECONSTRUCTION)
    # One score at each position decides between two classes.
    is_two = task == Task.SEGMENTATION and outputs == 1 and classes == 2
    if is_counted and outputs != classes and not is_two:
        what = "targets" if task == Task.REGRESSION else "classes"
        problems.append(f"the model has {outputs} outputs, but the dataset has {classes} {what}")
    return problems


def check_scores(model: tf_keras.Model, path: Path, samples: Samples) -> None:
    """Check that outputs without activation are declared as logits, and others are not.

    Args:
        model: The model.
        path: File of the model, for the message.
        samples: Samples of the dataset.

    Raises:
        InputError: If `scores` of the dataset is the other kind.
    """
    is_logit = describe_ends(model).activation is None
    is_declared = samples.threshold == LOGIT_THRESHOLD
    if Task(samples.task).has_classes and is_logit != is_declared:
        kind = "logits" if is_logit else "probabilities"
        raise InputError(
            f"{path}: the last layer has {'no' if is_logit else 'a'} softmax or sigmoid, so its "
            f"outputs are {kind}; set `scores: {kind}` of the dataset, whose kind must be windows"
        )
