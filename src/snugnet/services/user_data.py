"""Read samples and labels of users, from files or arrays, in the shape that a model takes."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.input_range import find_quantized_input
from snugnet.core.labels import decode_texts
from snugnet.core.samples import flatten_group, read_npz
from snugnet.core.tflite_graph import NUMPY_TYPES, Graph
from snugnet.int8.arrays import read_array

# Supported file types.
KINDS = (".npz", ".npy", ".csv")
# The roles that an array or column can have, with the names that it may have without being named.
# Those of the test split come last: a file that holds both train and test is that of MNIST.
ROLES: dict[str, tuple[str, ...]] = {
    "x": ("x", "x_test"),
    "y": ("y", "y_test"),
    "group": ("group",),
    "class_names": ("class_names",),
}
# Words in the names of arrays of patients and subjects.
GROUP_WORDS = ("subject", "patient", "participant", "person", "user", "record", "wearer")
# Mean number of samples in a row that have the same group.
MIN_RUN = 4
# Random samples are the same in every run.
RANDOM_SAMPLES_SEED = 0


@dataclass(frozen=True)
class DataSource:
    """A file of samples, and what its parts mean.

    Attributes:
        path: .npz, .npy or .csv file.
        arrays: Names of arrays or columns by role, if they have other names than their roles.
        labels: Names of the classes in the order of the model's outputs; () if the labels are
            numbers, or the file has the names.
        budget: Limits for the memory of the samples.
    """

    path: Path
    arrays: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    budget: Budget = DEFAULT_BUDGET

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Data:
    """Samples, with or without labels.

    Attributes:
        x: (n, …), in the shape that the model takes.
        y: Labels as they are in the file; None if it has none.
        group: (n,) patient or subject of each sample; None if the file has no groups.
        class_names: Names of the classes in the order of the model's outputs; () if unknown.
        used: Name of the array or column that is used for each role.
        possible_groups: Names of unused arrays that look like patients or subjects.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    group: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    used: Mapping[str, str] = field(default_factory=dict)
    possible_groups: tuple[str, ...] = ()


def read(source: DataSource, shape: tuple[int, ...]) -> Data:
    """Read samples, and labels and groups if the file has them.

    Args:
        source: .npy file with x; .npz file with `x` or `x_test`, and optionally `y` or `y_test`,
            `group` and `class_names`; .csv file with a column `y`, or one `y_NAME` for each label,
            optionally `group`, and the values of x.
        shape: Shape of one sample. Axes of size 1 may be missing or added; rows of a .csv file
            are reshaped.

    Raises:
        InputError: If the file type, an array or a shape is not supported.
    """
    path = source.path
    if path.suffix not in KINDS:
        raise InputError(f"{path}: unsupported file type. Supported: {', '.join(KINDS)}.")
    allowed = {".csv": ("y", "group"), ".npy": ()}.get(path.suffix, tuple(ROLES))
    if wrong := [role for role in source.arrays if role not in allowed]:
        raise InputError(
            f"{path}: --array {wrong[0]}={source.arrays[wrong[0]]} is not possible for a "
            f"{path.suffix} file. Possible roles: {', '.join(allowed) or 'none'}."
        )
    if path.suffix == ".csv":
        return _read_csv(source, shape)
    if path.suffix == ".npy":
        return from_arrays(read_array(path), shape=shape, source=str(path))
    arrays, used, possible_groups = _read_npz(source)
    data = from_arrays(arrays["x"], arrays.get("y"), arrays.get("group"), shape, str(path))
    names = source.labels or tuple(
        map(str, decode_texts(arrays.get("class_names", np.zeros(0))).ravel())
    )
    return Data(data.x, data.y, data.group, names, used, possible_groups)


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
        y: Labels, one row for each sample, or None.
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
    group = None if group is None else flatten_group(group, source)
    for name, values in (("y", y), ("group", group)):
        if values is not None and (values.ndim == 0 or len(values) != len(x)):
            raise InputError(
                f"{source}: {name} has shape {values.shape}, but x has {len(x)} samples. "
                f"Give one row of {name} for each sample."
            )
    return Data(x, y, group)


