"""Mutations of HDF5 files with the weights, and in .h5 files the description, of a model."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.hostile import json_mutations
from tests.hostile.zip_mutations import flip_bytes

DESCRIPTION = "model_config"
# Bytes of a valid file in which its structure starts.
HEADER = 2048


def mutate(path: Path, random: Random, canary: str) -> None:
    """Change a file in place."""
    with h5py.File(path) as file:
        has_description = DESCRIPTION in file.attrs
    kind = random.random()
    if has_description and kind < 0.55:
        mutate_description(path, random, canary)
    elif kind < 0.85:
        with h5py.File(path, "r+") as file:
            for _ in range(random.choice((1, 1, 2))):
                with suppress(ValueError, KeyError, RuntimeError, OSError):
                    # A change may need what the one before it has removed.
                    random.choice(CHANGES)(file, random, path.parent)
    else:
        path.write_bytes(_damage(path.read_bytes(), random))


def mutate_description(path: Path, random: Random, canary: str) -> None:
    """Change the description of the model, which is JSON in an attribute."""
    with h5py.File(path, "r+") as file:
        tree = json.loads(file.attrs[DESCRIPTION])
        text = json_mutations.write(json_mutations.mutate(tree, random, canary), random)
        file.attrs[DESCRIPTION] = text.replace("\x00", "").encode()


def _damage(data: bytes, random: Random) -> bytes:
    kind = random.randrange(5)
    if kind == 0:
        return data[: random.randrange(len(data))]
    if kind == 1:
        return bytes(random.choice((1, 512, 1024))) + data
    if kind == 2:
        return flip_bytes(data, random)
    return flip_bytes(data, random, HEADER)


def _draw_dataset(file: Any, random: Random) -> tuple[str, Any]:
    datasets: list[tuple[str, Any]] = []
    file.visititems(
        lambda name, item: datasets.append((name, item)) if isinstance(item, h5py.Dataset) else None
    )
    return random.choice(datasets) if datasets else ("", None)


def _draw_item(file: Any, random: Random) -> tuple[str, Any]:
    items: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: items.append((name, item)))
    return random.choice(items) if items else ("", None)


def _replace_dataset(file: Any, random: Random, folder: Path) -> None:
    """Write other values under the name of a dataset."""
    name, dataset = _draw_dataset(file, random)
    if not name:
        return
    shape, kind = dataset.shape, dataset.dtype
    del file[name]
    zeros = np.zeros(shape)
    text = h5py.string_dtype()
    choices: list[Callable[[], Any]] = [
        lambda: file.create_dataset(
            name, data=zeros.astype(random.choice(("f8", "f2", "i1", "c8")))
        ),
        lambda: file.create_dataset(
            name, data=zeros.astype(random.choice(("u8", "?", ">f4", "g")))
        ),
        lambda: file.create_dataset(name, data=np.full(shape, np.nan, kind)),
        lambda: file.create_dataset(name, data=np.full(shape, 3e38, kind)),
        lambda: file.create_dataset(name, data=np.full(shape, b"text")),
        lambda: file.create_dataset(name, data=np.full(shape, "a", dtype=object), dtype=text),
        lambda: file.create_dataset(name, data=np.zeros(shape, [("a", "f4"), ("b", "i2")])),
        lambda: file.create_dataset(name, data=np.zeros((*shape, 2), kind)),
        lambda: file.create_dataset(name, data=np.zeros(shape[:-1], kind)),
        lambda: file.create_dataset(name, data=np.zeros((1,) * 30, kind)),
        lambda: file.create_dataset(name, data=np.zeros((0,), kind)),
        lambda: file.create_dataset(name, data=h5py.Empty("f4")),
        lambda: file.create_dataset(name, shape=(10**6, 10**5), dtype="f4", chunks=(1000, 1000)),
        lambda: file.create_dataset(name, shape=(2**40,), dtype="f8", chunks=(100,)),
        lambda: file.create_dataset(
            name, shape=(30_000, 10_000), dtype="f4", chunks=(100, 100), compression="gzip"
        ),
        lambda: file.create_dataset(name, shape=shape, maxshape=(None,) * len(shape), dtype="f4"),
        lambda: _create_filtered(file, name, random),
        lambda: file.create_dataset(
            name, shape, kind, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
        ),
        lambda: _create_virtual(file, name, shape, folder),
        lambda: file.create_dataset(name, data=file.ref, dtype=h5py.ref_dtype),
        lambda: file.__setitem__(name, np.dtype("f4")),
        lambda: file.create_group(name),
    ]
    random.choice(choices)()


def _create_filtered(file: Any, name: str, random: Random) -> None:
    """Create a dataset that must pass a filter, mostly one of a plug-in, when it is read."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((4,))
    code = random.choice((305, 32001, 32015, h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET))
    properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    space = h5py.h5s.create_simple((12,))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.IEEE_F32LE, space, properties)


