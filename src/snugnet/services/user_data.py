"""Read samples and labels of users, from files or arrays, in the shape that a model takes."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.files import check_regular
from snugnet.core.input_range import find_quantized_input
from snugnet.core.inputs import (
    InputPort,
    check_input_names,
    describe_inputs,
    has_several_inputs,
    join_inputs,
    list_graph_inputs,
    map_inputs,
    split_inputs,
)
from snugnet.core.labels import decode_texts
from snugnet.core.samples import flatten_group, read_npz
from snugnet.core.text import escape_line, format_count, list_names
from snugnet.core.tflite_graph import NUMPY_TYPES, Graph
from snugnet.int8.arrays import read_array
from snugnet.services.arguments import describe_value

# Supported file types.
KINDS = (".npz", ".npy", ".csv")
MAX_NAMES = 100_000
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
        arrays: Names of arrays or columns by role, if they have other names than their roles. Each
            input of a model with several inputs is a role, instead of `x`.
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
        x: (n, …), in the shape that the model takes; for several inputs, see `core.inputs`.
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


def read(source: DataSource, inputs: Sequence[InputPort]) -> Data:
    """Read samples, and labels and groups if the file has them.

    Args:
        source: .npy file with x; .npz file with `x` or `x_test`, and optionally `y` or `y_test`,
            `group` and `class_names`; .csv file with a column `y`, or one `y_NAME` for each label,
            optionally `group`, and the values of x. For a model with several inputs, an .npz file
            with an array for each input.
        inputs: The inputs of the model. Axes of size 1 may be missing or added in samples; rows of
            a .csv file are reshaped.

    Raises:
        InputError: If the file type, an array or a shape is not supported.
    """
    path = source.path
    check_regular(path)
    if path.suffix not in KINDS:
        raise InputError(f"{path}: unsupported file type. Supported: {', '.join(KINDS)}.")
    roles = tuple(ROLES)
    if len(inputs) > 1:
        roles = (*(entry.name for entry in inputs), *roles[1:])
    allowed = {".csv": ("y", "group"), ".npy": ()}.get(path.suffix, roles)
    if wrong := [role for role in source.arrays if role not in allowed]:
        raise InputError(
            f"{path}: --array {wrong[0]}={source.arrays[wrong[0]]}: unknown role for a model with "
            f"{format_count(len(inputs), 'input')} and a {path.suffix} file. Roles: "
            f"{', '.join(allowed) or 'none'}."
        )
    if not inputs:
        raise InputError(f"{path}: the model has no inputs. Use a model with inputs.")
    check_input_names(inputs, "the model")
    if path.suffix != ".npz" and len(inputs) > 1:
        raise InputError(
            f"{path}: the model has {len(inputs)} inputs ({describe_inputs(inputs)}). Save an .npz "
            "file with an array for each."
        )
    if path.suffix == ".csv":
        return _read_csv(source, inputs[0].shape)
    if path.suffix == ".npy":
        return from_arrays(read_array(path, source.budget), inputs=inputs, source=str(path))
    arrays, used, possible_groups = _read_npz(source, inputs)
    parts = arrays["x"].values() if isinstance(arrays["x"], Mapping) else [arrays["x"]]
    values = sum(part.size for part in parts)
    source.budget.check_samples(values, str(path))
    if arrays.get("class_names", np.zeros(0)).size > MAX_NAMES:
        raise InputError(f"{path}: more than {MAX_NAMES:,} class names")
    data = from_arrays(arrays["x"], arrays.get("y"), arrays.get("group"), inputs, str(path))
    names = source.labels or tuple(
        map(str, decode_texts(arrays.get("class_names", np.zeros(0))).ravel())
    )
    return Data(data.x, data.y, data.group, names, used, possible_groups)


def read_or_draw(
    data: "str | Path | DataSource | np.ndarray | None", graph: Graph, count: int, budget: Budget
) -> tuple[np.ndarray, str]:
    """Return the samples of a request, and their source for its result.

    Args:
        data: Samples, or the path of a file with them; None to draw random ones.
        graph: Graph of the file that takes the samples.
        count: Number of random samples.
        budget: Limits for the memory of the samples of a path.

    Returns:
        The samples, (n, ...), and a path, `samples` for an array, or `random`.

    Raises:
        InputError: If the samples cannot be used.
        OSError: If a file cannot be read.
    """
    ports = list_graph_inputs(graph)
    if data is None:
        return draw_random_samples(graph, count), "random"
    if isinstance(data, str | Path):
        data = DataSource(Path(data), budget=budget)
    if isinstance(data, DataSource):
        return read(data, ports).x, str(data)
    return from_arrays(data, inputs=ports).x, "samples"


def from_arrays(
    x: Any,
    y: np.ndarray | None = None,
    group: np.ndarray | None = None,
    inputs: Sequence[InputPort] | None = None,
    source: str = "samples",
) -> Data:
    """Check arrays and reshape the samples for a model.

    Args:
        x: Samples, (n, ...), numbers without NaN. For a model with several inputs, a mapping from
            the names of the inputs to their arrays, or a list of arrays in the order of the inputs.
        y: Labels, one row for each sample, or None.
        group: Patient or subject of each sample, (n,), or None. An empty array is None.
        inputs: The inputs of the model; None to keep the shape of x. Axes of size 1 may be missing
            or added.
        source: Path or name of the samples, for messages.

    Raises:
        InputError: If a type or a shape is not supported.
    """
    x = _check_inputs(x, inputs, source)
    y = None if y is None else np.asarray(y)
    group = None if group is None or np.size(group) == 0 else np.asarray(group)
    group = None if group is None else flatten_group(group, source)
    for name, values in (("y", y), ("group", group)):
        if values is not None and (values.ndim == 0 or len(values) != len(x)):
            raise InputError(
                f"{source}: {name} has shape {values.shape}, but x has {len(x)} samples. "
                f"Give one row of {name} for each sample."
            )
    return Data(x, y, group)


def _check_inputs(x: Any, inputs: Sequence[InputPort] | None, source: str) -> np.ndarray:
    """Check the samples of all inputs, and reshape them."""
    arrays = _name_inputs(x, inputs, source)
    checked = {
        name: _check_numbers(_to_array(a, name, source), name, source) for name, a in arrays.items()
    }
    if inputs is not None:
        shapes = {name: entry.shape for name, entry in zip(checked, inputs, strict=True)}
        checked = {name: _reshape(a, shapes[name], name, source) for name, a in checked.items()}
    return join_inputs(checked, source)


def _to_array(values: Any, name: str, source: str) -> np.ndarray:
    """Convert the samples of an input to an array."""
    try:
        return np.asarray(values)
    except ValueError:  # the items have different shapes
        raise InputError(
            f"{source}: {name} is {describe_value(values)} of different shapes. Give one array of "
            "numbers of shape (samples, …)."
        ) from None


def _name_inputs(x: Any, inputs: Sequence[InputPort] | None, source: str) -> dict[str, Any]:
    """Return the array of each input, in the order of the inputs."""
    if inputs is None or len(inputs) == 1:
        if isinstance(x, Mapping) and len(x) == 1:
            return {"x": next(iter(x.values()))}
        if isinstance(x, Mapping):
            raise InputError(
                f"{source}: {len(x)} arrays for a model with one input. Give its array alone."
            )
        return {"x": x}
    names = [entry.name for entry in inputs]
    if isinstance(x, np.ndarray) and has_several_inputs(x):
        x = split_inputs(x)
    if isinstance(x, Mapping):
        if set(x) == set(names):
            return {name: x[name] for name in names}
    elif isinstance(x, list | tuple) and len(x) == len(names):
        return dict(zip(names, x, strict=True))
    raise InputError(
        f"{source}: the model has {len(names)} inputs ({describe_inputs(inputs)}). Give one array "
        "for each: a mapping by name, or a list in this order."
    )


def _read_npz(
    source: DataSource, inputs: Sequence[InputPort]
) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    """Read the arrays of a file by role, with their names, and unused names of possible groups.

    The role x of a model with several inputs has a mapping from their names to arrays.
    """
    arrays = read_npz(source.path, required=(), budget=source.budget)
    input_names: dict[str, str] = {}
    if len(inputs) > 1:
        input_names = find_input_arrays(source.arrays, arrays, inputs, str(source))
    roles = [role for role in ROLES if role != "x" or not input_names]
    names = {role: _find_array(source, role, arrays) for role in roles}
    used = {**input_names, **{role: name for role, name in names.items() if name is not None}}
    by_role: dict[str, Any] = {role: arrays[name] for role, name in used.items()}
    if input_names:
        by_role["x"] = {role: by_role.pop(role) for role in input_names}
    others = {name: array for name, array in arrays.items() if name not in used.values()}
    first = arrays[next(iter(used.values()))]
    count = len(first) if first.ndim else 0
    return by_role, used, () if "group" in used else find_possible_groups(others, count)


def _find_array(source: DataSource, role: str, arrays: Mapping[str, np.ndarray]) -> str | None:
    """Find the name of the array of a role; None if the file has none."""
    requested = source.arrays.get(role)
    candidates = ROLES[role] if requested is None else (requested,)
    name = next((name for name in candidates if name in arrays), None)
    if name is None and (requested is not None or role == "x"):
        known = list_names(sorted(arrays)) or "none"
        expected = requested or " or ".join(candidates)
        raise InputError(
            f"{source.path}: array {expected} not found. Arrays: {known}. Name the samples "
            "with --array x=NAME, and labels and groups with --array y=NAME and group=NAME."
        )
    return name


def find_input_arrays(
    requested: Mapping[str, str],
    arrays: Mapping[str, np.ndarray],
    inputs: Sequence[InputPort],
    source: str,
) -> dict[str, str]:
    """Find the array of each input of a model with several inputs, by the name of the input.

    Args:
        requested: Names of arrays by role; an array without a name has that of its input.
        arrays: Arrays by name.
        inputs: The inputs of the model.
        source: Path of the file, for messages.

    Raises:
        InputError: If an array is missing.
    """
    names = {entry.name: requested.get(entry.name, entry.name) for entry in inputs}
    missing = [name for name in names.values() if name not in arrays]
    if missing:
        options = " ".join(f"--array {shlex.quote(f'{name}=NAME')}" for name in names)
        raise InputError(
            f"{source}: array {missing[0]} not found. The model has {len(inputs)} inputs: "
            f"{describe_inputs(inputs)}. Name their arrays with {options}. Arrays: "
            f"{list_names(sorted(arrays)) or 'none'}."
        )
    return names


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
    """Describe which array or column of a file has which role; "" if nothing had to be found."""
    return list_names(f"{role} = {name}" for role, name in used.items())


def describe_possible_group(name: str) -> str:
    """Describe that an array may be a group, and how to use it."""
    option = f"--array {shlex.quote(f'group={escape_line(name)}')}"
    return (
        f"array {escape_line(name)} may name the patient or subject of each sample. If it does, "
        f"use it with {option}: otherwise samples of one subject are in training and in test, and "
        "the accuracy is too high."
    )


def _read_csv(source: DataSource, shape: tuple[int, ...]) -> Data:
    from snugnet.core.settings.datasets.windows import WindowsDataset
    from snugnet.datasets import windows

    path = source.path
    columns = windows.read_columns(path)
    has_label_columns = any(name.startswith("y_") for name in columns)
    label = source.arrays.get("y", "y")
    is_unlabelled = not has_label_columns and label not in columns
    if is_unlabelled and "y" in source.arrays:
        raise InputError(f"{path}: column {label} not found. Columns: {list_names(columns[:20])}.")
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
    x = _check_numbers(table["x"], "x", str(path)).reshape(-1, *shape)
    names = source.labels
    if has_label_columns:
        names = names or tuple(map(str, table["class_names"]))
    used: dict[str, str] = {
        role: source.arrays.get(role, role) for role in ("y", "group") if role in table
    }
    return Data(x, table.get("y"), table.get("group"), names, used)


def _check_numbers(x: np.ndarray, name: str, source: str) -> np.ndarray:
    if x.dtype.kind not in "iufb" or x.ndim == 0 or len(x) == 0:
        raise InputError(
            f"{source}: {name} has type {x.dtype} and shape {x.shape}. "
            "Save numbers of shape (samples, …)."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise InputError(
            f"{source}: {name} contains NaN or infinite values. Remove or replace these samples."
        )
    return x


def _reshape(x: np.ndarray, shape: tuple[int, ...], name: str, source: str) -> np.ndarray:
    """Add or drop axes of size 1. Nothing else is changed: samples are never transposed."""
    if [n for n in x.shape[1:] if n != 1] != [n for n in shape if n != 1]:
        raise InputError(
            f"{source}: samples have shape {x.shape[1:]}, but the model takes {tuple(shape)}. "
            f"Reshape or transpose {name}."
        )
    return x.reshape(len(x), *shape)


def as_model_input(x: np.ndarray, raw: bool) -> np.ndarray:
    """Convert integers to float32, unless they are raw inputs of the model."""

    def convert(array: np.ndarray) -> np.ndarray:
        return array if raw or array.dtype.kind == "f" else array.astype(np.float32)

    return map_inputs(convert, x)


def draw_random_samples(graph: Graph, count: int, seed: int = RANDOM_SAMPLES_SEED) -> np.ndarray:
    """Draw samples from the whole range of a model's inputs.

    Args:
        graph: A model.
        count: Number of samples.
        seed: Seed of the draw.

    Returns:
        (count, …) float32, in real units; for several inputs, see `core.inputs`.

    Raises:
        InputError: If an input does not hold numbers.
    """
    rng = np.random.default_rng(seed)
    names = [entry.name for entry in list_graph_inputs(graph)]
    return join_inputs(
        {
            name: _draw_input(graph, index, count, rng)
            for name, index in zip(names, graph.inputs, strict=True)
        }
    )


def _draw_input(graph: Graph, index: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw samples of one input, float32 (count, …)."""
    tensor = graph.tensors[index]
    if tensor.dtype not in NUMPY_TYPES:
        raise InputError(f"the model's input has type {tensor.dtype}; only numbers are supported")
    shape = (count, *tensor.shape[1:])
    quantized = find_quantized_input(graph, index)
    if quantized is None:
        return rng.normal(size=shape).astype(np.float32)
    info = np.iinfo(quantized.dtype)
    levels = rng.integers(info.min, info.max, shape, endpoint=True)
    zero, scale = int(quantized.zero_points[0]), float(quantized.scales[0])
    return dequantize(levels, scale, zero)
