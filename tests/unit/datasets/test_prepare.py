"""Tests of the scaling and the layout of samples."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.files import read_json
from snugnet.core.samples import Samples, load_split
from snugnet.datasets import scaling
from snugnet.datasets.prepare import apply_layout, convert_to_binary, prepare, save
from snugnet.datasets.record import DatasetRecord

RNG = np.random.default_rng(0)
SETTINGS = {
    "name": "mine",
    "scaling": "standardize",
    "layout": "time_channel",
    "shape": None,
    "val": 0.2,
    "test": 0.2,
}


def samples() -> Samples:
    x = RNG.normal(5.0, 3.0, (90, 10, 2)).astype(np.float32) * [1.0, 10.0]
    return Samples(x, np.arange(90) % 3, ("a", "b", "c"), "multiclass", np.arange(90) // 3)


def test_prepare_uses_train_mean_and_std_when_standardizing():
    prepared = prepare(samples(), SETTINGS, 1)
    train = prepared.splits["train"].x
    assert train.shape[1:] == (10, 2, 1)
    np.testing.assert_allclose(train.mean(axis=(0, 1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=(0, 1, 3)), 1, atol=1e-5)
    assert abs(prepared.splits["test"].x.mean()) > 1e-4
    first_std, second_std = prepared.record.scaling["std"]
    assert 8 < second_std / first_std < 12


def test_prepare_keeps_values_when_scaling_is_none():
    raw = samples()
    prepared = prepare(raw, {**SETTINGS, "scaling": "none"}, 1)
    values = np.concatenate([part.x for part in prepared.splits.values()])
    np.testing.assert_array_equal(
        np.sort(values.ravel()), np.sort(raw.x.astype(np.float32).ravel())
    )


def test_prepare_counts_values_when_they_are_outside_train_range():
    raw = samples()
    x = np.zeros((90, 10, 2))
    x[:, 0, 0] = np.arange(90)
    part = np.array(["train", "val", "test"])[
        (np.arange(90) > 50) + (np.arange(90) > 80).astype(int)
    ]
    raw = replace(raw, x=x, split=part)
    for kind, expected in (("uint8", [0, 30, 9]), ("standardize", [0, 0, 0])):
        splits = prepare(raw, {**SETTINGS, "scaling": kind}, 0).record.splits
        assert [splits[name].outside_range for name in ("train", "val", "test")] == expected


def test_scaling_saturates_at_train_range_when_kind_is_uint8():
    scale, estimated = scaling.fit("uint8", np.array([[[-1.0], [3.0]]]))
    assert estimated == {"low": [-1.0], "high": [3.0]}
    mapped = scale(np.array([[[-9.0], [-1.0], [1.0], [3.0], [9.0]]]))
    assert mapped.dtype == np.uint8
    assert mapped.ravel().tolist() == [0, 0, 128, 255, 255]


def test_scaling_maps_train_to_0_and_1_when_kind_is_minmax():
    scale, _ = scaling.fit("minmax", np.array([[[2.0], [6.0]]]))
    assert scale(np.array([[[2.0], [3.0], [6.0]]])).ravel().tolist() == [0.0, 0.25, 1.0]


def test_scaling_stays_small_when_channel_is_constant():
    train = np.full((50, 10, 1), 0.1)
    scale, _ = scaling.fit("standardize", train)
    assert np.abs(scale(train + 0.1)).max() < 1


def test_prepare_fails_when_values_overflow_float32():
    raw = samples()
    raw.x[3, 2, 1] = 1e39
    with pytest.raises(InputError, match="overflow float32"):
        prepare(raw, {**SETTINGS, "scaling": "none"}, 1)


def test_scaling_uses_each_sample_when_kind_is_per_sample():
    scale, estimated = scaling.fit("per_sample", np.zeros((1, 4, 1)))
    x = np.array([[1.0, 2, 3, 4], [7, 7, 7, 7]])[..., np.newaxis]
    scaled = scale(x)
    assert estimated == {}
    np.testing.assert_allclose(scaled[0].std(), 1, atol=1e-6)
    assert (scaled[1] == 0).all()


def test_apply_layout_returns_expected_shapes():
    x = np.arange(24).reshape(2, 4, 3)
    assert apply_layout(x, "time_channel", None, "x").shape == (2, 4, 3, 1)
    across = apply_layout(x, "channel_time", None, "x")
    assert across.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(across[1, 2, :, 0], x[1, :, 2])
    assert apply_layout(x, "time_channel", [2, 6, 1], "x").shape == (2, 2, 6, 1)


def test_apply_layout_fails_when_shape_has_wrong_size():
    with pytest.raises(InputError, match=r"has 20 elements, but a sample has 12"):
        apply_layout(np.zeros((2, 4, 3)), "time_channel", [4, 5, 1], "x")


def test_apply_layout_fails_when_dimensions_are_wrong():
    with pytest.raises(InputError, match="requires x with 4 dimensions"):
        apply_layout(np.zeros((2, 4, 3)), "image", None, "x")


def test_convert_to_binary_merges_classes_and_checks_name():
    binary = convert_to_binary(samples(), "b", "x")
    assert binary.task == "binary"
    assert binary.class_names == ("b", "not b")
    np.testing.assert_array_equal(binary.y, (np.arange(90) % 3 != 1).astype(int))
    with pytest.raises(InputError, match="unknown negative_class 'z'"):
        convert_to_binary(samples(), "z", "x")


def test_saved_splits_are_equal_when_loaded(tmp_path: Path):
    prepared = prepare(samples(), SETTINGS, 1)
    files = {name: str(tmp_path / f"{name}.npz") for name in prepared.splits}
    save(prepared, files, tmp_path / "record.json")
    for name, part in prepared.splits.items():
        np.testing.assert_array_equal(load_split(files[name]).x, part.x)
    assert DatasetRecord.from_json(read_json(tmp_path / "record.json")) == prepared.record
