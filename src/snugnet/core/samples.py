"""Labelled samples of a dataset, and the .npz files that store its splits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from snugnet.core.archives import DAMAGE_ERRORS, check_archive, check_array
from snugnet.core.budget import UNLIMITED, Budget
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.inputs import add_value_axis, join_inputs, split_inputs
from snugnet.core.labels import check_unique, decode_texts
from snugnet.core.tasks import PROBABILITY_THRESHOLD, Task
from snugnet.core.text import format_count, list_names

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Samples:
    """Labelled samples, from a loader or from the file of a split.

    Attributes:
        x: Inputs, (n, ...), floating point or integer; channels last until `layout` is applied. For
            a model with several inputs, see `core.inputs`.
        y: Labels: class indices, int64 (n,); for multi-label tasks 0 and 1, uint8 (n, k); for
            segmentation class indices at each position, int64 (n, ...); for regression targets,
            float32 (n, k); for reconstruction 0 and 1 for normal and anomalous samples, int64 (n,),
            or no elements if that is unknown.
        class_names: Names of the k classes; for a binary task of class 0 and class 1; for
            regression of the k targets; empty for reconstruction.
        task: One of `core.tasks.Task`.
        group: Patient or subject of each sample, (n,), or None if samples are independent.
        split: Split of each sample, one of `SPLITS`, (n,) of str, or None if it is to be drawn.
        threshold: Threshold of the model's outputs in a binary or multi-label task.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    task: str
    group: np.ndarray | None = None
    split: np.ndarray | None = None
    threshold: float = PROBABILITY_THRESHOLD

    def take(self, index: np.ndarray) -> "Samples":
        """Select samples.

        Args:
            index: Integer indices or a boolean mask.

        Returns:
            The selected samples, without their split.
        """
        return replace(
            self,
            x=self.x[index],
            y=self.y[index] if len(self.y) else self.y,
            group=None if self.group is None else self.group[index],
            split=None,
        )

    def take_evenly(self, n: int) -> "Samples":
        """Select at most n evenly spaced samples.

        Samples of one group are often adjacent, so even spacing covers many groups.

        Args:
            n: Largest number of samples.

        Returns:
            The selected samples, without their split.
        """
        return self.take(np.unique(np.linspace(0, len(self.x) - 1, n).round().astype(int)))


def flatten_group(group: np.ndarray, source: str) -> np.ndarray:
    """Return the group of each sample, (n,), from an array of shape (n,) or (n, 1).

    Names that are bytes become texts.

    Raises:
        InputError: If it has another shape, or other values than numbers and printable names.
    """
    group = decode_texts(group[:, 0] if group.shape[1:] == (1,) else group)
    if group.ndim > 1 or group.dtype.kind not in "biufU":
        raise InputError(
            f"{source}: group has type {group.dtype} and shape {group.shape}. Give one number or "
            "name for each sample."
        )
    if group.dtype.kind == "f" and not np.isfinite(group).all():
        first = int(np.argmin(np.isfinite(group)))
        raise InputError(
            f"{source}: group of sample {first} is {group[first]}. Give one number or name for "
            "each sample."
        )
    if group.dtype.kind == "U":
        _check_names("group", np.unique(group), source)
    return group


def check_samples(samples: Samples, source: str) -> None:
    """Check that a model can be trained and evaluated on samples.

    Args:
        samples: Samples from a loader.
        source: Name of the dataset, for error messages.

    Raises:
        InputError: If the samples are invalid.
    """
    n = len(samples.x)
    if n == 0:
        raise InputError(f"{source}: holds no samples; provide at least 3 per class")
    for name in ("y", "group", "split"):
        array = getattr(samples, name)
        is_unknown = name == "y" and samples.task == Task.RECONSTRUCTION and len(array) == 0
        if array is not None and len(array) != n and not is_unknown:
            raise InputError(
                f"{source}: x has {n} samples, but {name} has {len(array)}; both must be equal"
            )
    for name, array in split_inputs(samples.x).items():
        if array.size == 0:
            raise InputError(
                f"{source}: {name or 'x'} has shape {array.shape}; samples without values cannot "
                "be used"
            )
        if not np.issubdtype(array.dtype, np.number):
            raise InputError(f"{source}: {name or 'x'} has dtype {array.dtype}; it must be numeric")
        _check_finite(array, name or "x", source)
    kind = "class" if Task(samples.task).has_classes else "target"
    _check_names(kind, samples.class_names, source)
    check_unique(samples.class_names, source)
    _check_labels(samples, source)