def _read_npz(
    source: DataSource,
) -> tuple[dict[str, np.ndarray], dict[str, str], tuple[str, ...]]:
    """Read the arrays of a file by role, with their names, and unused names of possible groups."""
    arrays = read_npz(source.path, required=(), budget=source.budget)
    used = {}
    for role, names in ROLES.items():
        requested = source.arrays.get(role)
        candidates = names if requested is None else (requested,)
        name = next((name for name in candidates if name in arrays), None)
        if name is not None:
            used[role] = name
        elif requested is not None or role == "x":
            known = ", ".join(sorted(arrays)) or "none"
            expected = requested or " or ".join(names)
            raise InputError(
                f"{source.path}: array {expected} not found. Arrays: {known}. Name the samples "
                "with --array x=NAME, and labels and groups with --array y=NAME and group=NAME."
            )
    others = {name: array for name, array in arrays.items() if name not in used.values()}
    possible = () if "group" in used else find_possible_groups(others, len(arrays[used["x"]]))
    return {role: arrays[name] for role, name in used.items()}, used, possible


def find_possible_groups(arrays: Mapping[str, np.ndarray], samples: int) -> tuple[str, ...]:
    """Find arrays that look like the patient or subject of each sample.

    They have few distinct values, and each of several values in a row, because samples of one
    subject are mostly stored together.

    Args:
        arrays: Arrays by name.
        samples: Number of samples.
    """
    names = []
    for name, array in arrays.items():
        if array.shape not in ((samples,), (samples, 1)) or array.dtype.kind not in "iuUSf":
            continue
        values = array.ravel()
        distinct = len(np.unique(values))
        runs = 1 + int(np.count_nonzero(values[1:] != values[:-1]))
        is_grouped = runs * MIN_RUN <= samples and distinct >= 2
        is_named = any(word in name.lower() for word in GROUP_WORDS)
        if is_grouped or (is_named and 2 <= distinct <= samples // 2):
            names.append(name)
    return tuple(names)


def describe_arrays(used: Mapping[str, str]) -> str:
    """Say which array or column of a file has which role; "" if nothing had to be found."""
    return ", ".join(f"{role} = {name}" for role, name in used.items())


def describe_possible_group(name: str) -> str:
    """Say that an array may be a group, and how to use it."""
    return (
        f"array {name} may name the patient or subject of each sample. If it does, use it with "
        f"--array group={name}: otherwise samples of one subject are in training and in test, and "
        "the accuracy is too high."
    )


def _read_csv(source: DataSource, shape: tuple[int, ...]) -> Data:
    from snugnet.core.settings.datasets.windows import WindowsDataset
    from snugnet.datasets import windows

    path = source.path
    columns = read_columns(path)
    has_label_columns = any(name.startswith("y_") for name in columns)
    label = source.arrays.get("y", "y")
    is_unlabelled = not has_label_columns and label not in columns
    if is_unlabelled and "y" in source.arrays:
        raise InputError(f"{path}: column {label} not found. Columns: {', '.join(columns[:20])}.")
    settings = WindowsDataset.model_validate(
        {
            "kind": "windows",
            "path": path.name,
            "task": "multilabel" if has_label_columns else "multiclass",
            "arrays": {
                role: source.arrays[role] for role in ("y", "group") if role in source.arrays
            },
        }
    )
    table = windows.read_table(path, settings, source.budget, needs_labels=False)
    if np.prod(table["x"].shape[1:]) != np.prod(shape):
        raise InputError(
            f"{path}: {table['x'].shape[1]} value columns, but the model takes samples of "
            f"{' x '.join(map(str, shape))}. Save one column for each value."
        )
    x = _check_numbers(table["x"], str(path)).reshape(-1, *shape)
    names = source.labels
    if has_label_columns:
        names = names or tuple(map(str, table["class_names"]))
    used: dict[str, str] = {
        role: source.arrays.get(role, role) for role in ("y", "group") if role in table
    }
    return Data(x, table.get("y"), table.get("group"), names, used)


def read_columns(path: Path) -> list[str]:
    """Return the names of a .csv file's columns."""
    with path.open(newline="", errors="replace") as stream:
        try:
            return next(csv.reader(stream), [])
        except csv.Error as error:
            raise InputError(f"{path}: cannot be read as .csv ({error})") from None


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

    Raises:
        InputError: If the model does not have one input of numbers.
    """
    if len(graph.inputs) != 1:
        raise InputError(
            f"the model has {len(graph.inputs)} inputs; random samples are possible for one"
        )
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.dtype not in NUMPY_TYPES:
        raise InputError(f"the model's input has type {tensor.dtype}; only numbers are supported")
    shape, rng = (count, *tensor.shape[1:]), np.random.default_rng(seed)
    quantized = find_quantized_input(graph)
    if quantized is None:
        return rng.normal(size=shape).astype(np.float32)
    info = np.iinfo(quantized.dtype)
    levels = rng.integers(info.min, info.max, shape, endpoint=True)
    zero, scale = int(quantized.zero_points[0]), float(quantized.scales[0])
    return dequantize(levels, scale, zero)
