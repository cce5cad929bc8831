"""Loader of a user's windows or images from an .npz or a .csv file."""

import csv
import shlex
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from snugnet.core.budget import DEFAULT_BUDGET, UNLIMITED, Budget
from snugnet.core.errors import InputError
from snugnet.core.inputs import has_several_inputs
from snugnet.core.labels import convert_anomalies, decode_texts
from snugnet.core.samples import SPLITS, Samples, flatten_group, read_arrays_by_role, read_npz
from snugnet.core.settings.datasets.folds import Folds
from snugnet.core.settings.datasets.windows import WindowsDataset
from snugnet.core.tasks import LOGIT_THRESHOLD, PROBABILITY_THRESHOLD, Task, is_one_hot
from snugnet.core.text import escape_line, list_names
from snugnet.datasets.folds import assign_splits_by_fold
from snugnet.datasets.sources import require_files, source_files

SETTINGS = WindowsDataset
ROLES = ("x", "y", "group", "fold", "split", "class_names", "scale")
# Roles that can be columns of a .csv file.
COLUMNS = ("y", "group", "fold", "split")
# pandas takes minutes for a table with more columns.
MAX_COLUMNS = 50_000
MAX_HEADER = 1 << 24
# Copies of a table of 8-byte numbers that exist at the same time; measured with pandas 2.3.
COPIES = 4


def load(
    settings: WindowsDataset, datasets_dir: Path, seed: int, budget: Budget = UNLIMITED
) -> Samples:
    """Load windows or images.

    An .npz file holds `x` (n, time), (n, time, channels) or (n, height, width[, channels]), and
    `y` (n,) or (n, k). `group`, `fold` or `split`, `class_names` and `scale` (a factor for x, one
    number or one per channel) are optional.

    A .csv file has one row for each sample. It has a column `y`, or one column `y_NAME` for each
    label. `group`, `fold` or `split` are optional. All other columns are x, in their order.

    Args:
        settings: Path, names of arrays or columns, task, folds, layout, and for a .csv file the
            shape of a sample.
        datasets_dir: Folder that `path` is relative to.
        seed: Not used; nothing is drawn.
        budget: Limits for the memory of the samples; a study has none, because its data are those
            of its user.

    Returns:
        The samples, channels last.

    Raises:
        InputError: If the file is missing or does not have this form.
        BudgetError: If the samples need more memory than the budget allows.
    """
    files = source_files(settings, datasets_dir)
    require_files(files, "windows", "dataset kind windows")
    path = files[0]
    if path.suffix == ".csv":
        needs_labels = settings.task != Task.RECONSTRUCTION
        arrays = read_table(path, settings, budget, needs_labels)
    else:
        # An autoencoder needs no labels.
        required = 1 if settings.task == Task.RECONSTRUCTION else 2
        arrays = read_arrays_by_role(
            path,
            settings.arrays.by_role(),
            ROLES[:required],
            ROLES[required:],
            settings.arrays.inputs,
            budget,
        )
    class_names = arrays.get("class_names")
    if settings.classes is not None:
        class_names = np.array(settings.classes)
    if class_names is not None:
        class_names = decode_texts(class_names)
    y, names = _encode(arrays, class_names, settings.task, path)
    is_logit = settings.scores == "logits"
    return Samples(
        threshold=LOGIT_THRESHOLD if is_logit else PROBABILITY_THRESHOLD,
        x=_add_channel(_apply_scale(arrays), settings.layout, path),
        y=y,
        class_names=names,
        task=settings.task,
        group=flatten_group(arrays["group"], str(path)) if "group" in arrays else None,
        split=_get_split(arrays, settings, path),
    )


def count_groups(settings: WindowsDataset, datasets_dir: Path) -> int:
    """Count the groups of a file, without reading its samples.

    Args:
        settings: Path, and names of arrays or columns.
        datasets_dir: Folder that `path` is relative to.

    Raises:
        InputError: If the file is missing or damaged, or has no groups.
    """
    files = source_files(settings, datasets_dir)
    require_files(files, "windows", "dataset kind windows")
    path, name = files[0], settings.arrays.by_role().get("group", "group")
    if path.suffix == ".csv":
        try:
            group = pd.read_csv(path, usecols=[name])[name].to_numpy(dtype=str)
        except (ValueError, OSError) as error:
            raise InputError(f"{path}: column {name} cannot be read ({error})") from None
    else:
        group = read_npz(path, (name,), UNLIMITED, only=(name,))[name]
    return len(np.unique(flatten_group(group, str(path))))


