"""A pretrained network, read from the user's Keras file."""

from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.settings.architectures.pretrained import File
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.keras_files import infer_task, load_keras_file
from snugnet.models.loading.storage import ALLOWED_LAYERS

# The class of the settings that `build` takes.
SETTINGS = File


def build(settings: File, input_shape: tuple[int, ...], task: str, classes: int) -> tf_keras.Model:
    """Read a model with its weights.

    Args:
        settings: `file`: path of an .h5 or .keras file, or of the folder of a SavedModel.
        input_shape: Shape of the dataset's samples, without the batch; the model must have it too.
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
    check(model, path, input_shape, task, classes)
    return model


def check(
    model: tf_keras.Model, path: Path, input_shape: tuple[int, ...], task: str, classes: int
) -> None:
    """Check that a model has only supported layers and fits a dataset.

    Args:
        model: The model.
        path: File of the model, for the message.
        input_shape: Shape of the dataset's samples, without the batch.
        task: Task of the dataset.
        classes: Number of classes.

    Raises:
        InputError: If the check fails; the message lists all problems.
    """
    problems = [
        *_list_layer_problems(model),
        *_list_dataset_problems(model, input_shape, task, classes),
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


def _list_dataset_problems(
    model: tf_keras.Model, input_shape: tuple[int, ...], task: str, classes: int
) -> list[str]:
    """Report the differences between a model and a dataset in shape, task and classes."""
    problems = []
    model_shape = tuple(model.input_shape[1:])
    if model_shape != tuple(input_shape):
        problems.append(
            f"the input shape is {model_shape}, but the dataset has {tuple(input_shape)}; "
            "set `shape` of the dataset to reshape its samples"
        )
    model_task, outputs = infer_task(model), model.output_shape[-1]
    if model_task is None:
        problems.append(
            "the last activation must be softmax or sigmoid; other models do not classify"
        )
    elif model_task != task:
        problems.append(
            f"the last activation implies a {model_task} task, but the dataset is {task}"
        )
    elif outputs != (1 if task == "binary" else classes):
        problems.append(f"the model has {outputs} outputs, but the dataset has {classes} classes")
    return problems
