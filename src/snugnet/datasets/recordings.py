"""Anyone's continuous recordings with labelled segments, cut into windows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples, read_arrays_by_role
from snugnet.datasets.sources import require_files, source_files
from snugnet.datasets.windows import encode_labels

ROLES = ("x", "start", "length", "label", "group", "class_names", "scale")


def load(settings: Mapping[str, Any], seed: int) -> Samples:
    """Cut windows of one length and stride out of labelled segments.

    The .npz holds `x` (samples, channels), and per segment `start`, `length` (in samples),
    `label` and optionally `group`; optionally `class_names` (label i means name i) and `scale`.

    Args:
        settings: `datasets_dir` and `path` below it, `arrays` (renames roles), `window` and
            `stride` in samples, `classes` (names to keep, in this order; null for all).
        seed: Not used: reading draws nothing.

    Returns:
        x float32 (n, window, channels), group as given, or the segment.

    Raises:
        InputError: If the file is not of this form, a segment leaves x, or a class is unknown.
    """
    files = source_files(settings)
    require_files(files, "recordings", "dataset kind recordings")
    path = files[0]
    arrays = read_arrays_by_role(path, settings["arrays"], ROLES[:4], ROLES[4:])
    if arrays["x"].ndim == 1:
        arrays["x"] = arrays["x"][:, np.newaxis]
    _check_segments(arrays, path)
    labels, names = encode_labels(arrays["label"], arrays.get("class_names"), "multiclass", path)
    classes = _classes(settings["classes"], names, path)
    code = {names.index(name): k for k, name in enumerate(classes)}
    starts, y, segment_of = _windows(arrays, labels, code, settings)
    if not starts:
        raise InputError(
            f"{path}: no segment holds a window of {settings['window']} samples; reduce window"
        )
    index = np.array(starts)[:, np.newaxis] + np.arange(settings["window"])
    x = arrays["x"][index].astype(np.float32)
    if "scale" in arrays:
        x *= arrays["scale"].astype(np.float32)
    # Without groups a segment is one: its windows overlap or adjoin, and must stay together.
    segment = np.array(segment_of)
    group = arrays["group"][segment] if "group" in arrays else segment
    return Samples(x, np.array(y, dtype=np.int64), classes, "multiclass", group)


def _check_segments(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    start, length = arrays["start"], arrays["length"]
    for role in ("length", "label", "group"):
        if role in arrays and len(arrays[role]) != len(start):
            raise InputError(
                f"{path}: {len(start)} segment starts, but {len(arrays[role])} {role}s"
            )
    outside = (start < 0) | (length < 0) | (start + length > len(arrays["x"]))
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(
            f"{path}: segment {first} (start {start[first]}, length {length[first]}) exceeds x, "
            f"which has {len(arrays['x'])} samples"
        )


def _classes(wanted: list[str] | None, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    unknown = [name for name in wanted or () if name not in names]
    if unknown:
        raise InputError(f"{path}: unknown class {', '.join(unknown)}. Known: {', '.join(names)}.")
    return tuple(wanted) if wanted else names


def _windows(
    arrays: Mapping[str, np.ndarray],
    labels: np.ndarray,
    code: Mapping[int, int],
    settings: Mapping[str, Any],
) -> tuple[list[int], list[int], list[int]]:
    """List each window's start, class and segment."""
    starts, y, segments = [], [], []
    for segment, (start, length, label) in enumerate(
        zip(arrays["start"], arrays["length"], labels, strict=True)
    ):
        if int(label) not in code:
            continue
        stop = int(start) + int(length) - settings["window"] + 1
        for at in range(int(start), stop, settings["stride"]):
            starts.append(at)
            y.append(code[int(label)])
            segments.append(segment)
    return starts, y, segments