def read_table(
    path: Path,
    settings: WindowsDataset,
    budget: Budget = DEFAULT_BUDGET,
    needs_labels: bool = True,
) -> dict[str, np.ndarray]:
    """Read the arrays of a .csv file, by role.

    Args:
        path: The file.
        settings: Names of columns, and the shape of a sample.
        budget: Limit for the memory of the values.
        needs_labels: Whether a file without labels is an error.

    Raises:
        InputError: If the file does not have the form that `load` describes.
    """
    table = _rename_columns(_parse_table(path, budget), settings.arrays.by_role(), path)
    labels = [name for name in table.columns if str(name).startswith("y_")]
    has_labels = "y" in table.columns or bool(labels)
    if needs_labels and not has_labels:
        raise InputError(f"{path}: add a column y, or columns y_NAME for several labels")
    role_columns = [name for name in ("y", *labels, "group", "fold", "split") if name in table]
    _check_filled(table[role_columns], path)
    arrays: dict[str, np.ndarray] = {
        role: _to_array(table[role]) for role in ("group", "fold", "split") if role in table
    }
    if has_labels:
        arrays["y"] = table[labels].to_numpy() if labels else _to_array(table["y"])
    if labels:
        arrays["class_names"] = np.array([name.removeprefix("y_") for name in labels])
    values = table.drop(columns=[*labels, *(name for name in ROLES if name in table)])
    arrays["x"] = _convert_values(values, settings.sample_shape, path)
    return arrays


def read_columns(path: Path) -> list[str]:
    """Return the names of a .csv file's columns.

    Raises:
        InputError: If the first line has no names, or too many.
        OSError: If the file cannot be read.
    """
    # Excel writes a byte-order mark, which the codec utf-8-sig removes.
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        try:
            columns = next(csv.reader(iter(lambda: stream.readline(MAX_HEADER), "")), [])
        except csv.Error as error:
            raise InputError(f"{path}: cannot be read as .csv ({error})") from None
    if not any(columns):
        raise InputError(f"{path}: the first line is empty; it must have the names of the columns")
    if len(columns) > MAX_COLUMNS:
        raise InputError(
            f"{path}: more than {MAX_COLUMNS:,} columns; save the samples as an array x in an .npz "
            "file"
        )
    return columns


def _parse_table(path: Path, budget: Budget) -> pd.DataFrame:
    """Parse a .csv file, if its size and its number of columns are not too large."""
    columns = read_columns(path)
    # A value takes at least two characters in the file and eight bytes in memory.
    budget.check_bytes_held(4 * path.stat().st_size, str(path))
    rows = _count_rows(path, columns)
    budget.check_bytes_held(COPIES * 8 * rows * len(columns), str(path))
    try:
        with warnings.catch_warnings():
            # Rows with more values than names would become an index, or lose values.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, index_col=False)
    except pd.errors.ParserWarning:
        raise InputError(
            f"{path}: a row has more values than the first line has names; remove them, or name "
            "all columns"
        ) from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: cannot be read as .csv ({error})") from None


def _count_rows(path: Path, columns: Sequence[str]) -> int:
    """Count the rows of a .csv file, with that of the names.

    pandas would fill rows that are shorter than the first line, so that a small file needs
    gigabytes.

    Args:
        path: The file.
        columns: The names in its first line.

    Returns:
        The number of rows. Each line of a quoted text counts as a row.

    Raises:
        InputError: If a row has fewer values than the first line has names. Rows with quotes, which
            can contain commas, are not checked.
    """
    rows, is_quoted = 0, False
    # Only ASCII characters matter, and any byte is a character of Latin-1.
    with path.open(encoding="latin-1") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip(" \t\n"):  # pandas skips it
                continue
            rows += 1
            quotes, values = line.count('"'), line.count(",") + 1
            if values < len(columns) and not (quotes or is_quoted):
                raise _make_empty_error(path, columns[values], number)
            is_quoted ^= quotes % 2 == 1
    return rows


