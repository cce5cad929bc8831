"""Anyone's ready-made windows or images, from an .npz or a .csv file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from snugnet.core.errors import InputError
from snugnet.core.samples import SPLITS, Samples, read_arrays_by_role
from snugnet.datasets.folds import assign_splits_by_fold
from snugnet.datasets.sources import require_files, source_files

ROLES = ("x", "y", "group", "fold", "split", "class_names", "scale")
# Those that are columns of a .csv.
COLUMNS = ("y", "group", "fold", "split")


def load(settings: Mapping[str, Any], seed: int) -> Samples:
    """Read windows.

    An .npz holds `x` (n, time), (n, time, channels) or (n, height, width[, channels]), `y` (n,)
    or (n, k), and optionally `group`, `fold` or `split`, `class_names` and `scale` (a factor for
    x, per channel). A .csv has one row a sample: a column `y` or one column `y_NAME` a label,
    optionally `group`, `fold` or `split`; all other columns are x, in their order.

    Args:
        settings: `datasets_dir` and `path` below it; `arrays`, which renames roles
            ({"class_names": "classes"}), in a .csv columns; `task`; `folds`; `layout`;
            `sample_shape`, how a .csv row is folded, (time, channels).
        seed: Not used: reading draws nothing.

    Returns:
        The samples, channels last.

    Raises:
        InputError: If the file is missing or is not of this form.
    """
    files = source_files(settings)
    require_files(files, "windows", "dataset kind windows")
    path = files[0]
    if path.suffix == ".csv":
        arrays = _read_csv(path, settings)
    else:
        arrays = read_arrays_by_role(path, settings["arrays"], ROLES[:2], ROLES[2:])
    y, names = encode_labels(arrays["y"], arrays.get("class_names"), settings["task"], path)
    return Samples(
        x=_with_channel(_scaled(arrays), settings["layout"], path),
        y=y,
        class_names=names,
        task=settings["task"],
        group=arrays.get("group"),
        split=_split(arrays, settings, path),
    )


def _read_csv(path: Path, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    try:
        table = pd.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: cannot be read as .csv ({error})") from None
    table = _renamed(table, settings["arrays"], path)
    labels = [name for name in table.columns if str(name).startswith("y_")]
    if "y" not in table.columns and not labels:
        raise InputError(f"{path}: add a column y, or columns y_NAME for several labels")
    told = [name for name in ("y", *labels, "group", "fold", "split") if name in table]
    for name in told:
        if table[name].isna().any():
            row = int(table[name].isna().to_numpy().argmax()) + 2  # after the header, from 1
            raise InputError(f"{path}: column {name} is empty in line {row}")
    arrays: dict[str, np.ndarray] = {
        role: _plain(table[role]) for role in ("group", "fold", "split") if role in table
    }
    arrays["y"] = table[labels].to_numpy() if labels else _plain(table["y"])
    if labels:
        arrays["class_names"] = np.array([name.removeprefix("y_") for name in labels])
    values = table.drop(columns=[*labels, *(name for name in ROLES if name in table)])
    wrong = [str(name) for name in values.columns if values[name].dtype.kind not in "iuf"]
    if wrong:
        raise InputError(f"{path}: columns {', '.join(wrong[:5])} hold text; x must be numeric")
    x = values.to_numpy(dtype=np.float32)
    shape = settings["sample_shape"] or [x.shape[1]]
    if np.prod(shape) != x.shape[1]:
        raise InputError(
            f"{path}: {x.shape[1]} value columns cannot be reshaped to sample_shape {shape}"
        )
    arrays["x"] = x.reshape(len(x), *shape)
    return arrays


def _renamed(table: pd.DataFrame, names: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Give the columns of a .csv the names of their roles."""
    for role, name in names.items():
        if role not in COLUMNS:
            raise InputError(
                f"{path}: `arrays.{role}` is not allowed for .csv; allowed: {', '.join(COLUMNS)}"
            )
        if name not in table.columns:
            held = ", ".join(map(str, table.columns[-8:]))
            raise InputError(f"{path}: `arrays.{role}`: no column {name}; last columns: {held}")
        if name != role and role in table.columns:
            raise InputError(
                f"{path}: `arrays.{role}` is {name}, but column {role} exists; rename it"
            )
    if "Unnamed: 0" in table.columns:  # as pandas calls what has no name
        raise InputError(f"{path}: the first column has no name; save the table without its index")
    return table.rename(columns={name: role for role, name in names.items()})


def _plain(column: "pd.Series[Any]") -> np.ndarray:
    """Give a column as numbers, or as text of fixed width: never as Python objects."""
    return column.to_numpy() if column.dtype.kind in "iufb" else column.to_numpy(dtype=str)


def encode_labels(
    y: np.ndarray, class_names: np.ndarray | None, task: str, path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Turn labels, numbers or names, into class indices (or a 0/1 matrix) and class names.

    Raises:
        InputError: If a label is not one of the class names.
    """
    if y.ndim != (2 if task == "multilabel" else 1):
        raise InputError(f"{path}: y of shape {y.shape} does not fit a {task} task")
    if task == "multilabel" and not np.isin(y, (0, 1)).all():
        raise InputError(f"{path}: y of a multilabel task must hold 0 and 1 only")
    if y.dtype.kind == "f":
        raise InputError(f"{path}: y holds fractions or NaN; use class indices or names")
    if y.dtype.kind in "iub":
        given = _count(y, task) if class_names is None else class_names
        numbers = y.astype(np.uint8 if task == "multilabel" else np.int64)
        return numbers, tuple(str(name) for name in given)
    labels = y.astype(str)
    given = np.unique(labels) if class_names is None else class_names
    names = tuple(str(name) for name in given)
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise InputError(f"{path}: labels not in class_names: {', '.join(unknown[:5])}")
    code = {name: k for k, name in enumerate(names)}
    return np.array([code[label] for label in labels], dtype=np.int64), names


def _count(y: np.ndarray, task: str) -> np.ndarray:
    """Name the classes of numeric labels by their numbers."""
    if task == "multilabel":
        return np.arange(y.shape[1])
    return np.arange(int(y.max()) + 1 if len(y) else 0)


def _scaled(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if "scale" not in arrays:
        return arrays["x"]
    return arrays["x"].astype(np.float32) * arrays["scale"].astype(np.float32)


def _with_channel(x: np.ndarray, layout: str, path: Path) -> np.ndarray:
    wanted = 4 if layout == "image" else 3
    if x.ndim == wanted - 1:
        return x[..., np.newaxis]
    if x.ndim != wanted:
        raise InputError(
            f"{path}: x has shape {x.shape}; layout {layout!r} requires {wanted} dimensions, or "
            "one fewer for a single channel"
        )
    return x


def _split(
    arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any], path: Path
) -> np.ndarray | None:
    if settings["folds"] is not None:
        if "fold" not in arrays:
            raise InputError(f"{path}: `folds` requires an array named fold")
        return assign_splits_by_fold(arrays["fold"], settings, str(path))
    if "split" not in arrays:
        return None
    names = arrays["split"].astype(str)
    unknown = sorted(set(names) - set(SPLITS))
    if unknown:
        raise InputError(
            f"{path}: unknown split {', '.join(unknown[:5])}. Known: {', '.join(SPLITS)}."
        )
    return names
