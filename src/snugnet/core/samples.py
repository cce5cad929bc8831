"""What every dataset is: labelled samples; and the files in which its splits are kept."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write

TASKS = ("multiclass", "multilabel", "binary")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Samples:
    """Labelled samples as a loader gives them and as a split file keeps them.

    Attributes:
        x: Inputs, (n, ...), floating point or integer; channels last until `layout` is applied.
        y: int64 (n,) class indices, or for multi-label tasks uint8 (n, k) of 0 and 1.
        class_names: Names of the k classes; a binary task names class 0 and class 1.
        task: One of `TASKS`.
        group: Patient or subject of each sample, (n,), or None if samples are independent.
        split: Which of `SPLITS` each sample belongs to, (n,) of str, or None to be drawn.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    task: str
    group: np.ndarray | None = None
    split: np.ndarray | None = None

    def take(self, index: np.ndarray) -> "Samples":
        """Give the samples at `index` (integers or a mask), without their split."""
        group = None if self.group is None else self.group[index]
        return Samples(self.x[index], self.y[index], self.class_names, self.task, group)

    def take_evenly(self, n: int) -> "Samples":
        """Give at most n samples from all over: those of one group lie side by side."""
        return self.take(np.unique(np.linspace(0, len(self.x) - 1, n).round().astype(int)))


def check_samples(samples: Samples, source: str) -> None:
    """Refuse samples that no model can be trained or judged on.

    Args:
        samples: What a loader made of a user's files.
        source: Where they came from, for the message.

    Raises:
        InputError: Naming what is wrong, where, and what is allowed.
    """
    n = len(samples.x)
    if n == 0:
        raise InputError(f"{source}: holds no samples")
    for name in ("y", "group", "split"):
        array = getattr(samples, name)
        if array is not None and len(array) != n:
            raise InputError(f"{source}: x has {n} samples, but {name} has {len(array)}")
    if not np.issubdtype(samples.x.dtype, np.number):
        raise InputError(f"{source}: x has dtype {samples.x.dtype}; it must be numeric")
    _check_finite(samples.x, source)
    _check_labels(samples, source)


def _check_finite(x: np.ndarray, source: str) -> None:
    if np.issubdtype(x.dtype, np.integer):
        return
    bad = ~np.isfinite(x)
    if bad.any():
        first = int(np.argmax(bad.reshape(len(x), -1).any(axis=1)))
        raise InputError(
            f"{source}: x holds {int(bad.sum())} NaN or infinite values, the first in "
            f"sample {first}; every value must be finite"
        )


def _check_labels(samples: Samples, source: str) -> None:
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
        if y.ndim != 1:
            raise InputError(f"{source}: y has shape {y.shape}; class indices require shape (n,)")
        outside = (y < 0) | (y >= k)
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(
                f"{source}: sample {first} has label {y[first]}; with {k} class names, labels "
                f"must be in 0..{k - 1}"
            )
        counts = np.bincount(y, minlength=k)
    for name, count in zip(names, counts, strict=True):
        if count < 3:
            raise InputError(
                f"{source}: class {name!r} has {count} sample{'s' * (count != 1)}; at least 3 are "
                "required, one each for train, val and test"
            )


def save_split(path: str | Path, samples: Samples, **extra: np.ndarray) -> None:
    """Write one split: `x`, `y`, `group` (empty if none), `class_names`, `task` and `extra`.

    The file is an uncompressed .npz without pickles; equal samples give equal bytes.
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
    texts = [name for name, array in arrays.items() if array.dtype == object]
    if texts:
        raise InputError(
            f"{path}: {', '.join(texts)} cannot be saved without pickle; use plain arrays"
        )
    with atomic_write(path) as partial:
        np.savez(partial, **arrays)


def load_split(path: str | Path) -> Samples:
    """Read a split that `save_split` wrote.

    Raises:
        InputError: If the file is not such a file.
    """
    arrays = read_npz(path, required=("x", "y", "group", "class_names", "task"))
    group = arrays["group"] if len(arrays["group"]) else None
    names = tuple(str(name) for name in arrays["class_names"])
    return Samples(arrays["x"], arrays["y"], names, str(arrays["task"]), group)


def read_npz(path: str | Path, required: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file, never unpickling anything.

    Args:
        path: The file.
        required: Names of arrays that must be in it.

    Raises:
        InputError: If it is missing, cut short, holds Python objects or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (
        BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:
        raise InputError(f"{path}: truncated or not an .npz file ({error})") from None
    except ValueError as error:
        # NumPy's own words for a pickled member: "Object arrays cannot be loaded ..."
        raise InputError(
            f"{path}: pickled arrays are not allowed; save plain arrays ({error})"
        ) from None
    missing = [name for name in required if name not in arrays]
    if missing:
        raise InputError(
            f"{path}: missing arrays: {', '.join(missing)}; the file holds {', '.join(arrays)}"
        )
    return arrays


def read_arrays_by_role(
    path: Path, names: Mapping[str, str], required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Read the arrays of a user's .npz file by what they are for.

    Args:
        path: The file.
        names: What the file calls a role, where that is not the role's own name.
        required: Roles that must be there; the first is `x`.
        optional: Roles that may be there; those in `names` must be.

    Returns:
        Arrays by role. `x` is a numeric array; `scale`, if there, fits its last dimension.

    Raises:
        InputError: Naming the arrays that are missing or of another form.
    """
    demanded = tuple(names.get(role, role) for role in required)
    demanded += tuple(names[role] for role in optional if role in names)
    arrays = read_npz(path, demanded)
    found = {}
    for role in (*required, *optional):
        name = names.get(role, role)
        if name in arrays:
            found[role] = arrays[name]
    for role, array in found.items():
        if array.ndim == 0 and role != "scale":
            raise InputError(f"{path}: {names.get(role, role)} is a scalar; it must be an array")
    x, scale = found["x"], found.get("scale", np.ones(1))
    if x.dtype.kind not in "iufb":
        raise InputError(f"{path}: x has dtype {x.dtype}; it must be numeric")
    if scale.dtype.kind not in "iuf" or scale.ndim > 1 or scale.size not in (1, x.shape[-1]):
        raise InputError(f"{path}: scale must be one number or one per channel ({x.shape[-1]})")
    return found
