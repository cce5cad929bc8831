"""The parts of an untrusted Keras file: its format, its description and its weights.

The format is decided once, here, by the first bytes of the file. Everything that comes later works
on these parts and never opens the file again, so a check and the loader cannot see different
contents of one file.
"""

import json
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from snugnet.core.archives import DAMAGE_ERRORS, check_archive
from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.isolation import compute_in_child
from snugnet.core.sandbox import Rights
from snugnet.models.loading.hdf5_tree import Hdf5Tree, read_tree

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
# Largest size of a description. That of a network with a thousand layers takes a megabyte.
MAX_DESCRIPTION_BYTES = 1 << 25
WEIGHTS = "model.weights.h5"
CHECKPOINT = Path("variables") / "variables"
# TensorFlow writes an index and numbered parts.
CHECKPOINT_FILE = re.compile(r"variables\.(index|data-\d{5}-of-\d{5})")

Form = Literal["keras2", "keras3", "saved_model"]


@dataclass(frozen=True)
class ModelParts:
    """The parts of a Keras file.

    Attributes:
        path: The file or folder.
        form: `keras2` or `keras3` (.h5 and .keras files, by the version that wrote them) or
            `saved_model`.
        description: The description of the model: parsed JSON, unchecked.
        weights: The weights; None for a SavedModel.
        is_archive: Whether the weights come from a .keras file. Its weights are named by their
            place in the model; those of an .h5 file are listed for each layer.
    """

    path: Path
    form: Form
    description: Any
    weights: Hdf5Tree | None
    is_archive: bool


def read_parts(path: Path, budget: Budget, is_own: bool = False) -> ModelParts:
    """Read the parts of a Keras file, without building anything.

    Args:
        path: An .h5 or .keras file, or the folder of a SavedModel.
        budget: Limits for the weights and for the time to read them.
        is_own: Whether Snugnet wrote the file: then an .h5 file is not first read in a child
            process that may hang or crash.

    Raises:
        InputError: If the file is not a Keras model, is damaged, refers to other files or exceeds
            the budget.
        OSError: If the file cannot be read.
    """
    if path.is_dir():
        return _read_saved_model(path, budget)
    with path.open("rb") as file:
        start = file.read(len(HDF5_SIGNATURE))
    if start == HDF5_SIGNATURE:
        return _read_h5(path, budget, is_own)
    if start.startswith(ZIP_SIGNATURE):
        return _read_keras(path, budget)
    raise InputError(
        f"{path}: not a Keras model; supported: .h5 and .keras files, and SavedModel folders"
    )


def _read_h5(path: Path, budget: Budget, is_own: bool) -> ModelParts:
    tree = read_tree(path, budget) if is_own else _read_hdf5(path, budget)
    root = tree.attributes.get("", {})
    description = root.get("model_config")
    if not isinstance(description, str):
        raise InputError(
            f"{path}: this .h5 file holds weights without the description of a model. Save the "
            "whole model with model.save()."
        )
    is_keras3 = str(root.get("keras_version", "2")).startswith("3")
    return ModelParts(
        path=path,
        form="keras3" if is_keras3 else "keras2",
        description=_parse_json(description, f"{path}: model_config"),
        weights=tree,
        is_archive=False,
    )


