"""Read samples and labels of users, from files or arrays, in the shape that a model takes."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples, read_npz
from snugnet.core.tflite_graph import Graph
from snugnet.int8.arrays import read_array

# Supported file types.
KINDS = (".npz", ".npy", ".csv")
# Names of the arrays in MNIST's file and in files that follow it.
ALIASES = {"x": ("x", "x_test"), "y": ("y", "y_test")}
# Random samples are the same in every run.
RANDOM_SAMPLES_SEED = 0


@dataclass(frozen=True)
class Data:
    """Samples, with or without labels.

    Attributes:
        x: (n, …), in the shape that the model takes.
        y: (n,) classes, or (n, k) of 0 and 1; None if the file has no labels.
        group: (n,) patient or subject of each sample; None if the file has no groups.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    group: np.ndarray | None = None


def read(path: Path, shape: tuple[int, ...]) -> Data:
    """Read samples, and labels and groups if the file has them.

    Args:
        path: .npy file with x; .npz file with `x` or `x_test`, and optionally `y` or `y_test`,
            and `group`; .csv file with a column `y`, or one `y_NAME` for each label, optionally
            `group`, and the values of x.
        shape: Shape of one sample. Axes of size 1 may be missing or added; rows of a .csv file
            are reshaped.

    Raises:
        InputError: If the file type, an array or a shape is not supported.
    """
    if path.suffix not in KINDS:
        raise InputError(f"{path}: unsupported file type. Supported: {', '.join(KINDS)}.")
    if path.suffix == ".csv":
        return _read_csv(path, shape)
    arrays = {"x": read_array(path)} if path.suffix == ".npy" else _read_npz(path)
    return from_arrays(arrays["x"], arrays.get("y"), arrays.get("group"), shape, str(path))


def from_arrays(
    x: np.ndarray,
    y: np.ndarray | None = None,
    group: np.ndarray | None = None,
    shape: tuple[int, ...] | None = None,
    source: str = "samples",
) -> Data:
    """Check arrays and reshape the samples for a model.

    Args:
        x: Samples, (n, ...), numbers without NaN.
        y: Labels: (n,) classes, (n, k) of 0 and 1, or None.
        group: Patient or subject of each sample, (n,), or None. An empty array is None.
        shape: Shape of one sample; None to keep that of x. Axes of size 1 may be missing or added.
        source: Path or name of the samples, for messages.

    Raises:
        InputError: If a type or a shape is not supported.
    """
    x = _check_numbers(np.asarray(x), source)
    x = x if shape is None else _reshape(x, shape, source)
    y = None if y is None else np.asarray(y)
    group = None if group is None or len(group) == 0 else np.asarray(group)
    for name, values in (("y", y), ("group", group)):
        if values is not None and (values.ndim == 0 or len(values) != len(x)):
            raise InputError(
                f"{source}: {name} has shape {values.shape}, but x has {len(x)} samples. "
                f"Give one row of {name} for each sample."
            )
    return Data(x, None if y is None else _check_labels(y, source), group)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    arrays = read_npz(path, required=())
    by_role = {
        role: next((arrays[name] for name in names if name in arrays), None)
        for role, names in {**ALIASES, "group": ("group",)}.items()
    }
    if by_role["x"] is None:
        names = ", ".join(sorted(arrays)) or "none"
        raise InputError(
            f"{path}: array x or x_test not found. Found: {names}. Save the samples as x."
        )
    return {role: values for role, values in by_role.items() if values is not None}


def _read_csv(path: Path, shape: tuple[int, ...]) -> Data:
    from snugnet.core.settings.datasets.windows import WindowsDataset
    from snugnet.datasets import windows

    is_multilabel = any(name.startswith("y_") for name in read_columns(path))
    settings = WindowsDataset(
        kind="windows", path=path.name, task="multilabel" if is_multilabel else "multiclass"
    )
    samples = windows.load(settings, path.parent, seed=0)
    if not is_multilabel and not all(name.isdecimal() for name in samples.class_names):
        # The file does not define which name is which output.
        raise InputError(
            f"{path}: column y contains names. Replace them with the index of the model's output, "
            "counted from 0."
        )
    if np.prod(samples.x.shape[1:]) != np.prod(shape):
        raise InputError(
            f"{path}: {samples.x.shape[1]} value columns, but the model takes samples of "
            f"{' x '.join(map(str, shape))}. Save one column for each value."
        )
    return Data(samples.x.reshape(-1, *shape), samples.y, samples.group)


def read_columns(path: Path) -> list[str]:
    """Return the names of a .csv file's columns."""
    with path.open(newline="", errors="replace") as stream:
        return next(csv.reader(stream), [])


