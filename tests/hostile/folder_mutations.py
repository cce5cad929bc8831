"""Mutations of SavedModel folders, and of the parts of .keras archives and exported models."""

import io
import json
import os
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tf_keras.protobuf import saved_metadata_pb2

from tests.hostile import hdf5_mutations, json_mutations, zip_mutations
from tests.hostile.data_mutations import mutate_arrays

METADATA = "keras_metadata.pb"
WEIGHTS = "model.weights.h5"


def mutate_saved_model(folder: Path, random: Random, canary: str, program: Path) -> None:
    """Change a SavedModel in place.

    Args:
        folder: The SavedModel.
        random: Source of all choices.
        canary: Path that code in the model tries to create.
        program: A SavedModel whose program creates a file.
    """
    kind = random.random()
    if random.random() < 0.3:  # a change of the program must not matter
        shutil.copy(program / "saved_model.pb", folder / "saved_model.pb")
    if kind < 0.55:
        _mutate_metadata(folder / METADATA, random, canary)
    elif kind < 0.8:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        _replace_file(random.choice(files), random)
    else:
        path = random.choice((METADATA, "variables/variables.index", "saved_model.pb"))
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(zip_mutations.flip_bytes(data, random))


def _mutate_metadata(path: Path, random: Random, canary: str) -> None:
    """Change the descriptions of the model and its layers."""
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString(path.read_bytes())
    nodes = metadata.nodes
    kind = random.randrange(10)
    if kind == 0:
        del nodes[random.randrange(len(nodes))]
    elif kind == 1:
        nodes.add().CopyFrom(random.choice(nodes))
    elif kind == 2:
        random.choice(nodes).node_path = random.choice(("root", "", "root.layer-0", "x" * 1000))
    elif kind == 3:
        random.choice(nodes).identifier = random.choice(("_tf_keras_metric", "", "_tf_keras_model"))
    else:
        root = next((node for node in nodes if node.node_path == "root"), nodes[0])
        node = root if kind < 9 else random.choice(nodes)
        tree = json_mutations.mutate(json.loads(node.metadata), random, canary)
        node.metadata = json_mutations.write(tree, random)
    path.write_bytes(metadata.SerializeToString())


def _replace_file(path: Path, random: Random) -> None:
    """Put something else in the place of a file, or of the folder of the weights."""
    kind = random.randrange(9)
    content = path.read_bytes()
    path.unlink()
    if kind == 0:
        path.write_bytes(b"")
    elif kind == 1:
        path.write_bytes(content[: random.randrange(len(content))])
    elif kind == 2:
        path.symlink_to(random.choice(("/etc/passwd", "/dev/zero", "saved_model.pb", path.name)))
    elif kind == 3:
        os.mkfifo(path)
    elif kind == 4:
        path.mkdir()
    elif kind == 5:
        with path.open("wb") as file:
            file.write(content)
            file.truncate(random.choice((len(content) + 1, 10**8, 5 * 10**9)))
    elif kind == 6 and path.parent.name == "variables":
        shutil.rmtree(path.parent)
        path.parent.symlink_to(random.choice(("/etc", ".", "variables")))
    elif kind == 7:
        path.write_bytes(zip_mutations.flip_bytes(content, random))


def mutate_keras(data: bytes, random: Random, canary: str) -> bytes:
    """Return a changed copy of a .keras file."""
    entries = dict(zip_mutations.read_entries(data))
    kind = random.random()
    if kind < 0.55:
        _mutate_entry(entries, "config.json", random, canary)
    elif kind < 0.6:
        _mutate_entry(entries, "metadata.json", random, canary)
    elif kind < 0.8:
        entries[WEIGHTS] = _mutate_weights(entries[WEIGHTS], random, canary)
    else:
        return zip_mutations.mutate_archive(list(entries.items()), random)
    return zip_mutations.write_entries(list(entries.items()))


def _mutate_entry(entries: dict[str, bytes], name: str, random: Random, canary: str) -> None:
    tree = json_mutations.mutate(json.loads(entries[name]), random, canary)
    entries[name] = json_mutations.write(tree, random).encode()


def _mutate_weights(content: bytes, random: Random, canary: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS
        path.write_bytes(content)
        hdf5_mutations.mutate(path, random, canary)
        return path.read_bytes()


def append_archive(data: bytes, archive: bytes) -> bytes:
    """Append a .keras file to an .h5 file: readers of either format accept the result."""
    return data + archive


def mutate_exported(path: Path, random: Random, canary: str) -> None:
    """Change an exported model, .npz or .json, in place."""
    if path.suffix == ".json":
        tree = json_mutations.mutate(json.loads(path.read_text()), random, canary)
        text = json_mutations.write(tree, random)
        encoding = random.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1"))
        path.write_bytes(text.encode(encoding, errors="replace"))
        return
    data = path.read_bytes()
    if random.random() < 0.5:
        path.write_bytes(mutate_arrays(data, random, canary))
        return
    entries = dict(zip_mutations.read_entries(data))
    graph: Any = json_mutations.mutate(_read_graph(entries), random, canary)
    text = json_mutations.write(graph, random)
    header = np.frombuffer(text.encode("utf-8", errors="replace"), np.uint8)
    entries["graph.npy"] = zip_mutations.write_array(header)
    path.write_bytes(zip_mutations.write_entries(list(entries.items())))


def _read_graph(entries: dict[str, bytes]) -> Any:
    return json.loads(np.load(io.BytesIO(entries["graph.npy"]), allow_pickle=False).tobytes())
