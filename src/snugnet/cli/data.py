"""Read samples and labels from a user's file, in the shape that a model takes."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.tflite_graph import Graph
from snugnet.int8.arrays import read_array

KINDS = (".npz", ".npy", ".csv")
# Names of the arrays in MNIST's file and in files that follow it.
ALIASES = {"x": ("x", "x_test"), "y": ("y", "y_test")}


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
    """Read samples.

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
    x = _fitted(_numbers(arrays["x"], path), shape, path)
    y, group = arrays.get("y"), arrays.get("group")
    if group is not None and len(group) == 0:
        group = None  # an empty array: the study has no groups
    for name, other in (("y", y), ("group", group)):
        if other is not None and (other.ndim == 0 or len(other) != len(x)):
            raise InputError(
                f"{path}: {name} has shape {other.shape}, but x has {len(x)} samples. "
                f"Save one row of {name} for each sample."
            )
    return Data(x, None if y is None else _labels(y, path), group)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    from snugnet.core.samples import read_npz

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
    from snugnet.datasets import windows

    several = any(name.startswith("y_") for name in columns(path))
    settings = {
        "kind": "windows",
        "datasets_dir": path.parent,
        "path": path.name,
        "arrays": {},
        "task": "multilabel" if several else "multiclass",
        "folds": None,
        "layout": "sequence",
        "sample_shape": None,
    }
    samples = windows.load(settings, seed=0)
    if not several and not all(name.isdecimal() for name in samples.class_names):
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


def columns(path: Path) -> list[str]:
    """Return the names of a .csv file's columns."""
    with path.open(newline="", errors="replace") as stream:
        return next(csv.reader(stream), [])


def _numbers(x: np.ndarray, path: Path) -> np.ndarray:
    if x.dtype.kind not in "iufb" or x.ndim == 0 or len(x) == 0:
        raise InputError(
            f"{path}: x has type {x.dtype} and shape {x.shape}. Save numbers of shape (samples, …)."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise InputError(
            f"{path}: x contains NaN or infinite values. Remove or replace these samples."
        )
    return x


def _fitted(x: np.ndarray, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Add or drop axes of size 1. Nothing else is changed: samples are never transposed."""
    if [n for n in x.shape[1:] if n != 1] != [n for n in shape if n != 1]:
        raise InputError(
            f"{path}: samples have shape {x.shape[1:]}, but the model takes {tuple(shape)}. "
            "Reshape or transpose x."
        )
    return x.reshape(len(x), *shape)


def _labels(y: np.ndarray, path: Path) -> np.ndarray:
    if y.dtype.kind == "f" and (y == np.rint(y)).all():
        y = y.astype(np.int64)  # Keras accepts zeros and ones as floats
    if y.dtype.kind not in "iub":
        raise InputError(f"{path}: y has type {y.dtype}. Save integers: the class of each sample.")
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def task_of(y: np.ndarray, outputs: int) -> str:
    """Infer the task from the shape of the labels.

    Args:
        y: (n,) classes, or (n, k) of 0 and 1.
        outputs: Number of the model's outputs.
    """
    if outputs == 1:
        return "binary"
    several = y.ndim == 2 and not (y.sum(axis=1) == 1).all()
    return "multilabel" if several else "multiclass"


def labels_for(y: np.ndarray, task: str, outputs: int, path: Path) -> np.ndarray:
    """Bring labels into the form of a task: classes, or one 0 or 1 for each label.

    Raises:
        InputError: If they do not fit the model's outputs.
    """
    if (
        task == "multiclass"
        and y.ndim == 2
        and y.shape[1] == outputs
        and (y.sum(axis=1) == 1).all()
    ):
        y = y.argmax(axis=1)  # one-hot labels, as in Keras' tutorials
    wanted = (len(y), outputs) if task == "multilabel" else (len(y),)
    classes = 2 if task in ("binary", "multilabel") else outputs
    if y.shape != wanted or y.min() < 0 or y.max() >= classes:
        raise InputError(
            f"{path}: y has shape {y.shape} and values {y.min()} to {y.max()}. The model is "
            f"{task}: save y with shape {wanted} and values 0 to {classes - 1}."
        )
    return y.astype(np.uint8 if task == "multilabel" else np.int64)


def in_type(x: np.ndarray, raw: bool) -> np.ndarray:
    """Convert integers to float32, unless they are raw inputs of the model."""
    return x if raw or x.dtype.kind == "f" else x.astype(np.float32)


def drawn(graph: Graph, count: int, seed: int) -> np.ndarray:
    """Draw samples from all over the range of a model's input.

    Args:
        graph: A model with one input.
        count: How many.
        seed: Of the draw.

    Returns:
        (count, …) float32, in real units.
    """
    tensor = graph.tensors[graph.inputs[0]]
    shape, rng = (count, *tensor.shape[1:]), np.random.default_rng(seed)
    # Behind a float input there may be an operator that quantizes it.
    readers = [o for o in graph.operators if o.name == "QUANTIZE" and o.inputs[0] == tensor.index]
    integers = graph.tensors[readers[0].outputs[0]] if readers else tensor
    if not len(integers.scales):
        return rng.normal(size=shape).astype(np.float32)
    info = np.iinfo(integers.dtype)
    levels = rng.integers(info.min, info.max, shape, endpoint=True)
    zero, scale = int(integers.zero_points[0]), np.float32(integers.scales[0])
    return (scale * (levels - zero).astype(np.float32)).astype(np.float32)