def _check_filled(table: pd.DataFrame, path: Path) -> None:
    """Check that each row has a value in each column."""
    for name in table.columns:
        is_empty = table[name].isna().to_numpy()
        if is_empty.any():
            # Lines count from 1, and line 1 is the header.
            line = int(is_empty.argmax()) + 2
            raise _make_empty_error(path, name, line)


def _make_empty_error(path: Path, column: str, line: int) -> InputError:
    return InputError(f"{path}: column {column} is empty in line {line}; fill in a value")


def _convert_values(
    values: pd.DataFrame, sample_shape: tuple[int, ...] | None, path: Path
) -> np.ndarray:
    """Convert the columns of the samples to float32 (n, *sample_shape); without a shape, (n, k)."""
    not_numeric = [str(name) for name in values.columns if values[name].dtype.kind not in "iuf"]
    if not_numeric:
        option = shlex.quote(f"y={escape_line(not_numeric[0])}")
        raise InputError(
            f"{path}: columns {list_names(not_numeric[:5])} hold text, but x must be numeric; if "
            f"one is the label, name it (--array {option}, or `arrays` of the dataset)"
        )
    x = values.to_numpy(dtype=np.float32)
    shape = sample_shape or (x.shape[1],)
    if np.prod(shape) != x.shape[1]:
        raise InputError(
            f"{path}: {x.shape[1]} value columns cannot be reshaped to sample_shape {list(shape)}"
        )
    return x.reshape(len(x), *shape)


