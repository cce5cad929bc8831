"""Reading of untrusted HDF5 files: plain arrays and a few attributes, nothing else.

An HDF5 file can refer to other files (external storage, external links, virtual datasets), and a
damaged one can make the library hang. Here, everything that a file refers to is checked before it
is read, and the names of the attributes that are read are fixed.
"""

import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.text import get_first_line

# Attributes that describe a model or the order of its weights. Long lists are stored in parts, such
# as `weight_names0`.
ATTRIBUTES = ("model_config", "keras_version", "backend", "layer_names", "weight_names", "name")
# Filters that HDF5 itself contains. Any other filter is a plug-in, which HDF5 would load.
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
MAX_OBJECTS = 100_000
MAX_DEPTH = 32


@dataclass(frozen=True)
class Hdf5Tree:
    """The contents of an HDF5 file.

    Attributes:
        arrays: Arrays by path, such as `model_weights/dense/kernel:0`.
        groups: Paths of the groups; the root is "".
        attributes: Attributes by path of their object: text, or a tuple of texts.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    attributes: dict[str, dict[str, str | tuple[str, ...]]] = field(default_factory=dict)

    def to_arrays(self) -> list[np.ndarray]:
        """Return everything as arrays, for another process: a description, then the arrays."""
        description = {
            "arrays": list(self.arrays),
            "groups": self.groups,
            "attributes": self.attributes,
        }
        text = np.frombuffer(json.dumps(description).encode(), np.uint8)
        return [text, *self.arrays.values()]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray], source: Path) -> Self:
        """Return what `to_arrays` took apart.

        Args:
            arrays: The arrays of the other process.
            source: The file that it read, for the error message.

        Raises:
            InputError: If the other process returned something else.
        """
        try:
            description = json.loads(arrays[0].tobytes())
            named = dict(zip(description["arrays"], arrays[1:], strict=True))
            attributes = {
                name: {
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in values.items()
                }
                for name, values in description["attributes"].items()
            }
            tree = cls(named, description["groups"], attributes)
            tree._check_texts()
            return tree
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{source}: damaged HDF5 file") from None

    def _check_texts(self) -> None:
        """Check that all names and attributes are texts: the arrays can be no other type.

        Raises:
            TypeError: If one is something else.
        """
        names = [*self.arrays, *self.groups, *self.attributes]
        for attributes in self.attributes.values():
            for name, value in attributes.items():
                names += [name, *([value] if isinstance(value, str) else value)]
        if not all(isinstance(name, str) for name in names):
            raise TypeError("a name is no text")

    def write(self, path: Path) -> None:
        """Write everything to a new HDF5 file."""
        with h5py.File(path, "w") as file:
            for name in filter(None, self.groups):
                file.require_group(name)
            for name, array in self.arrays.items():
                file.create_dataset(name, data=array)
            for name, attributes in self.attributes.items():
                for key, value in attributes.items():
                    is_text = isinstance(value, str)
                    data = value if is_text else np.array([part.encode() for part in value])
                    file[name or "/"].attrs[key] = data


def read_tree(path: Path, budget: Budget) -> Hdf5Tree:
    """Read an HDF5 file.

    Args:
        path: The file.
        budget: Limit for the bytes of all arrays. A small file can declare large ones.

    Returns:
        Its groups, arrays and attributes. A backslash in a name is read as a slash, because Keras
        on Windows wrote paths with backslashes.

    Raises:
        InputError: If the file is damaged, refers to other files, holds arrays that are no numbers,
            or needs more memory than the budget allows.
    """
    tree, bytes_held = Hdf5Tree(), 0
    _forget_plugins()
    try:
        with h5py.File(path, "r") as file:
            for name, item in _iterate_objects(file):
                where = name.replace("\\", "/").strip("/")
                if isinstance(item, h5py.Group):
                    tree.groups.append(where)
                else:
                    _check_dataset(item, name)
                    bytes_held += item.nbytes
                    budget.check_bytes_unpacked(bytes_held, "the file")
                    tree.arrays[where] = _read_array(item, name)
                if attributes := _read_attributes(item):
                    tree.attributes[where] = attributes
    except InputError as error:
        raise type(error)(f"{path}: {error}") from None
    # h5py raises these for damaged files.
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise InputError(f"{path}: damaged HDF5 file ({get_first_line(error)})") from None
    return tree


def _forget_plugins() -> None:
    """Forget the folders in which HDF5 looks for filters: it would load any that a file names."""
    while h5py.h5pl.size():
        h5py.h5pl.remove(0)


def _iterate_objects(file: h5py.File) -> Iterator[tuple[str, Any]]:
    """Yield each group and dataset of a file with its path; the root has the path "".

    Raises:
        InputError: If a link is soft or external, or if there are too many objects.
    """
    get_info = h5py.h5o.get_info
    own_file = get_info(file.id).fileno
    waiting: list[tuple[str, Any]] = [("", file)]
    count = 0
    while waiting:
        name, item = waiting.pop()
        yield name, item
        if not isinstance(item, h5py.Group):
            continue
        for key in item:
            count += 1
            # HDF5 reads such a name as a path, which may lead through links that are not listed.
            if "/" in key or key in ("", ".", ".."):
                raise InputError(f"{name!r} has an object with the impossible name {key!r}")
            path = posixpath.join(name, key)
            if count > MAX_OBJECTS or path.count("/") > MAX_DEPTH:  # hard links can form a cycle
                raise InputError(f"more than {MAX_OBJECTS} objects or {MAX_DEPTH} levels")
            link = item.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise InputError(
                    f"{path!r} is a link to another place or file; save the model anew"
                )
            child = item[key]
            if get_info(child.id).fileno != own_file:
                raise InputError(f"{path!r} is stored in another file; save the model anew")
            waiting.append((path, child))


def _check_dataset(dataset: Any, name: str) -> None:
    """Check that a dataset holds numbers and that they are stored in this file."""
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{name!r} is neither a group nor an array")
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{name!r} is stored in another file; save the model anew")
    if dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8:
        raise InputError(f"{name!r} has type {dataset.dtype}; weights must be numbers")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if filters - set(FILTERS):
        raise InputError(f"{name!r} needs a plug-in of HDF5 to be read; save the model anew")


def _read_array(dataset: Any, name: str) -> np.ndarray:
    """Read a dataset that was checked."""
    array = np.asarray(dataset[()])
    if array.dtype.kind not in "fiub":  # a dataset may have a type, but no elements
        raise InputError(f"{name!r} has no numbers; save the model anew")
    return array


def _read_attributes(item: Any) -> dict[str, str | tuple[str, ...]]:
    """Read the attributes in `ATTRIBUTES`: texts and lists of texts."""
    attributes: dict[str, str | tuple[str, ...]] = {}
    for key in item.attrs:
        name = key.rstrip("0123456789")
        if name not in ATTRIBUTES:
            continue
        # Attributes are not compressed, so they are not larger than the file.
        value = item.attrs[key]
        if isinstance(value, np.ndarray):
            # Keras splits long lists into several attributes.
            parts = tuple(map(_as_text, value.ravel().tolist()))
            attributes[key] = parts
        else:
            attributes[key] = _as_text(value)
    return attributes


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise InputError(f"an attribute holds {type(value).__name__} instead of text")
    return str(value)
