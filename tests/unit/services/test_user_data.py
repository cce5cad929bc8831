"""Tests of the reader of user data."""

import io
import subprocess
import sys
import time
import traceback
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from snugnet.core.budget import DEFAULT_BUDGET, Budget, BudgetError
from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort
from snugnet.core.tasks import ModelEnds
from snugnet.services.labels import build_samples
from snugnet.services.user_data import (
    Data,
    DataSource,
    describe_possible_group,
    find_possible_groups,
    from_arrays,
    read,
)

SHAPE = (1, 6, 1)
X = np.arange(24, dtype=np.float32).reshape(4, 6)
INPUTS = (InputPort("x", SHAPE),)
SOFTMAX = ModelEnds(INPUTS, (2,), "softmax")


def read_file(path: Path, shape: tuple[int, ...] = SHAPE, **options: object) -> Data:
    """Read a file with the options of its source."""
    return read(DataSource(path, **options), (InputPort("x", shape),))


def save_npz(folder: Path, **arrays: object) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


def save_table(folder: Path, rows: int = 2, **columns: object) -> Path:
    """Write a table with six columns of values, and further columns."""
    path = folder / "data.csv"
    values = pd.DataFrame(np.arange(6.0 * rows).reshape(rows, 6), columns=list("abcdef"))
    values.assign(**columns).to_csv(path, index=False)
    return path


def test_read_reshapes_samples_when_dimensions_of_one_differ(tmp_path):
    x = np.arange(12, dtype=np.float32)
    for shape in ((2, 6), (2, 6, 1), (2, 1, 6), (2, 1, 1, 6, 1)):
        np.save(tmp_path / "x.npy", x.reshape(shape))
        np.testing.assert_array_equal(read_file(tmp_path / "x.npy").x, x.reshape(2, *SHAPE))


def test_read_returns_samples_when_file_is_a_split(tmp_path):
    from snugnet.core.samples import Samples, save_split

    x = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
    y = np.array([0, 1, 0, 1])
    save_split(tmp_path / "test.npz", Samples(x, y, ("a", "b"), "multiclass", np.arange(4)))
    samples = read_file(tmp_path / "test.npz")
    np.testing.assert_array_equal(samples.x, x)
    np.testing.assert_array_equal(samples.y, y)
    np.testing.assert_array_equal(samples.group, np.arange(4))
    assert samples.class_names == ("a", "b")


def test_read_uses_test_arrays_when_names_are_as_in_mnist(tmp_path):
    x = np.zeros((3, 6))
    np.savez(tmp_path / "mnist.npz", x_test=x, y_test=np.arange(3), x_train=x, y_train=x)
    data = read_file(tmp_path / "mnist.npz")
    assert data.y.tolist() == [0, 1, 2]
    assert data.used == {"x": "x_test", "y": "y_test"}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [({"y": [1, 0]}, [1, 0]), ({"y_a": [1, 0], "y_b": [0, 1]}, [[1, 0], [0, 1]])],
)
def test_read_reshapes_rows_when_file_is_csv(tmp_path, columns, expected):
    values = pd.DataFrame(np.arange(12.0).reshape(2, 6), columns=list("abcdef"))
    values.assign(group=[3, 4], **columns).to_csv(tmp_path / "x.csv", index=False)
    samples = read_file(tmp_path / "x.csv")
    np.testing.assert_array_equal(samples.x, np.arange(12).reshape(2, *SHAPE))
    assert samples.y.tolist() == expected
    assert samples.group.tolist() == [3, 4]


def test_read_fails_when_labels_are_class_names(tmp_path):
    """Another file may lack a class: there the same names would get other numbers."""
    path = save_table(tmp_path, y=["walking", "jogging"])
    data = read_file(path)
    assert data.y.tolist() == ["walking", "jogging"]
    with pytest.raises(InputError, match="in the order of the model's outputs"):
        build_samples(data, SOFTMAX, str(path))
    data = read_file(path, labels=("walking", "jogging"))
    assert data.class_names == ("walking", "jogging")
    samples, _ = build_samples(data, SOFTMAX, str(path))
    assert samples.y.tolist() == [0, 1]