def _read_keras(path: Path, budget: Budget) -> ModelParts:
    with TemporaryDirectory(prefix="snugnet") as folder:
        weights = Path(folder) / WEIGHTS
        try:
            with zipfile.ZipFile(path) as archive:
                check_archive(archive, budget)
                texts = [
                    _read_member(archive, name, MAX_DESCRIPTION_BYTES)
                    for name in ("config.json", "metadata.json")
                ]
                weights.write_bytes(_read_member(archive, WEIGHTS, budget.bytes_unpacked))
        except InputError:
            raise
        except (KeyError, ValueError, *DAMAGE_ERRORS) as error:
            raise InputError(f"{path}: truncated or damaged .keras file ({error})") from None
        description, metadata = (_parse_json(text, str(path)) for text in texts)
        version = metadata.get("keras_version", "2") if isinstance(metadata, dict) else "2"
        return ModelParts(
            path=path,
            form="keras2" if str(version).startswith("2") else "keras3",
            description=description,
            weights=_read_hdf5(weights, budget, path),
            is_archive=True,
        )


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read a file of an archive. The size that the archive states may be wrong."""
    with archive.open(name) as member:
        content = member.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"{archive.filename}: {name} has more than {limit:,} bytes")
    return content


def _read_hdf5(path: Path, budget: Budget, source: Path | None = None) -> Hdf5Tree:
    """Read an HDF5 file in a child process: the library hangs or crashes on some files.

    Some damage memory without a crash, so this process reads only what the child copied.

    Args:
        path: The file.
        budget: Limits for the arrays and for the time.
        source: The file that the user gave, for error messages; None if it is `path`.
    """
    source = source or path
    with path.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise InputError(f"{source}: its weights are not an HDF5 file")
    try:
        arrays = compute_in_child(
            lambda: read_tree(path, budget).to_arrays(),
            budget,
            f"{source}: reading it",
            Rights(readable=(path,)),
        )
    except InputError as error:
        raise type(error)(str(error).replace(str(path), str(source))) from None
    return Hdf5Tree.from_arrays(arrays, source)


def _read_saved_model(path: Path, budget: Budget) -> ModelParts:
    """Read the description of a SavedModel, and check the files of its weights.

    A SavedModel also contains a program. It is never loaded: the network is built from the
    description, and the weights are read from the checkpoint.
    """
    if not (path / "saved_model.pb").is_file():
        raise InputError(f"{path}: not a SavedModel: the folder has no saved_model.pb")
    file = path / "keras_metadata.pb"
    if not file.is_file():
        raise InputError(
            f"{path}: the SavedModel has no keras_metadata.pb, which describes its layers; save "
            "the model as .keras or .h5"
        )
    _check_saved_model_files(path, budget)
    descriptions = _read_metadata(file, budget)
    if len(descriptions) != 1:
        raise InputError(f"{file}: does not describe a Keras model; save it as .keras or .h5")
    return ModelParts(
        path=path,
        form="saved_model",
        description=_parse_json(descriptions[0], str(file)),
        weights=None,
        is_archive=False,
    )


def _read_metadata(file: Path, budget: Budget) -> list[str]:
    """Read the descriptions of the models of a SavedModel in a child process."""
    from tf_keras.protobuf import saved_metadata_pb2

    def work() -> list[np.ndarray]:
        metadata = saved_metadata_pb2.SavedMetadata()
        try:
            metadata.ParseFromString(file.read_bytes())
        # The error class of protobuf is not part of its public interface.
        except Exception as error:
            raise InputError(f"{file}: damaged ({error})") from None
        texts = [node.metadata for node in metadata.nodes if node.node_path == "root"]
        return [np.frombuffer(text.encode(), np.uint8) for text in texts]

    arrays = compute_in_child(work, budget, f"{file}: reading it", Rights(readable=(file,)))
    return [array.tobytes().decode(errors="replace") for array in arrays]


def _check_saved_model_files(path: Path, budget: Budget) -> None:
    """Check that a SavedModel has only its own regular files, and that they are small enough.

    Keras would follow links out of the folder, wait for pipes, and take another SavedModel or an
    HDF5 file that lies in the place of the checkpoint.
    """
    variables = path / CHECKPOINT.parent
    if not variables.exists():
        raise InputError(f"{path}: has no folder `variables`. Save the model again.")
    if not stat.S_ISDIR(variables.lstat().st_mode):
        raise InputError(
            f"{variables}: must be a regular folder. Replace a link with the folder itself."
        )
    files = [path / "keras_metadata.pb", *variables.iterdir()]
    for file in files:
        if not stat.S_ISREG(file.lstat().st_mode):
            raise InputError(
                f"{file}: must be a regular file. Replace a link with the file itself."
            )
        if file.parent == variables and not CHECKPOINT_FILE.fullmatch(file.name):
            raise InputError(f"{file}: not a file of a checkpoint; remove it")
    if files[0].stat().st_size > MAX_DESCRIPTION_BYTES:
        raise InputError(f"{files[0]}: has more than {MAX_DESCRIPTION_BYTES:,} bytes")
    budget.check_bytes_held(sum(file.stat().st_size for file in files), str(path))


def _parse_json(text: str | bytes, where: str) -> Any:
    if len(text) > MAX_DESCRIPTION_BYTES:
        raise InputError(f"{where}: has more than {MAX_DESCRIPTION_BYTES:,} bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON ({error})") from None
