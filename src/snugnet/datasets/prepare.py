"""From a loader's samples to the split files of a dataset."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.files import write_json
from snugnet.core.samples import Samples, check_samples, save_split
from snugnet.datasets import scaling
from snugnet.datasets.splits import split


class Prepared(NamedTuple):
    """A dataset, ready to be written.

    Attributes:
        splits: Samples by the name of their split.
        record: What was estimated and how many samples there are, ready for JSON.
    """

    splits: dict[str, Samples]
    record: dict[str, Any]


def prepare(samples: Samples, settings: Mapping[str, Any], seed: int) -> Prepared:
    """Check, split, scale and lay out samples.

    Args:
        samples: What a loader gave.
        settings: The dataset's block of the configuration, and its `name`.
        seed: Seed of the split.

    Raises:
        InputError: If the samples cannot be used as the settings ask.
    """
    source = f"dataset {settings['name']!r}"
    if settings.get("negative_class") is not None:
        samples = convert_to_binary(samples, settings["negative_class"], source)
    check_samples(samples, source)
    parts = split(samples, settings["val"], settings["test"], seed, source)
    scale, estimated = scaling.fit(settings["scaling"], parts["train"].x)
    outside = {name: scaling.count_outside(part.x, estimated) for name, part in parts.items()}
    for name, part in parts.items():
        x = apply_layout(scale(part.x), settings["layout"], settings["shape"], source)
        if not np.isfinite(x).all():
            raise InputError(f"{source}: {name} values overflow float32 after scaling")
        parts[name] = replace(part, x=x)
    return Prepared(parts, _record(parts, estimated, settings["scaling"], outside))


def convert_to_binary(samples: Samples, negative: str, source: str) -> Samples:
    """Turn a multi-class task into: class `negative` (0) against all others (1).

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


def apply_layout(x: np.ndarray, layout: str, shape: list[int] | None, source: str) -> np.ndarray:
    """Bring samples into the layout of a 2-D convolution.

    Args:
        x: (n, time, channels) for signals, (n, height, width, channels) for images.
        layout: `time_channel` gives (n, time, channels, 1), `channel_time` (n, channels, time, 1),
            `image` leaves x as it is.
        shape: If given, each sample is reshaped to it afterwards (row-major).
        source: For the message.

    Raises:
        InputError: If x has other dimensions, or `shape` another number of elements.
    """
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
    if shape is None:
        return x
    if np.prod(shape) != np.prod(x.shape[1:]):
        raise InputError(
            f"{source}: shape {shape} has {np.prod(shape)} elements, but a sample has "
            f"{np.prod(x.shape[1:])}: {x.shape[1:]}"
        )
    return x.reshape(len(x), *shape)


def _record(
    parts: dict[str, Samples], estimated: dict[str, Any], kind: str, outside: dict[str, int]
) -> dict[str, Any]:
    def counts(part: Samples) -> dict[str, int]:
        labels = part.y.sum(axis=0) if part.y.ndim == 2 else np.bincount(part.y)
        return {name: int(count) for name, count in zip(part.class_names, labels, strict=False)}

    return {
        "scaling": {"kind": kind, **estimated},
        "splits": {
            name: {
                "samples": len(part.x),
                "groups": None if part.group is None else len(np.unique(part.group)),
                "classes": counts(part),
                # Values outside train's range; they saturate where the scaling is uint8.
                "outside_range": outside[name],
            }
            for name, part in parts.items()
        },
    }


def save(prepared: Prepared, files: Mapping[str, str], record: str | Path) -> None:
    """Write the splits to `files` ({split: path}) and the record to `record`."""
    for name, part in prepared.splits.items():
        save_split(files[name], part)
    write_json(record, prepared.record)