def test_labels_are_refused_when_file_holds_fractions(tmp_path):
    path = save_npz(tmp_path, x=np.zeros((2, 6)), y=np.full(2, 0.5))
    with pytest.raises(InputError) as error:
        build_samples(read_file(path), SOFTMAX, str(path))
    assert "y has type float64 and holds fractions" in str(error.value)
    assert "save integers" in str(error.value)
    assert "data.npz" in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 5))}, "samples have shape (5,), but the model takes (1, 6, 1)"),
        ({"x": np.zeros((2, 3, 2))}, "the model takes"),
        ({"x": np.full((2, 6), np.nan)}, "NaN or infinite"),
        ({"x": np.zeros((0, 6))}, "Save numbers of shape (samples, …)"),
        ({"x": np.array([["a"] * 6])}, "Save numbers of shape (samples, …)"),
        ({"x": np.zeros((2, 6)), "y": np.zeros(3, int)}, "y has shape (3,), but x has 2 samples"),
        (
            {"signal": np.zeros((2, 6))},
            "array x or x_test not found. Arrays: signal. Name the samples with --array x=NAME",
        ),
    ],
)
def test_read_fails_when_arrays_are_invalid(tmp_path, arrays, message):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(InputError) as error:
        read_file(tmp_path / "data.npz")
    assert message in str(error.value)
    assert "data.npz" in str(error.value)


