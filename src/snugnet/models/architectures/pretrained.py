"""A network that somebody has trained already, and brings as a file of Keras."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.keras_files import load_foreign, task_of
from snugnet.models.loading.storage import ALLOWED_LAYERS


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Read a model, with its weights.

    Args:
        settings: `file`: .h5, .keras, or the folder of a SavedModel.
        input_shape: Of the dataset's samples; it must be the model's.
        task: Of the dataset; it must be the model's.
        classes: Number of classes.

    Returns:
        An uncompiled model.

    Raises:
        InputError: If the file is missing or none of these, brings code, holds layers that a study
            cannot handle, or does not fit the dataset.
    """
    path = Path(settings["file"])
    if not path.exists():
        raise InputError(
            f"{path}: no such file; the path is relative to the folder where snakemake runs"
        )
    model = load_foreign(path)
    check(model, path, input_shape, task, classes)
    return model


def check(
    model: tf_keras.Model, path: Path, input_shape: tuple[int, ...], task: str, classes: int
) -> None:
    """Refuse a model that a study cannot handle, or that does not fit a dataset; see `build`.

    Raises:
        InputError: With all that is wrong.
    """
    problems = [*_layer_problems(model), *_fit_problems(model, input_shape, task, classes)]
    if problems:
        raise InputError("; ".join(f"{path}: {problem}" for problem in problems))


def _layer_problems(model: tf_keras.Model) -> list[str]:
    """Find layers that could not be read again from what a study saves."""
    # Models within models are refused too: pruning and factorization look at one graph.
    refused = [layer for layer in model.layers if type(layer).__name__ not in ALLOWED_LAYERS]
    if not refused:
        return []
    named = ", ".join(f"{layer.name} ({type(layer).__name__})" for layer in refused)
    return [f"unsupported layers: {named}. Supported: {', '.join(sorted(ALLOWED_LAYERS))}."]


def _fit_problems(
    model: tf_keras.Model, input_shape: tuple[int, ...], task: str, classes: int
) -> list[str]:
    problems = []
    wanted = tuple(model.input_shape[1:])
    if wanted != tuple(input_shape):
        problems.append(
            f"the input shape is {wanted}, but the dataset has {tuple(input_shape)}; "
            "set `shape` of the dataset to reshape its samples"
        )
    own, outputs = task_of(model), model.output_shape[-1]
    if own is None:
        problems.append(
            "the last activation must be softmax or sigmoid; other models do not classify"
        )
    elif own != task:
        problems.append(f"the last activation implies a {own} task, but the dataset is {task}")
    elif outputs != (1 if task == "binary" else classes):
        problems.append(f"the model has {outputs} outputs, but the dataset has {classes} classes")
    return problems
