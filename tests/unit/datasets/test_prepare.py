"""Tests of the preparation of a dataset."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.files import read_json
from snugnet.core.samples import Samples, load_split
from snugnet.core.settings.datasets.base import AnyDataset
from snugnet.datasets.prepare import apply_layout, convert_to_binary, prepare, save
from snugnet.datasets.record import DatasetRecord

RNG = np.random.default_rng(0)
X = np.arange(24).reshape(2, 4, 3)


def samples() -> Samples:
    x = RNG.normal(5.0, 3.0, (90, 10, 2)).astype(np.float32) * [1.0, 10.0]
    return Samples(x, np.arange(90) % 3, ("a", "b", "c"), "multiclass", np.arange(90) // 3)


def settings(scaling: str = "standardize") -> AnyDataset:
    return AnyDataset(kind="windows", scaling=scaling, layout="time_channel", val=0.2, test=0.2)


def test_prepare_uses_mean_and_std_of_train_when_standardizing():
    dataset = prepare(samples(), settings(), "mine", 1)
    train = dataset.splits["train"].x
    assert train.shape[1:] == (10, 2, 1)
    np.testing.assert_allclose(train.mean(axis=(0, 1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=(0, 1, 3)), 1, atol=1e-5)
    assert abs(dataset.splits["test"].x.mean()) > 1e-4
    first_std, second_std = dataset.record.scaling["std"]
    assert 8 < second_std / first_std < 12


def test_prepare_keeps_values_when_scaling_is_none():
    raw_samples = samples()
    dataset = prepare(raw_samples, settings("none"), "mine", 1)
    values = np.concatenate([part.x for part in dataset.splits.values()])
    np.testing.assert_array_equal(
        np.sort(values.ravel()), np.sort(raw_samples.x.astype(np.float32).ravel())
    )


@pytest.mark.parametrize(("scaling", "counts"), [("uint8", [0, 30, 9]), ("standardize", [0, 0, 0])])
def test_prepare_counts_values_when_they_are_outside_train_range(scaling, counts):
    x = np.zeros((90, 10, 2))
    x[:, 0, 0] = np.arange(90)
    names = np.array(["train"] * 51 + ["val"] * 30 + ["test"] * 9)
    dataset = prepare(replace(samples(), x=x, split=names), settings(scaling), "mine", 0)
    splits = dataset.record.splits
    assert [splits[name].outside_range for name in ("train", "val", "test")] == counts


def test_prepare_fails_when_values_overflow_float32():
    raw_samples = samples()
    raw_samples.x[3, 2, 1] = 1e39
    with pytest.raises(InputError, match=r"dataset 'mine': .* overflow float32"):
        prepare(raw_samples, settings("none"), "mine", 1)


def test_apply_layout_adds_axis_when_layout_is_time_channel():
    assert apply_layout(X, "time_channel", None, "x").shape == (2, 4, 3, 1)


def test_apply_layout_swaps_axes_when_layout_is_channel_time():
    output = apply_layout(X, "channel_time", None, "x")
    assert output.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(output[1, 2, :, 0], X[1, :, 2])


def test_apply_layout_reshapes_samples_when_shape_is_set():
    assert apply_layout(X, "time_channel", (2, 6, 1), "x").shape == (2, 2, 6, 1)


def test_apply_layout_fails_when_shape_has_wrong_size():
    with pytest.raises(InputError, match=r"has 20 elements, but a sample has 12"):
        apply_layout(X, "time_channel", (4, 5, 1), "x")


def test_apply_layout_fails_when_dimensions_are_wrong():
    with pytest.raises(InputError, match="requires x with 4 dimensions"):
        apply_layout(X, "image", None, "x")


def test_convert_to_binary_merges_classes_when_class_is_known():
    binary_samples = convert_to_binary(samples(), "b", "x")
    assert binary_samples.task == "binary"
    assert binary_samples.class_names == ("b", "not b")
    np.testing.assert_array_equal(binary_samples.y, (np.arange(90) % 3 != 1).astype(int))


def test_convert_to_binary_fails_when_class_is_unknown():
    with pytest.raises(InputError, match="unknown negative_class 'z'"):
        convert_to_binary(samples(), "z", "x")


def test_save_keeps_splits_and_record_when_files_are_read(tmp_path: Path):
    dataset = prepare(samples(), settings(), "mine", 1)
    files = {name: str(tmp_path / f"{name}.npz") for name in dataset.splits}
    save(dataset, files, tmp_path / "record.json")
    for name, part in dataset.splits.items():
        np.testing.assert_array_equal(load_split(files[name]).x, part.x)
    assert DatasetRecord.from_json(read_json(tmp_path / "record.json")) == dataset.record


def test_train_has_normal_samples_when_task_is_reconstruction():
    x = np.random.default_rng(0).normal(size=(60, 8, 2)).astype(np.float32)
    marked = Samples(x, (np.arange(60) % 3 == 0).astype(np.int64), (), "reconstruction")
    prepared = prepare(marked, settings(), "d", 1)
    counts = {name: split.classes for name, split in prepared.record.splits.items()}
    assert counts["train"] == {"normal": 24}
    assert counts["val"] == {"normal": 8}
    assert counts["test"] == {"normal": 8, "anomalous": 4}


def test_prepare_counts_no_classes_when_task_is_regression():
    x = np.random.default_rng(0).normal(size=(60, 8, 2)).astype(np.float32)
    targets = Samples(x, x[:, 0, :1], ("0",), "regression")
    prepared = prepare(targets, settings(), "d", 1)
    assert all(not split.classes for split in prepared.record.splits.values())


def test_prepare_fails_when_dataset_has_folds_and_a_split():
    own = replace(samples(), split=np.array(["train", "val", "test"] * 30))
    with pytest.raises(InputError, match="the dataset has its own split; remove `folds`"):
        prepare(own, settings().model_copy(update={"folds": 3}), "d", 1)


def test_prepare_fails_when_val_has_no_normal_samples():
    x = np.random.default_rng(0).normal(size=(40, 8, 2)).astype(np.float32)
    group = np.arange(40) // 10
    for seed in range(9):
        marked = Samples(x, (group < 2).astype(np.int64), (), "reconstruction", group)
        try:
            prepared = prepare(marked, settings(), "d", seed)
        except InputError as error:
            assert "split are anomalous" in str(error)
        else:
            assert all(len(split.x) for split in prepared.splits.values())