def _check_numbers(x: np.ndarray, source: str) -> np.ndarray:
    if x.dtype.kind not in "iufb" or x.ndim == 0 or len(x) == 0:
        raise InputError(
            f"{source}: x has type {x.dtype} and shape {x.shape}. "
            "Save numbers of shape (samples, …)."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise InputError(
            f"{source}: x contains NaN or infinite values. Remove or replace these samples."
        )
    return x


def _reshape(x: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    """Add or drop axes of size 1. Nothing else is changed: samples are never transposed."""
    if [n for n in x.shape[1:] if n != 1] != [n for n in shape if n != 1]:
        raise InputError(
            f"{source}: samples have shape {x.shape[1:]}, but the model takes {tuple(shape)}. "
            "Reshape or transpose x."
        )
    return x.reshape(len(x), *shape)


def _check_labels(y: np.ndarray, source: str) -> np.ndarray:
    if y.dtype.kind == "f" and (y == np.rint(y)).all():
        y = y.astype(np.int64)  # Keras accepts zeros and ones as floats
    if y.dtype.kind not in "iub":
        raise InputError(
            f"{source}: y has type {y.dtype}. Save integers: the class of each sample."
        )
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def infer_task_from_labels(y: np.ndarray, outputs: int) -> str:
    """Infer the task from the shape of the labels.

    Args:
        y: (n,) classes, or (n, k) of 0 and 1.
        outputs: Number of the model's outputs.

    Returns:
        `binary`, `multiclass` or `multilabel`.
    """
    if outputs == 1:
        return "binary"
    has_several = y.ndim == 2 and not (y.sum(axis=1) == 1).all()
    return "multilabel" if has_several else "multiclass"


def convert_labels(y: np.ndarray, task: str, outputs: int, source: str) -> np.ndarray:
    """Convert labels to the form of a task.

    Args:
        y: Labels: (n,) classes, (n, k) of 0 and 1, or one-hot classes.
        task: `binary`, `multiclass` or `multilabel`.
        outputs: Number of the model's outputs.
        source: Path or name of the samples, for messages.

    Returns:
        (n,) int64 classes; for `multilabel`, (n, outputs) uint8 of 0 and 1.

    Raises:
        InputError: If the labels do not fit the model's outputs.
    """
    if (
        task == "multiclass"
        and y.ndim == 2
        and y.shape[1] == outputs
        and (y.sum(axis=1) == 1).all()
    ):
        y = y.argmax(axis=1)  # one-hot labels, as in Keras' tutorials
    expected = (len(y), outputs) if task == "multilabel" else (len(y),)
    classes = 2 if task in ("binary", "multilabel") else outputs
    if y.shape != expected or y.min() < 0 or y.max() >= classes:
        raise InputError(
            f"{source}: y has shape {y.shape} and values {y.min()} to {y.max()}. The model is "
            f"{task}: save y with shape {expected} and values 0 to {classes - 1}."
        )
    return y.astype(np.uint8 if task == "multilabel" else np.int64)


def as_model_input(x: np.ndarray, raw: bool) -> np.ndarray:
    """Convert integers to float32, unless they are raw inputs of the model."""
    return x if raw or x.dtype.kind == "f" else x.astype(np.float32)


def draw_random_samples(graph: Graph, count: int, seed: int = RANDOM_SAMPLES_SEED) -> np.ndarray:
    """Draw samples from the whole range of a model's input.

    Args:
        graph: A model with one input.
        count: Number of samples.
        seed: Seed of the draw.

    Returns:
        (count, …) float32, in real units.
    """
    tensor = graph.tensors[graph.inputs[0]]
    shape, rng = (count, *tensor.shape[1:]), np.random.default_rng(seed)
    # A float input may be followed by an operator that quantizes it.
    quantizers = [
        operator
        for operator in graph.operators
        if operator.name == "QUANTIZE" and operator.inputs[0] == tensor.index
    ]
    quantized = graph.tensors[quantizers[0].outputs[0]] if quantizers else tensor
    if not len(quantized.scales):
        return rng.normal(size=shape).astype(np.float32)
    info = np.iinfo(quantized.dtype)
    levels = rng.integers(info.min, info.max, shape, endpoint=True)
    zero, scale = int(quantized.zero_points[0]), float(quantized.scales[0])
    return dequantize(levels, scale, zero)


def build_labelled_samples(
    data: Data, outputs: int, source: str, task: str | None = None
) -> Samples:
    """Build samples of a classification task from the data of a user.

    Args:
        data: The data; they must have labels.
        outputs: Number of the model's outputs.
        source: Path or name of the samples, for messages.
        task: The task; None to infer it from the labels.

    Raises:
        InputError: If there are no labels, or they do not fit the model's outputs.
    """
    if data.y is None:
        raise InputError(f"{source}: no labels. Add an array y with the class of each sample.")
    task = task or infer_task_from_labels(data.y, outputs)
    labels = convert_labels(data.y, task, outputs, source)
    names = tuple(map(str, range(max(2, outputs))))
    return Samples(data.x, labels, names, task, data.group)
