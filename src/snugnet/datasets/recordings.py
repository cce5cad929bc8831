"""Loader of a user's continuous recordings: labelled segments are cut into windows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples, read_arrays_by_role
from snugnet.core.settings.datasets.recordings import RecordingsDataset
from snugnet.datasets.sources import require_files, source_files
from snugnet.datasets.windows import encode_labels

SETTINGS = RecordingsDataset
ROLES = ("x", "start", "length", "label", "group", "class_names", "scale")


def load(settings: RecordingsDataset, datasets_dir: Path, seed: int) -> Samples:
    """Cut windows of equal length and stride out of labelled segments.

    The .npz file holds `x` (samples, channels) and for each segment `start`, `length` (in
    samples), `label` and optionally `group`. `class_names` (label i has name i) and `scale` (a
    factor for x, one number or one per channel) are optional.

    Args:
        settings: Path, names of arrays, window and stride in samples, and classes to keep.
        datasets_dir: Folder that `path` is relative to.
        seed: Not used; nothing is drawn.

    Returns:
        Samples with x float32 (n, window, channels). The group is that of the file; without groups
        in the file it is the index of the segment.

    Raises:
        InputError: If the file does not have this form, a segment exceeds x, or a class is unknown.
    """
    files = source_files(settings, datasets_dir)
    require_files(files, "recordings", "dataset kind recordings")
    path = files[0]
    arrays = read_arrays_by_role(path, settings.arrays.by_role(), ROLES[:4], ROLES[4:])
    if arrays["x"].ndim == 1:
        arrays["x"] = arrays["x"][:, np.newaxis]
    _check_segments(arrays, path)
    labels, names = encode_labels(arrays["label"], arrays.get("class_names"), "multiclass", path)
    classes = _select_classes(settings.classes, names, path)
    class_of = {names.index(name): k for k, name in enumerate(classes)}
    starts, y, segment_of = _list_windows(arrays, labels, class_of, settings)
    if not starts:
        raise InputError(
            f"{path}: no segment holds a window of {settings.window} samples; reduce window"
        )
    index = np.array(starts)[:, np.newaxis] + np.arange(settings.window)
    x = arrays["x"][index].astype(np.float32)
    if "scale" in arrays:
        x *= arrays["scale"].astype(np.float32)
    # Without groups, each segment is a group: its windows overlap or adjoin and must not be split.
    segment = np.array(segment_of)
    group = arrays["group"][segment] if "group" in arrays else segment
    return Samples(x, np.array(y, dtype=np.int64), classes, "multiclass", group)


def _check_segments(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Check that the arrays of segments have equal lengths and that all segments lie within x."""
    start, length = arrays["start"], arrays["length"]
    for role in ("length", "label", "group"):
        if role in arrays and len(arrays[role]) != len(start):
            raise InputError(
                f"{path}: {len(start)} segment starts, but {len(arrays[role])} {role}s; the arrays "
                "must have one entry for each segment"
            )
    outside = (start < 0) | (length < 0) | (start + length > len(arrays["x"]))
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(
            f"{path}: segment {first} (start {start[first]}, length {length[first]}) exceeds x, "
            f"which has {len(arrays['x'])} samples"
        )


def _select_classes(
    selection: Sequence[str] | None, names: tuple[str, ...], path: Path
) -> tuple[str, ...]:
    """Check the names of the selected classes; None or an empty list selects all classes."""
    unknown = [name for name in selection or () if name not in names]
    if unknown:
        raise InputError(f"{path}: unknown class {', '.join(unknown)}. Known: {', '.join(names)}.")
    return tuple(selection) if selection else names


def _list_windows(
    arrays: Mapping[str, np.ndarray],
    labels: np.ndarray,
    class_of: Mapping[int, int],
    settings: RecordingsDataset,
) -> tuple[list[int], list[int], list[int]]:
    """List the start, class and segment of each window.

    Args:
        arrays: The arrays of the file, by role.
        labels: Label of each segment.
        class_of: Class index of each label to keep.
        settings: Window and stride in samples.
    """
    starts, y, segments = [], [], []
    for segment, (start, length, label) in enumerate(
        zip(arrays["start"], arrays["length"], labels, strict=True)
    ):
        if int(label) not in class_of:
            continue
        stop = int(start) + int(length) - settings.window + 1
        for window_start in range(int(start), stop, settings.stride):
            starts.append(window_start)
            y.append(class_of[int(label)])
            segments.append(segment)
    return starts, y, segments