def _check_finite(x: np.ndarray, name: str, source: str) -> None:
    """Check that an input holds no NaN and no infinite value."""
    if np.issubdtype(x.dtype, np.integer):
        return
    is_invalid = ~np.isfinite(x)
    if is_invalid.any():
        first = int(np.argmax(is_invalid.reshape(len(x), -1).any(axis=1)))
        raise InputError(
            f"{source}: {name} holds {int(is_invalid.sum())} NaN or infinite values, the first in "
            f"sample {first}; every value must be finite"
        )


def _check_labels(samples: Samples, source: str) -> None:
    """Check the labels for their task and the number of samples of each class."""
    if not Task(samples.task).has_classes:
        return
    y, names = samples.y, samples.class_names
    k = len(names)
    if samples.task == "binary" and k != 2:
        raise InputError(
            f"{source}: a binary task requires 2 classes, but there are {k}: {', '.join(names)}"
        )
    if samples.task == "multilabel":
        if y.ndim != 2 or y.shape[1] != k:
            raise InputError(f"{source}: y has shape {y.shape}; {k} labels require shape (n, {k})")
        if not np.isin(y, (0, 1)).all():
            raise InputError(f"{source}: y must hold 0 and 1 only")
        counts = y.sum(axis=0)
    else:
        is_segmentation = samples.task == Task.SEGMENTATION
        if y.ndim != 1 and not is_segmentation:
            raise InputError(f"{source}: y has shape {y.shape}; class indices require shape (n,)")
        is_outside = (y < 0) | (y >= k)
        if is_outside.any():
            first = int(np.argmax(is_outside.reshape(len(y), -1).any(axis=1)))
            raise InputError(
                f"{source}: sample {first} has label {y[is_outside][0]}; with {k} class names, "
                f"labels must be in 0..{k - 1}"
            )
        counts = np.bincount(y.ravel(), minlength=k)
    for name, count in zip(names, counts, strict=True):
        if count < 3:
            raise InputError(
                f"{source}: class {name!r} has {format_count(int(count), 'sample')}; at least 3 "
                "are required, one each for train, val and test"
            )


def _check_names(kind: str, names: Iterable[str], source: str) -> None:
    """Check that the names of classes, targets or groups can be printed."""
    for name in map(str, names):
        if not name.strip() or not name.isprintable():
            raise InputError(
                f"{source}: {name!r} cannot be the name of a {kind}. Use names of printable "
                "characters."
            )


def save_split(path: str | Path, samples: Samples, **extra: np.ndarray) -> None:
    """Write one split to an uncompressed .npz file without pickles.

    The arrays are `x`, `y`, `group` (empty if there is none), `class_names`, `task`, `threshold` if
    the scores are logits, and those of `extra`. Equal samples give equal bytes.

    Args:
        path: The file to write.
        samples: Samples of the split.
        extra: Further arrays, by name.

    Raises:
        InputError: If an array cannot be saved without pickle.
    """
    group = np.zeros(0, dtype=np.int64) if samples.group is None else samples.group
    arrays: dict[str, Any] = {
        "x": samples.x,
        "y": samples.y,
        "group": group,
        "class_names": np.array(samples.class_names),
        "task": np.array(samples.task),
        **extra,
    }
    if samples.threshold != PROBABILITY_THRESHOLD:
        arrays["threshold"] = np.array(samples.threshold)
    object_arrays = [name for name, array in arrays.items() if array.dtype == object]
    if object_arrays:
        raise InputError(
            f"{path}: {', '.join(object_arrays)} cannot be saved without pickle; use plain arrays"
        )
    with atomic_write(path) as partial:
        np.savez(partial, **arrays)


def load_split(path: str | Path) -> Samples:
    """Read a split that `save_split` wrote.

    Args:
        path: The .npz file.

    Returns:
        The samples, without `split`.

    Raises:
        InputError: If the file is missing, damaged or has another form.
    """
    arrays = read_npz(path, required=("x", "y", "group", "class_names", "task"))
    group = arrays["group"] if len(arrays["group"]) else None
    names = tuple(str(name) for name in arrays["class_names"])
    threshold = float(arrays.get("threshold", PROBABILITY_THRESHOLD))
    return Samples(arrays["x"], arrays["y"], names, str(arrays["task"]), group, threshold=threshold)