def _create_virtual(file: Any, name: str, shape: tuple[int, ...], folder: Path) -> None:
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "x", shape)
    file.create_virtual_dataset(name, layout)


def _replace_link(file: Any, random: Random, folder: Path) -> None:
    """Put a link in the place of a group or dataset."""
    name, _ = _draw_item(file, random)
    if not name:
        return
    parent = name.rpartition("/")[0]
    choices: list[Callable[[], Any]] = [
        lambda: h5py.SoftLink("/nowhere"),
        lambda: h5py.SoftLink(f"/{name}"),
        lambda: h5py.ExternalLink("/etc/passwd", "/"),
        lambda: h5py.ExternalLink("other.h5", "/x"),
        lambda: file[parent] if parent else file["/"],  # a circle of hard links
        lambda: h5py.Datatype(h5py.h5t.IEEE_F32LE.copy()),
    ]
    value = random.choice(choices)()
    del file[name]
    file[name] = np.dtype("f4") if isinstance(value, h5py.Datatype) else value


def _remove_item(file: Any, random: Random, folder: Path) -> None:
    name, _ = _draw_item(file, random)
    if name:
        del file[name]


def _rename_item(file: Any, random: Random, folder: Path) -> None:
    name, _ = _draw_item(file, random)
    if name:
        new = random.choice(("x", f"{name}2", "a/b/c", "a\\b", "\x1b[2J", "é", "x" * 5000, "."))
        try:
            file.move(name, new)
        except ValueError:  # the new place is within the old one, or is no name
            del file[name]


def _add_items(file: Any, random: Random, folder: Path) -> None:
    """Add what nobody asked for: many groups, or a chain of them."""
    kind = random.randrange(3)
    if kind == 0:
        for i in range(3000):
            file.create_group(f"extra/{i}")
    elif kind == 1:
        file.create_group("/".join("d" * 200))
    else:
        file.create_dataset("vars/9", data=np.zeros((5, 5)))


def _change_attribute(file: Any, random: Random, folder: Path) -> None:
    """Change or remove an attribute: those that list weights, or those of the file."""
    items = [file]
    file.visititems(lambda _, item: items.append(item))
    items = [item for item in items if len(item.attrs)]
    if not items:
        file.attrs["weight_names"] = ["x"]
        return
    item = random.choice(items)
    name = random.choice(list(item.attrs))
    if random.random() < 0.2:
        del item.attrs[name]
        return
    values: tuple[Any, ...] = (
        *(1, -1.5, "", "x", b"\xff\xfe", np.zeros(3), np.zeros((2, 2, 2)), h5py.Empty("f4")),
        *([b"a", b"a"], [b"../kernel:0"], [b"\x1b[2J"], np.array([b"x" * 200] * 200), file.ref),
        *("3.0.0", "2.15.0", "99", "tensorflow", "torch", np.zeros(3, [("a", "i4")]), True),
    )
    item.attrs[name] = random.choice(values)
    if random.random() < 0.2:
        item.attrs[f"{name}0"] = random.choice(values)


def _shuffle_weights(file: Any, random: Random, folder: Path) -> None:
    """Exchange the values of two datasets, so that their shapes do not fit."""
    (one, first), (other, second) = _draw_dataset(file, random), _draw_dataset(file, random)
    if not one or one == other:
        return
    values, other_values = first[()], second[()]
    del file[one], file[other]
    file[one], file[other] = other_values, values


CHANGES = (
    *(_replace_dataset, _replace_dataset, _replace_dataset, _replace_link, _remove_item),
    *(_rename_item, _add_items, _change_attribute, _change_attribute, _shuffle_weights),
)
