"""Tests of reading untrusted HDF5 files."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from snugnet.core.budget import DEFAULT_BUDGET
from snugnet.core.errors import InputError
from snugnet.models.loading.hdf5_tree import Hdf5Tree, read_tree


@pytest.fixture
def secret(tmp_path):
    """Another file of the user, whose numbers must not be read."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["layer/kernel"] = np.full(4, 7.0)
    return path


@pytest.mark.parametrize("name", ["other/kernel", ".", "..", "./kernel", "/kernel"])
def test_read_tree_fails_when_name_of_link_is_a_path(name, tmp_path, secret):
    path = tmp_path / "model.h5"
    placeholder = "Q" * len(name)
    with h5py.File(path, "w") as file:
        file[placeholder] = np.zeros(4)
        file["other"] = np.zeros(4)
    content = path.read_bytes()
    assert content.count(placeholder.encode()) == 1
    path.write_bytes(content.replace(placeholder.encode(), name.encode()))
    with pytest.raises(InputError, match="impossible name"):
        read_tree(path, DEFAULT_BUDGET)


@pytest.mark.parametrize("inner", ["/", "/layer", "/layer/kernel"])
def test_read_tree_fails_when_link_is_external(inner, tmp_path, secret):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = h5py.ExternalLink(secret.name, inner)
    with pytest.raises(InputError, match="is a link to another place or file"):
        read_tree(path, DEFAULT_BUDGET)


def test_read_tree_fails_when_object_is_of_another_file(tmp_path, secret, monkeypatch):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = h5py.ExternalLink(secret.name, "/layer/kernel")
    # As if the library listed the link as one inside of the file.
    monkeypatch.setattr(
        h5py.Group, "get", lambda self, name, getlink=False: h5py.HardLink(), raising=True
    )
    with pytest.raises(InputError, match="is stored in another file"):
        read_tree(path, DEFAULT_BUDGET)


def test_read_tree_forgets_plugins_when_it_reads(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.arange(3)
    h5py.h5pl.append(str(tmp_path).encode())
    tree = read_tree(path, DEFAULT_BUDGET)
    assert h5py.h5pl.size() == 0
    np.testing.assert_array_equal(tree.arrays["weights"], [0, 1, 2])


def test_tree_is_the_same_when_it_is_sent_as_arrays():
    tree = Hdf5Tree(
        {"a/kernel:0": np.arange(6.0).reshape(2, 3), "b": np.zeros((), np.int64)},
        ["", "a"],
        {"": {"model_config": "{}", "layer_names": ("a", "b")}, "a": {}},
    )
    loaded = Hdf5Tree.from_arrays(tree.to_arrays(), Path("m.h5"))
    assert (loaded.groups, loaded.attributes) == (tree.groups, tree.attributes)
    assert list(loaded.arrays) == list(tree.arrays)
    for name, array in tree.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


@pytest.mark.parametrize(
    "description",
    [
        {"arrays": [1], "groups": [""], "attributes": {}},
        {"arrays": ["a"], "groups": 3, "attributes": {}},
        {"arrays": ["a"], "groups": [[]], "attributes": {}},
        {"arrays": ["a"], "groups": [], "attributes": {"": {"x": 5}}},
        {"arrays": ["a"], "groups": [], "attributes": {"": {"x": [["y"]]}}},
        {"arrays": ["a"], "groups": [], "attributes": []},
        {"arrays": [], "groups": [], "attributes": {}},
        [],
    ],
)
def test_tree_is_refused_when_description_is_another(description):
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    with pytest.raises(InputError, match=r"m\.h5: damaged HDF5 file"):
        Hdf5Tree.from_arrays([text, np.zeros(2)], Path("m.h5"))


def test_read_tree_fails_when_dataset_has_no_elements(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = h5py.Empty("f4")
    with pytest.raises(InputError, match="has no numbers"):
        read_tree(path, DEFAULT_BUDGET)