def read_npz(
    path: str | Path,
    required: tuple[str, ...],
    budget: Budget | None = None,
    only: tuple[str, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file without unpickling.

    Args:
        path: The file.
        required: Names of arrays that the file must hold.
        budget: Limit for the size after decompression; None for files that Snugnet wrote.
        only: Names of the arrays to read; None for all.

    Returns:
        The arrays, by name.

    Raises:
        InputError: If the file is missing or truncated, holds Python objects, or lacks an array.
    """
    try:
        if budget is not None:
            with ZipFile(path) as archive:
                check_archive(archive, budget)
        with np.load(path, allow_pickle=False) as file:
            names = file.files
            wanted = names if only is None else [name for name in only if name in names]
            arrays = {name: file[name] for name in wanted}
            if budget is not None:
                for name, array in arrays.items():
                    check_array(array, f"{path}: {name}")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (
        *DAMAGE_ERRORS,
        OSError,
        OverflowError,
        LookupError,
        AttributeError,
        TypeError,
        MemoryError,
    ) as error:
        raise InputError(f"{path}: truncated or not an .npz file ({error})") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        if "EOF" in str(error):
            raise InputError(f"{path}: truncated .npz file ({error})") from None
        if "Object arrays" in str(error):
            raise InputError(
                f"{path}: pickled arrays are not allowed; save plain arrays ({error})"
            ) from None
        raise InputError(f"{path}: damaged .npz file ({error})") from None
    missing = [name for name in required if name not in arrays]
    if missing:
        raise InputError(
            f"{path}: missing arrays: {', '.join(missing)}; the file holds {list_names(names)}"
        )
    return arrays


def read_arrays_by_role(
    path: Path,
    names: Mapping[str, str],
    required: tuple[str, ...],
    optional: tuple[str, ...],
    inputs: Mapping[str, str] | None = None,
    budget: Budget = UNLIMITED,
) -> dict[str, np.ndarray]:
    """Read the arrays of a user's .npz file, by role.

    Args:
        path: The file.
        names: Name of the array for a role; by default an array has the name of its role.
        required: Roles that the file must hold; the first is `x`.
        optional: Roles that the file may hold; it must hold those in `names`.
        inputs: For a model with several inputs, the array of each input by the name of the input.
        budget: Limit for the size after decompression.

    Returns:
        Arrays by role. `x` is a numeric array; for several inputs, see `core.inputs`. `scale`, if
        present, is one number or has one number for each channel (last dimension of `x`).

    Raises:
        InputError: If arrays are missing or have a wrong form.
        BudgetError: If the file is larger after decompression.
    """
    input_arrays = tuple((inputs or {}).values())
    if input_arrays:
        names = {**names, "x": input_arrays[0]}
    required_names = tuple(names.get(role, role) for role in required)
    required_names += tuple(names[role] for role in optional if role in names)
    arrays = read_npz(path, (*required_names, *input_arrays), budget)
    by_role = {}
    for role in (*required, *optional):
        name = names.get(role, role)
        if name in arrays:
            by_role[role] = arrays[name]
    for role, array in by_role.items():
        if array.ndim == 0 and role != "scale":
            raise InputError(f"{path}: {names.get(role, role)} is a scalar; it must be an array")
    if inputs:
        if "scale" in by_role:
            raise InputError(
                f"{path}: `scale` is not supported with several inputs. Multiply the arrays in the "
                "file by it."
            )
        return {**by_role, "x": _join_arrays(arrays, inputs, path)}
    x, scale = by_role["x"], by_role.get("scale", np.ones(1))
    if x.dtype.kind not in "iufb":
        raise InputError(f"{path}: x has dtype {x.dtype}; it must be numeric")
    if scale.dtype.kind not in "iuf" or scale.ndim > 1 or scale.size not in (1, x.shape[-1]):
        raise InputError(f"{path}: scale must be one number or one per channel ({x.shape[-1]})")
    return by_role


def _join_arrays(
    arrays: Mapping[str, np.ndarray], inputs: Mapping[str, str], path: Path
) -> np.ndarray:
    """Join the arrays of several inputs; one value for each sample gets an axis."""
    for name in inputs.values():
        if arrays[name].dtype.kind not in "iufb" or arrays[name].ndim == 0:
            raise InputError(f"{path}: {name} has dtype {arrays[name].dtype}; it must be numeric")
    return join_inputs(
        {name: add_value_axis(arrays[array]) for name, array in sorted(inputs.items())}, str(path)
    )