def test_read_fails_when_file_is_pickled_or_of_unknown_type(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    for name in ("x.npy", "x.pkl"):
        with pytest.raises(InputError, match=name):
            read_file(tmp_path / name)


# --- Arrays by role ----------------------------------------------------------------------------


def test_read_uses_named_arrays_when_roles_are_given(tmp_path):
    who, target = np.array(list("aabb")), np.array([1, 0, 1, 0])
    path = save_npz(tmp_path, signal=X, target=target, who=who, names=["rest", "walk"])
    roles = {"x": "signal", "y": "target", "group": "who", "class_names": "names"}
    data = read_file(path, arrays=roles)
    np.testing.assert_array_equal(data.x, X.reshape(4, *SHAPE))
    assert data.y.tolist() == [1, 0, 1, 0]
    assert data.group.tolist() == list("aabb")
    assert data.class_names == ("rest", "walk")
    assert data.used == roles


def test_read_prefers_named_array_when_default_exists(tmp_path):
    path = save_npz(tmp_path, x=X, y=np.zeros(4, int), z=X + 1, fine=np.array([3, 2, 1, 0]))
    data = read_file(path, arrays={"x": "z", "y": "fine"})
    np.testing.assert_array_equal(data.x.reshape(4, 6), X + 1)
    assert data.y.tolist() == [3, 2, 1, 0]
    assert data.used == {"x": "z", "y": "fine"}


def test_read_uses_train_arrays_when_they_are_named(tmp_path):
    path = save_npz(tmp_path, x_train=X, y_train=np.arange(4), x_test=X[:2], y_test=np.arange(2))
    data = read_file(path, arrays={"x": "x_train", "y": "y_train"})
    assert data.y.tolist() == [0, 1, 2, 3]
    assert data.used == {"x": "x_train", "y": "y_train"}


def test_read_prefers_x_when_file_has_x_and_x_test(tmp_path):
    path = save_npz(tmp_path, x=X, y=np.arange(4), x_test=X[:2], y_test=np.arange(2))
    assert read_file(path).used == {"x": "x", "y": "y"}


def test_read_has_no_labels_when_file_has_none(tmp_path):
    data = read_file(save_npz(tmp_path, x=X))
    assert (data.y, data.group, data.class_names, data.possible_groups) == (None, None, (), ())
    assert data.used == {"x": "x"}


@pytest.mark.parametrize(
    ("roles", "name"),
    [
        ({"x": "signal"}, "signal"),
        ({"y": "target"}, "target"),
        ({"group": "who"}, "who"),
        ({"class_names": "names"}, "names"),
    ],
)
def test_read_names_arrays_when_one_is_not_found(tmp_path, roles, name):
    path = save_npz(tmp_path, x=X, y=np.arange(4), extra=np.zeros(2))
    with pytest.raises(InputError) as error:
        read_file(path, arrays=roles)
    assert f"{path}: array {name} not found. Arrays: extra, x, y." in str(error.value)
    assert "--array y=NAME and group=NAME" in str(error.value)


@pytest.mark.parametrize("y", [np.array(list("NSNS")), np.array([0.5, 1, 2, 3]), np.arange(4) + 1])
def test_read_keeps_labels_when_no_command_needs_them(tmp_path, y):
    """Labels that a command does not need never stop it."""
    np.testing.assert_array_equal(read_file(save_npz(tmp_path, x=X, y=y)).y, y)


def test_read_uses_class_names_when_file_has_them(tmp_path):
    path = save_npz(tmp_path, x=X, y=np.array(list("SNSN")), class_names=np.array(["S", "N"]))
    data = read_file(path)
    assert data.class_names == ("S", "N")
    assert build_samples(data, SOFTMAX, "data")[0].y.tolist() == [0, 1, 0, 1]
    assert read_file(path, labels=("N", "S")).class_names == ("N", "S")


def test_read_decodes_class_names_when_they_are_bytes(tmp_path):
    path = save_npz(tmp_path, x=X, class_names=np.array([b"S", b"N"]))
    assert read_file(path).class_names == ("S", "N")


# --- Unused arrays that may be groups ----------------------------------------------------------


def test_possible_groups_are_named_when_array_is_unused(tmp_path):
    x = np.zeros((40, 6))
    path = save_npz(tmp_path, x=x, y=np.arange(40) % 2, subject=np.arange(40) // 10)
    assert read_file(path).possible_groups == ("subject",)
    data = read_file(path, arrays={"group": "subject"})
    assert data.possible_groups == ()
    assert data.group.tolist() == (np.arange(40) // 10).tolist()


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("recording", np.arange(40) // 10, True),
        ("who", np.repeat(list("abcd"), 10), True),
        ("who", (np.arange(40) // 10).astype(np.float32), True),
        ("who", (np.arange(40) // 10)[:, np.newaxis], True),
        ("patient_id", np.arange(40) % 4, True),
        ("Subject", np.arange(40) % 4, True),
        # Each sample has its own value, all have the same, or values change all the time.
        ("patient_id", np.arange(40), False),
        ("patient_id", np.zeros(40, int), False),
        ("time", np.arange(40), False),
        ("label2", np.arange(40) % 4, False),
        # Arrays of another length or shape.
        ("subject", np.arange(39) // 10, False),
        ("subject", np.zeros((40, 3), int), False),
        ("subject", np.array(3), False),
        ("subject", np.zeros((), "U4"), False),
    ],
)
def test_possible_group_has_long_runs_or_a_name_when_found(name, array, expected):
    assert find_possible_groups({name: array}, 40) == ((name,) if expected else ())


def test_description_has_remedy_when_group_is_possible():
    assert "--array group=subject" in describe_possible_group("subject")


def test_command_is_quoted_when_a_name_has_special_characters():
    assert "--array 'group=id; rm -r x'" in describe_possible_group("id; rm -r x")


# --- Tables ------------------------------------------------------------------------------------


def test_read_has_no_labels_when_table_has_none(tmp_path):
    data = read_file(save_table(tmp_path))
    np.testing.assert_array_equal(data.x, np.arange(12).reshape(2, *SHAPE))
    assert (data.y, data.group, data.class_names, data.used) == (None, None, (), {})


def test_read_uses_named_columns_when_roles_are_given(tmp_path):
    path = save_table(tmp_path, label=["V", "N"], who=["ann", "bob"])
    data = read_file(path, arrays={"y": "label", "group": "who"}, labels=("N", "V"))
    assert data.y.tolist() == ["V", "N"]
    assert data.group.tolist() == ["ann", "bob"]
    assert data.class_names == ("N", "V")
    assert data.used == {"y": "label", "group": "who"}
    assert data.x.shape == (2, *SHAPE)


def test_read_names_classes_when_columns_are_labels(tmp_path):
    path = save_table(tmp_path, y_AF=[1, 0], y_PVC=[1, 1])
    assert read_file(path).class_names == ("AF", "PVC")
    assert read_file(path, labels=("a", "b")).class_names == ("a", "b")


@pytest.mark.parametrize("role", ["y", "group"])
def test_read_names_column_when_table_lacks_it(tmp_path, role):
    with pytest.raises(InputError, match=r"data\.csv.*column what"):
        read_file(save_table(tmp_path), arrays={role: "what"})


@pytest.mark.parametrize("role", ["x", "class_names"])
def test_read_fails_clearly_when_role_has_no_column(tmp_path, role):
    """The values of x are all other columns: the option must not be ignored."""
    with pytest.raises(InputError, match=role):
        read_file(save_table(tmp_path, y=[0, 1]), arrays={role: "a"})


def test_read_fails_clearly_when_npy_file_has_roles(tmp_path):
    """A .npy file holds only x: the option must not be ignored."""
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(InputError, match="label"):
        read_file(tmp_path / "x.npy", arrays={"y": "label"})


def test_read_names_option_when_label_column_holds_text(tmp_path):
    with pytest.raises(InputError, match=r"columns diagnosis hold text.*--array y=diagnosis"):
        read_file(save_table(tmp_path, diagnosis=["AF", "none"]))


def test_read_names_numbers_when_table_has_other_columns(tmp_path):
    with pytest.raises(InputError, match=r"7 value columns.*1 x 6 x 1"):
        read_file(save_table(tmp_path, more=[1, 2]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_read_fails_when_table_holds_no_numbers(tmp_path, value):
    path = save_table(tmp_path, f=[1.0, value])
    with pytest.raises(InputError, match="NaN or infinite"):
        read_file(path)


@pytest.mark.parametrize("content", ["", "\n", "a,b\n", '"a\n'])
def test_read_fails_clearly_when_table_is_empty(tmp_path, content):
    (tmp_path / "data.csv").write_text(content)
    with pytest.raises(InputError, match=r"data\.csv"):
        read_file(tmp_path / "data.csv")


@pytest.mark.parametrize("quote", ["", '"'])
def test_read_fails_clearly_when_a_name_is_very_long(tmp_path, quote):
    path = tmp_path / "data.csv"
    path.write_text(f"{quote}{'a' * 200_000},b\n1,2\n")
    with pytest.raises(InputError, match=r"data\.csv"):
        read_file(path)


# --- Budget ------------------------------------------------------------------------------------


def measure(path: Path, **options: object) -> tuple[str, float, int]:
    """Return the message of a refusal, and the seconds and bytes that it took."""
    started = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as error:
            read_file(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return str(error.value), time.perf_counter() - started, peak


def save_bomb(path: Path, size: int) -> None:
    """Write an .npz file whose array x has a number of zeros; compression leaves 0.1 %."""
    header = io.BytesIO()
    shape = {"descr": "|i1", "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(header, shape)
    block = bytes(1 << 20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(header.getvalue())
        for _ in range(size >> 20):
            stream.write(block)


def test_read_fails_quickly_when_file_unpacks_to_more(tmp_path):
    path = tmp_path / "data.npz"
    save_bomb(path, 64 << 20)
    assert path.stat().st_size < 1 << 20
    message, seconds, peak = measure(path, budget=Budget(bytes_unpacked=16 << 20))
    assert f"{path} has 64.0 MiB after decompression; the limit is 16.0 MiB" in message
    assert "multiply the limits by 5 (--budget 5, or budget=5)" in message
    assert seconds < 2
    assert peak < 4 << 20


def test_read_accepts_file_when_budget_is_larger(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.zeros((1000, 6), np.float32))
    with pytest.raises(BudgetError):
        read_file(path, budget=Budget(bytes_unpacked=20_000))
    assert len(read_file(path, budget=Budget(bytes_unpacked=40_000)).x) == 1000
    assert len(read_file(path).x) == 1000


@pytest.mark.parametrize("count", [10**6, 10**12, 10**17])
def test_read_fails_clearly_when_header_is_wrong(tmp_path, count):
    """The header of an array names a shape that the file does not hold."""
    header = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (count, 6)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(240))
    message, seconds, _ = measure(path)
    assert str(path) in message
    assert "pickle" not in message
    assert seconds < 2


def test_read_fails_quickly_when_table_is_too_large(tmp_path):
    path = save_table(tmp_path, 1000)
    message, seconds, _ = measure(path, budget=Budget(bytes_held=10_000))
    assert f"{path} needs" in message
    assert "the limit is 9.8 KiB" in message
    assert seconds < 2
    assert len(read_file(path).x) == 1000


@pytest.mark.parametrize("columns", [50_001, 1_000_000])
def test_read_fails_quickly_when_table_has_many_columns(tmp_path, columns):
    path = tmp_path / "data.csv"
    path.write_text("a" + ",a" * (columns - 1) + "\n" + "1" + ",1" * (columns - 1) + "\n")
    message, seconds, _ = measure(path)
    assert f"{path}: more than 50,000 columns; save the samples as an array x in an .npz" in message
    assert seconds < 5


def test_read_escapes_controls_when_names_of_arrays_have_them(tmp_path):
    np.savez(tmp_path / "data.npz", **{"\x1b]0;owned\x07": np.zeros((2, 6))})
    with pytest.raises(InputError) as error:
        read_file(tmp_path / "data.npz")
    lines = "".join(traceback.format_exception(error.value))
    assert "\\x1b]0;owned\\x07" in lines
    assert "\x1b" not in lines


def test_source_has_default_budget_when_none_is_given(tmp_path):
    source = DataSource(tmp_path / "x.npz")
    assert source.budget == DEFAULT_BUDGET
    assert str(source) == str(tmp_path / "x.npz")


# --- Arrays of Python --------------------------------------------------------------------------


def test_from_arrays_keeps_labels_when_they_are_lists():
    data = from_arrays(X.tolist(), ["N", "S", "N", "S"], [1, 1, 2, 2], INPUTS)
    assert data.x.shape == (4, *SHAPE)
    assert data.y.tolist() == ["N", "S", "N", "S"]
    assert data.group.tolist() == [1, 1, 2, 2]


def test_from_arrays_accepts_labels_when_they_are_of_pandas():
    """A column of texts is an array of objects."""
    data = from_arrays(X, pd.Series(["N", "S", "N", "S"], dtype=object), inputs=INPUTS)
    samples, _ = build_samples(Data(data.x, data.y, class_names=("N", "S")), SOFTMAX, "samples")
    assert samples.y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.zeros(3)}, "y has shape (3,), but x has 4 samples"),
        ({"y": np.array(1)}, "y has shape (), but x has 4 samples"),
        ({"group": np.zeros(5)}, "group has shape (5,), but x has 4 samples"),
    ],
)
def test_from_arrays_names_shapes_when_lengths_differ(arrays, message):
    with pytest.raises(InputError) as error:
        from_arrays(X, inputs=INPUTS, source="train", **arrays)
    assert message in str(error.value)
    assert str(error.value).startswith("train: ")


def test_read_fails_quickly_when_npy_file_is_huge_but_sparse(tmp_path):
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        shape = {"descr": "<f4", "fortran_order": False, "shape": (400_000_000,)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(file.tell() + 1_600_000_000)
    message, seconds, peak = measure(path)
    assert f"{path} (400,000,000 values) needs 4.5 GiB of memory; the limit is 4.0 GiB" in message
    assert seconds < 2
    assert peak < 4 << 20


def test_read_array_fails_clearly_when_memory_does_not_suffice(tmp_path):
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        shape = {"descr": "|i1", "fortran_order": False, "shape": (1 << 33,)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(file.tell() + (1 << 33))
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
from snugnet.int8.arrays import read_array
read_array({str(path)!r})
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"InputError: {path}: 8.0 GiB do not fit into the memory" in result.stderr