def _rename_columns(table: pd.DataFrame, names: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Rename the columns of a .csv file to their roles."""
    for role, name in names.items():
        if role not in COLUMNS:
            raise InputError(
                f"{path}: `arrays.{role}` is not allowed for .csv; allowed: {', '.join(COLUMNS)}"
            )
        if name not in table.columns:
            last_columns = list_names(map(str, table.columns[-8:]))
            raise InputError(
                f"{path}: `arrays.{role}`: no column {name}; last columns: {last_columns}"
            )
        if name != role and role in table.columns:
            raise InputError(
                f"{path}: `arrays.{role}` is {name}, but column {role} exists; rename it"
            )
    if "Unnamed: 0" in table.columns:  # the name that pandas gives to an unnamed column
        raise InputError(f"{path}: the first column has no name; save the table without its index")
    return table.rename(columns={name: role for role, name in names.items()})


def _to_array(column: "pd.Series[Any]") -> np.ndarray:
    """Convert a column to an array of numbers or fixed-width strings, never Python objects."""
    return column.to_numpy() if column.dtype.kind in "iufb" else column.to_numpy(dtype=str)


def _encode(
    arrays: Mapping[str, np.ndarray], class_names: np.ndarray | None, task: str, path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode labels or targets in the form of a task; see `core.samples.Samples.y`."""
    x, y = arrays["x"], arrays.get("y")
    if task == Task.RECONSTRUCTION:
        return convert_anomalies(x, y, str(path)), ()
    assert y is not None
    if task == Task.REGRESSION:
        return _encode_targets(y, class_names, path)
    if task == Task.SEGMENTATION:
        if y.ndim > 2 and is_one_hot(y.reshape(-1, y.shape[-1])):
            y = y.argmax(axis=-1)
        flat, names = encode_labels(y.reshape(-1), class_names, "multiclass", path)
        return flat.reshape(y.shape), names
    return encode_labels(y, class_names, task, path)


def _encode_targets(
    y: np.ndarray, names: np.ndarray | None, path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return targets of a regression, float32 (n, k), and their names."""
    if y.dtype.kind not in "iufb" or not np.isfinite(y).all():
        raise InputError(
            f"{path}: y has type {y.dtype}, or holds NaN or infinite values; a regression needs "
            "finite numbers"
        )
    targets = y.reshape(len(y), -1).astype(np.float32)
    count = targets.shape[1]
    if names is not None and len(names) != count:
        raise InputError(f"{path}: {len(names)} names, but y has {count} targets; name all of them")
    return targets, tuple(map(str, range(count) if names is None else names))


def encode_labels(
    y: np.ndarray, class_names: np.ndarray | None, task: str, path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode labels (numbers or names) as class indices, or as 0 and 1 for a multi-label task.

    Args:
        y: Labels, (n,), or (n, k) for a multi-label task.
        class_names: Names of the classes, or None to derive them from the labels.
        task: `multiclass`, `multilabel` or `binary`.
        path: The file, for error messages.

    Returns:
        Class indices, int64 (n,), or for a multi-label task uint8 (n, k); and the class names.

    Raises:
        InputError: If the labels do not fit the task, or a label is not one of the class names.
    """
    if task != "multilabel" and is_one_hot(y):
        y = y.argmax(axis=1)
    axes, shape = (2, "(n, k)") if task == "multilabel" else (1, "(n,)")
    if y.ndim != axes:
        raise InputError(
            f"{path}: y of shape {y.shape} does not fit a {task} task; use shape {shape}"
        )
    if task == "multilabel" and not np.isin(y, (0, 1)).all():
        raise InputError(f"{path}: y of a multilabel task must hold 0 and 1 only")
    if y.dtype.kind == "f" and (y == np.rint(y)).all():
        y = y.astype(np.int64)  # whole numbers
    if y.dtype.kind == "f":
        raise InputError(f"{path}: y holds fractions or NaN; use class indices or names")
    if y.dtype.kind in "iub":
        if class_names is None and task != "multilabel" and len(y) and y.max() >= len(y):
            raise InputError(
                f"{path}: y holds class {y.max()}, but the file has {len(y)} samples; number the "
                "classes from 0"
            )
        classes = _number_classes(y, task) if class_names is None else class_names
        numbers = y.astype(np.uint8 if task == "multilabel" else np.int64)
        return numbers, tuple(str(name) for name in classes)
    labels = decode_texts(y).astype(str)
    classes = np.unique(labels) if class_names is None else class_names
    names = tuple(str(name) for name in classes)
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise InputError(f"{path}: labels not in class_names: {list_names(unknown[:5])}; add them")
    index_of = {name: k for k, name in enumerate(names)}
    return np.array([index_of[label] for label in labels], dtype=np.int64), names


def _number_classes(y: np.ndarray, task: str) -> np.ndarray:
    """Number the classes of numeric labels, from 0."""
    if task == "multilabel":
        return np.arange(y.shape[1])
    return np.arange(int(y.max()) + 1 if len(y) else 0)


def _apply_scale(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Multiply x by `scale`; without `scale`, return x unchanged."""
    if "scale" not in arrays:
        return arrays["x"]
    return arrays["x"].astype(np.float32) * arrays["scale"].astype(np.float32)


def _add_channel(x: np.ndarray, layout: str, path: Path) -> np.ndarray:
    """Add a channel axis to x if it has none; several inputs stay as they are."""
    if has_several_inputs(x):
        return x
    expected = 4 if layout == "image" else 3
    if x.ndim == expected - 1:
        return x[..., np.newaxis]
    if x.ndim != expected:
        raise InputError(
            f"{path}: x has shape {x.shape}; layout {layout!r} requires {expected} dimensions, or "
            "one fewer for a single channel"
        )
    return x


def _get_split(
    arrays: Mapping[str, np.ndarray], settings: WindowsDataset, path: Path
) -> np.ndarray | None:
    """Get the split of each sample from `fold` or `split`; None if the split is to be drawn."""
    if settings.cross_validation is not None:
        if "split" in arrays:
            raise InputError(
                f"{path}: `folds: {settings.folds}` assigns the samples, but the file has an array "
                "split; name another array for it (`arrays.split`), or remove `folds`"
            )
        return None
    if isinstance(settings.folds, Folds):
        if "fold" not in arrays:
            raise InputError(f"{path}: `folds` requires an array named fold")
        return assign_splits_by_fold(arrays["fold"], settings.folds, str(path))
    if "split" not in arrays:
        return None
    names = decode_texts(arrays["split"]).astype(str)
    if names.ndim != 1:
        raise InputError(f"{path}: split has shape {names.shape}; save one name for each sample")
    unknown = sorted(set(names) - set(SPLITS))
    if unknown:
        raise InputError(
            f"{path}: unknown split {list_names(unknown[:5])}. Known: {', '.join(SPLITS)}."
        )
    return names
