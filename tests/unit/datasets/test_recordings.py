"""Tests of the loader of a user's recordings."""

from pathlib import Path

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.recordings import RecordingsDataset
from snugnet.datasets import recordings


def write(folder: Path, **changes: np.ndarray | None) -> None:
    """Write a file of two segments; a change of None omits an array."""
    arrays = {
        "x": np.arange(40, dtype=np.int16).reshape(20, 2),
        "start": np.array([0, 10]),
        "length": np.array([9, 4]),
        "label": np.array([1, 0]),
        "group": np.array([7, 8]),
        "class_names": np.array(["sit", "walk", "run"]),
        "scale": np.array([1.0, 0.5]),
        **changes,
    }
    contents = {name: array for name, array in arrays.items() if array is not None}
    np.savez(folder / "mine.npz", **contents)


def load(folder: Path, **changes) -> Samples:
    fields = {"kind": "recordings", "path": "mine.npz", "window": 4, "stride": 2, **changes}
    return recordings.load(RecordingsDataset(**fields), folder, 1)


def test_recordings_drops_windows_when_they_exceed_a_segment(tmp_path):
    write(tmp_path)
    samples = load(tmp_path)
    # A segment of 9 holds windows of 4 at 0, 2 and 4; a segment of 4 holds one.
    assert samples.x[:, 0, 0].tolist() == [0, 4, 8, 20]
    assert samples.x[0, :, 1].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert samples.y.tolist() == [1, 1, 1, 0]
    assert samples.group.tolist() == [7, 7, 7, 8]


def test_recordings_keeps_chosen_classes_when_classes_are_set(tmp_path):
    write(tmp_path)
    samples = load(tmp_path, classes=["walk"])
    assert samples.class_names == ("walk",)
    assert samples.y.tolist() == [0, 0, 0]


def test_recordings_groups_by_segment_when_groups_are_missing(tmp_path):
    write(tmp_path, group=None)
    assert load(tmp_path).group.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "settings", "words"),
    [
        ({}, {"arrays": {"group": "subject"}}, "missing arrays: subject"),
        ({"length": np.array([9, 11])}, {}, "segment 1 .* exceeds x"),
        ({"label": np.array([1])}, {}, "2 segment starts, but 1 labels"),
        ({}, {"classes": ["fly"]}, "unknown class fly. Known: sit, walk, run"),
        ({}, {"window": 50}, "no segment holds a window of 50"),
    ],
)
def test_recordings_fails_when_arrays_or_settings_are_invalid(tmp_path, arrays, settings, words):
    write(tmp_path, **arrays)
    with pytest.raises(InputError, match=words):
        load(tmp_path, **settings)
