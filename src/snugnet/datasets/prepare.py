"""Preparation of a dataset: from the samples of a loader to the files of its splits."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.files import write_json
from snugnet.core.inputs import has_several_inputs, join_inputs, split_inputs
from snugnet.core.samples import Samples, check_samples, save_split
from snugnet.core.settings.datasets.base import AnyDataset
from snugnet.core.tasks import Task
from snugnet.datasets import scaling
from snugnet.datasets.record import DatasetRecord, SplitRecord
from snugnet.datasets.splits import split, split_by_fold

# Shape of a sample, or of a sample of each of several inputs.
Shape = tuple[int, ...] | Mapping[str, tuple[int, ...]]


class Prepared(NamedTuple):
    """A prepared dataset.

    Attributes:
        splits: Samples by name of the split.
        record: The estimated scaling parameters, and the counts of each split.
    """

    splits: dict[str, Samples]
    record: DatasetRecord


def prepare(samples: Samples, settings: AnyDataset, dataset: str, seed: int) -> Prepared:
    """Check, split, scale and reshape samples.

    Args:
        samples: Samples from a loader.
        settings: The settings of the dataset.
        dataset: Name of the dataset, for error messages.
        seed: Random seed of the split.

    Returns:
        The splits and their record.

    Raises:
        InputError: If the samples are invalid or do not fit the settings.
    """
    source = f"dataset {dataset!r}"
    if settings.negative_class is not None:
        samples = convert_to_binary(samples, settings.negative_class, source)
    check_samples(samples, source)
    _check_several_inputs(samples, settings, source)
    parts = _split(samples, settings, seed, source)
    scale, estimated = scaling.fit(settings.scaling, parts["train"].x)
    outside = {name: scaling.count_outside(part.x, estimated) for name, part in parts.items()}
    for name, part in parts.items():
        x = apply_layout(scale(part.x), settings.layout, settings.shape, source)
        if not all(np.isfinite(array).all() for array in split_inputs(x).values()):
            raise InputError(f"{source}: {name} values overflow float32 after scaling")
        parts[name] = replace(part, x=x)
    return Prepared(parts, _build_record(parts, estimated, settings.scaling, outside))


def _check_several_inputs(samples: Samples, settings: AnyDataset, source: str) -> None:
    """Check that nothing changes the values of several inputs: each would need its own setting."""
    if has_several_inputs(samples.x) and settings.scaling != "none":
        raise InputError(
            f"{source}: scaling {settings.scaling!r} is not possible with several inputs; scale "
            "each array in the file, and set `scaling: none`"
        )


def _split(samples: Samples, settings: AnyDataset, seed: int, source: str) -> dict[str, Samples]:
    folds = settings.cross_validation
    if folds is not None and samples.split is not None:
        raise InputError(
            f"{source}: `folds: {folds}` draws the splits, but the dataset has its own split; "
            "remove `folds`, or choose a protocol without a split"
        )
    if folds is None:
        parts = split(samples, settings.val, settings.test, seed, source)
    else:
        parts = split_by_fold(samples, folds, settings.fold, settings.val, seed, source)
    if samples.task == Task.RECONSTRUCTION and len(samples.y):
        # An autoencoder learns what is normal.
        for name in ("train", "val"):
            parts[name] = parts[name].take(np.flatnonzero(parts[name].y == 0))
            if not len(parts[name].x):
                raise InputError(
                    f"{source}: all samples of the {name} split are anomalous, but an autoencoder "
                    "learns from normal ones; give groups with normal samples, or your own split"
                )
    return parts


def convert_to_binary(samples: Samples, negative: str, source: str) -> Samples:
    """Convert a multi-class task to a binary task: one class (0) against all others (1).

    Args:
        samples: Samples of a multi-class task.
        negative: Name of the class that becomes class 0.
        source: Name of the dataset, for error messages.

    Returns:
        The samples with binary labels.

    Raises:
        InputError: If the task is not multi-class or has no such class.
    """
    if samples.task != "multiclass" or negative not in samples.class_names:
        raise InputError(
            f"{source}: unknown negative_class {negative!r}. Known: "
            f"{', '.join(samples.class_names)}."
        )
    y = (samples.y != samples.class_names.index(negative)).astype(np.int64)
    return replace(samples, y=y, class_names=(negative, f"not {negative}"), task="binary")


def apply_layout(x: np.ndarray, layout: str, shape: Shape | None, source: str) -> np.ndarray:
    """Bring samples into the layout of a 2-D convolution.

    Args:
        x: Signals, (n, time, channels), or images, (n, height, width, channels); several inputs
            have no layout.
        layout: `time_channel` for (n, time, channels, 1), `channel_time` for (n, channels, time,
            1), or `image` for no change.
        shape: New shape of each sample after the layout (row-major), or None; one shape for each
            of several inputs.
        source: Name of the dataset, for error messages.

    Returns:
        The samples in their new layout.

    Raises:
        InputError: If x has a wrong number of dimensions, or `shape` has a wrong number of
            elements.
    """
    if has_several_inputs(x):
        return _reshape_inputs(x, shape, source)
    expected = 4 if layout == "image" else 3
    if x.ndim != expected:
        raise InputError(
            f"{source}: layout {layout!r} requires x with {expected} dimensions, found shape "
            f"{x.shape}"
        )
    if layout == "time_channel":
        x = x[..., np.newaxis]
    elif layout == "channel_time":
        x = np.ascontiguousarray(x.transpose(0, 2, 1))[..., np.newaxis]
    if isinstance(shape, Mapping):
        raise InputError(
            f"{source}: shape has names of inputs, but there is one input; set a list of numbers"
        )
    return x if shape is None else _reshape(x, shape, source)


def _reshape_inputs(x: np.ndarray, shape: Shape | None, source: str) -> np.ndarray:
    """Reshape the samples of several inputs, each to its own shape."""
    arrays = split_inputs(x)
    if shape is None:
        return x
    if not isinstance(shape, Mapping) or set(shape) != set(arrays):
        raise InputError(
            f"{source}: shape must have a shape for each of the inputs {', '.join(arrays)}"
        )
    return join_inputs(
        {name: _reshape(array, shape[name], source) for name, array in arrays.items()}
    )


def _reshape(x: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    """Reshape each sample of an input, row-major."""
    if np.prod(shape) != np.prod(x.shape[1:]):
        raise InputError(
            f"{source}: shape {list(shape)} has {np.prod(shape)} elements, but a sample has "
            f"{np.prod(x.shape[1:])}: {x.shape[1:]}"
        )
    return x.reshape(len(x), *shape)


def _build_record(
    parts: Mapping[str, Samples],
    estimated: Mapping[str, Any],
    kind: str,
    outside: Mapping[str, int],
) -> DatasetRecord:
    """Build the record of a dataset: its scaling, and the counts of each split."""

    def count_classes(part: Samples) -> dict[str, int]:
        names = part.class_names
        if part.task == Task.REGRESSION or not len(part.y):
            return {}
        if part.task == Task.RECONSTRUCTION:
            names = ("normal", "anomalous")
        is_several = part.task == Task.MULTILABEL
        counts = part.y.sum(axis=0) if is_several else np.bincount(part.y.ravel())
        return {name: int(count) for name, count in zip(names, counts, strict=False)}

    return DatasetRecord(
        scaling={"kind": kind, **estimated},
        splits={
            name: SplitRecord(
                samples=len(part.x),
                groups=None if part.group is None else len(np.unique(part.group)),
                classes=count_classes(part),
                outside_range=outside[name],
            )
            for name, part in parts.items()
        },
    )


def save(prepared: Prepared, files: Mapping[str, str], record: str | Path) -> None:
    """Write a prepared dataset.

    Args:
        prepared: The dataset.
        files: Path of each split's file, by name of the split.
        record: Path of the record's JSON file.
    """
    for name, part in prepared.splits.items():
        save_split(files[name], part)
    write_json(record, prepared.record.to_json())
