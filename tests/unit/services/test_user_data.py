"""Tests of the reader of user data."""

import numpy as np
import pandas as pd
import pytest

from snugnet.core.errors import InputError
from snugnet.services.user_data import read

SHAPE = (1, 6, 1)


def test_read_reshapes_samples_when_dimensions_of_one_differ(tmp_path):
    x = np.arange(12, dtype=np.float32)
    for shape in ((2, 6), (2, 6, 1), (2, 1, 6), (2, 1, 1, 6, 1)):
        np.save(tmp_path / "x.npy", x.reshape(shape))
        np.testing.assert_array_equal(read(tmp_path / "x.npy", SHAPE).x, x.reshape(2, *SHAPE))


def test_read_returns_samples_when_file_is_a_split(tmp_path):
    from snugnet.core.samples import Samples, save_split

    x = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
    y = np.array([0, 1, 0, 1])
    save_split(tmp_path / "test.npz", Samples(x, y, ("a", "b"), "multiclass", np.arange(4)))
    samples = read(tmp_path / "test.npz", SHAPE)
    np.testing.assert_array_equal(samples.x, x)
    np.testing.assert_array_equal(samples.y, y)
    np.testing.assert_array_equal(samples.group, np.arange(4))


def test_read_uses_test_arrays_when_names_are_as_in_mnist(tmp_path):
    x = np.zeros((3, 6))
    np.savez(tmp_path / "mnist.npz", x_test=x, y_test=np.arange(3), x_train=x, y_train=x)
    assert read(tmp_path / "mnist.npz", SHAPE).y.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [({"y": [1, 0]}, [1, 0]), ({"y_a": [1, 0], "y_b": [0, 1]}, [[1, 0], [0, 1]])],
)
def test_read_reshapes_rows_when_file_is_csv(tmp_path, columns, expected):
    values = pd.DataFrame(np.arange(12.0).reshape(2, 6), columns=list("abcdef"))
    values.assign(group=[3, 4], **columns).to_csv(tmp_path / "x.csv", index=False)
    samples = read(tmp_path / "x.csv", SHAPE)
    np.testing.assert_array_equal(samples.x, np.arange(12).reshape(2, *SHAPE))
    assert samples.y.tolist() == expected
    assert samples.group.tolist() == [3, 4]


def test_read_fails_when_labels_are_class_names(tmp_path):
    """Another file may lack a class: there the same names would get other numbers."""
    values = pd.DataFrame(np.arange(12.0).reshape(2, 6), columns=list("abcdef"))
    values.assign(y=["walking", "jogging"]).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match="index of the model's output"):
        read(tmp_path / "x.csv", SHAPE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 5))}, "samples have shape (5,), but the model takes (1, 6, 1)"),
        ({"x": np.zeros((2, 3, 2))}, "the model takes"),
        ({"x": np.full((2, 6), np.nan)}, "NaN or infinite"),
        ({"x": np.zeros((0, 6))}, "Save numbers of shape (samples, …)"),
        ({"x": np.array([["a"] * 6])}, "Save numbers of shape (samples, …)"),
        ({"x": np.zeros((2, 6)), "y": np.zeros(3, int)}, "y has shape (3,), but x has 2 samples"),
        ({"x": np.zeros((2, 6)), "y": np.full(2, 0.5)}, "y has type float64. Save integers"),
        (
            {"signal": np.zeros((2, 6))},
            "array x or x_test not found. Found: signal. Save the samples as x.",
        ),
    ],
)
def test_read_fails_when_arrays_are_invalid(tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(InputError) as error:
        read(tmp_path / "data.npz", SHAPE)
    assert message in str(error.value)
    assert "data.npz" in str(error.value)


def test_read_fails_when_file_is_pickled_or_of_unknown_type(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    for name in ("x.npy", "x.pkl"):
        with pytest.raises(InputError, match=name):
            read(tmp_path / name, SHAPE)
