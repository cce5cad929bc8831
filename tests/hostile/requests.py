"""Mutations by number: the files of each, and the command that reads them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from snugnet.firmware.folder import list_files
from tests.hostile import (
    config_mutations,
    data_mutations,
    folder_mutations,
    hdf5_mutations,
    tflite_mutations,
)
from tests.paths import ROOT

# How many of a hundred mutations are of each kind.
SHARES = {
    "h5": 16,
    "keras": 12,
    "keras3": 1,
    "saved_model": 8,
    "tflite": 30,
    "exported": 11,
    "data": 14,
    "onnx": 1,
    "config": 7,
}
INIT_OUTPUTS = ("config.yaml", "Snakefile", "out.yaml", "profiles/default/profile.yaml")
CHECK_CONFIG = "check-config"
# Version and producer, with which files of PyTorch start.
ONNX_START = b"\x08\x08\x12\x07pytorch\x1a\x052.3.0:"


@dataclass(frozen=True)
class Request:
    """A command on mutated files.

    Attributes:
        number: Number of the mutation. Negative numbers are requests with unchanged files.
        kind: Kind of the changed file.
        arguments: Arguments of `snugnet`; or `CHECK_CONFIG` and a file.
        outputs: Names of the files that the command may write if it succeeds.
    """

    number: int
    kind: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ()


def list_kinds() -> list[str]:
    """List a hundred kinds, such that any few in a row are of different kinds."""
    places = [
        ((position + 0.5) / count, kind)
        for kind, count in SHARES.items()
        for position in range(count)
    ]
    return [kind for _, kind in sorted(places)]


def make_request(number: int, seeds: Path, folder: Path, canary: Path) -> Request:
    """Write the files of a mutation, and return the command.

    Args:
        number: Number of the mutation, which decides everything. The request number -n has the
            unchanged file of the kind of n.
        seeds: Folder of the valid files.
        folder: Folder for the files; the command runs in it.
        canary: Path that code in the files tries to create.
    """
    kinds = list_kinds()
    kind = kinds[abs(number) % len(kinds)]
    random = Random(number)
    return MAKERS[kind](number, random, Files(seeds, folder, str(canary)))


@dataclass(frozen=True)
class Files:
    """Places of the files of a mutation.

    Attributes:
        seeds: Folder of the valid files.
        folder: Folder for the files of this mutation.
        canary: Path that code in the files tries to create.
    """

    seeds: Path
    folder: Path
    canary: str

    def copy(self, name: str) -> Path:
        """Copy a file or folder of the seeds."""
        target = self.folder / name
        if (self.seeds / name).is_dir():
            shutil.copytree(self.seeds / name, target)
        else:
            shutil.copy(self.seeds / name, target)
        return target


def _as_json(arguments: list[str], random: Random) -> tuple[str, ...]:
    return (*arguments, "--json") if random.random() < 0.5 else tuple(arguments)


def _request_keras(
    number: int, kind: str, name: str, random: Random, files: Files, model: str
) -> Request:
    """Return a command that reads a Keras model."""
    data = f"{name}_data.npz"
    choice = random.random()
    output, outputs = "out.tflite", ("out.tflite",)
    if choice < 0.7:
        arguments = ["quantize", "--model", model, "--output", output]
    elif choice < 0.82:
        files.copy(data)
        arguments = ["quantize", "--model", model, "--output", output, "--data", data]
        arguments += ["--calibration", "8"]
    elif choice < 0.91 and (name == "chain" or random.random() < 0.2):
        files.copy("chain.tflite")
        arguments = ["benchmark", "--model", "chain.tflite", "--baseline", model, "--runs", "10"]
        outputs = ()
    elif choice < 0.93 and name in ("chain", "branches"):
        arguments, outputs = ["akida", "check", model], ()
    else:
        files.copy(data)
        arguments = ["init", "--data", data, "--model", model, "--name", "mine"]
        outputs = INIT_OUTPUTS
    return Request(number, kind, _as_json(arguments, random), outputs)


def _draw_network(random: Random) -> str:
    """Draw a model of Keras 2. The slower its conversion, the rarer it is."""
    names = ("chain", "branches", "recurrent", "wrapped")
    return random.choices(names, weights=(20, 12, 8, 1))[0]


def _make_h5(number: int, random: Random, files: Files) -> Request:
    name = _draw_network(random)
    path = files.copy(f"{name}.h5")
    if number >= 0:
        if random.random() < 0.04:
            archive = files.seeds / f"{random.choice(('chain', 'branches'))}.keras"
            path.write_bytes(path.read_bytes() + archive.read_bytes())
        hdf5_mutations.mutate(path, random, files.canary)
    return _request_keras(number, "h5", name, random, files, path.name)


def _make_keras(number: int, random: Random, files: Files) -> Request:
    name = _draw_network(random)
    path = files.copy(f"{name}.keras")
    if number >= 0:
        content = folder_mutations.mutate_keras(path.read_bytes(), random, files.canary)
        path.write_bytes(content)
    return _request_keras(number, "keras", name, random, files, path.name)


def _make_keras3(number: int, random: Random, files: Files) -> Request:
    name, suffix = random.choice((("chain", ".keras"), ("branches", ".keras"), ("chain", ".h5")))
    path = files.copy(f"keras3_{name}{suffix}")
    if number >= 0 and suffix == ".h5":
        hdf5_mutations.mutate(path, random, files.canary)
    elif number >= 0:
        content = folder_mutations.mutate_keras(path.read_bytes(), random, files.canary)
        path.write_bytes(content)
    return _request_keras(number, "keras3", name, random, files, path.name)


def _make_saved_model(number: int, random: Random, files: Files) -> Request:
    name = random.choice(("chain", "chain", "branches", "recurrent"))
    path = files.copy(f"{name}_saved")
    if number >= 0:
        program = files.seeds / "program_saved"
        folder_mutations.mutate_saved_model(path, random, files.canary, program)
    return _request_keras(number, "saved_model", name, random, files, path.name)


def _request_model(
    number: int, kind: str, name: str, random: Random, files: Files, model: str
) -> Request:
    """Return a command that reads a full-integer model."""
    data = f"{name.removesuffix('_float')}_data.npz"
    outputs: tuple[str, ...] = ()
    profile = random.choice(("litert_ref", "tflm"))
    choice = random.random()
    if kind == "exported":  # only these commands read it
        choice *= 0.5
    if choice < 0.15:
        arguments = ["inspect", model]
    elif choice < 0.37:
        files.copy(data)
        arguments = ["run", model, data, "--profile", profile]
    elif choice < 0.5:
        files.copy(data)
        element = random.choice(("0,0", "0,0,0,0", "0,1,0,1", "0,1"))
        arguments = ["explain", model, data, "--operator", str(random.randrange(6))]
        arguments += ["--element", element, "--profile", profile]
    elif choice < 0.72:
        arguments = ["verify", model, "--samples", "4"]
    elif choice < 0.84:
        form = random.choice(("c", "npz", "json", "firmware"))
        arguments = ["export", model, "--to", form, "--output", f"out.{form}"]
        outputs = (f"out.{form}", "out.h")
        if form == "firmware":
            outputs = tuple(f"out.firmware/{name}" for name in list_files("model"))
    else:
        arguments = ["benchmark", "--model", model, "--runs", "10", "--warm-up", "0"]
    return Request(number, kind, _as_json(arguments, random), outputs)


def _make_tflite(number: int, random: Random, files: Files) -> Request:
    name = random.choice(("network", "network_float", "elementwise", "chain", "lstm"))
    path = files.copy(f"{name}.tflite")
    if number >= 0:
        tflite_mutations.write_mutation(path, random)
    elif name == "lstm":  # the integer engine does not support it
        path = files.copy("chain.tflite")
        name = "chain"
    return _request_model(number, "tflite", name, random, files, path.name)


def _make_exported(number: int, random: Random, files: Files) -> Request:
    name = random.choice(("network", "elementwise"))
    path = files.copy(f"{name}{random.choice(('.npz', '.json'))}")
    if number >= 0:
        folder_mutations.mutate_exported(path, random, files.canary)
    return _request_model(number, "exported", name, random, files, path.name)


def _make_onnx(number: int, random: Random, files: Files) -> Request:
    """Return a command that gets an ONNX file, or one that is named so; none reads it yet."""
    if number < 0:
        return _make_tflite(number, random, files)
    path = files.folder / "model.onnx"
    source = random.choice(("chain.keras", "chain.h5", "chain.tflite", "network.npz"))
    start = random.choice((ONNX_START, (files.seeds / source).read_bytes()))
    path.write_bytes(start + random.randbytes(random.randrange(2000)))
    if random.random() < 0.5:
        return _request_keras(number, "onnx", "chain", random, files, path.name)
    return _request_model(number, "onnx", "chain", random, files, path.name)


def _make_data(number: int, random: Random, files: Files) -> Request:
    """Return a command that reads mutated samples, mostly one that needs no TensorFlow."""
    name = random.choice(("network", "elementwise", "chain"))
    path = files.copy(f"{name}_data{random.choice(('.npz', '.npz', '.csv', '.csv', '.npy'))}")
    if number >= 0:
        data_mutations.mutate(path, random, files.canary)
    model, data = f"{name}.tflite", path.name
    files.copy(model)
    outputs: tuple[str, ...] = ()
    choice = random.random()
    if choice < 0.3:
        arguments = ["run", model, data]
    elif choice < 0.45:
        arguments = ["verify", model, "--data", data, "--traced", "2"]
    elif choice < 0.6:
        arguments = ["benchmark", "--model", model, "--data", data, "--runs", "10"]
    elif choice < 0.7:
        element = "0,0,0,0" if name != "chain" else "0,0,0"
        arguments = ["explain", model, data, "--operator", "1", "--element", element]
    elif choice < 0.75:
        arguments = ["export", model, "--to", "c", "--output", "out.c", "--data", data]
        outputs = ("out.c", "out.h")
    elif choice < 0.9 or path.suffix == ".npy":
        arguments = ["init", "--data", data, "--name", "mine", "--output", "out.yaml"]
        outputs = INIT_OUTPUTS
    else:
        model = files.copy("chain.h5").name
        arguments = ["quantize", "--model", model, "--output", "out.tflite", "--data", data]
        outputs = ("out.tflite",)
    if random.random() < 0.2:
        arguments += ["--array", random.choice(("x=x", "y=group", "y=nothing", "group=y"))]
    if arguments[0] in ("run", "benchmark", "quantize") and random.random() < 0.4:
        tasks = ("multiclass", "multilabel", "binary", "regression", "segmentation")
        options = (("--labels", "N,S,V"), *(("--task", task) for task in tasks))
        arguments += random.choice(options)
    return Request(number, "data", _as_json(arguments, random), outputs)


def _make_config(number: int, random: Random, files: Files) -> Request:
    path = files.folder / "study.yaml"
    shutil.copy(ROOT / "config.yaml", path)
    if number >= 0:
        config_mutations.mutate(path, random, files.canary)
    return Request(number, "config", (CHECK_CONFIG, path.name))


MAKERS: dict[str, Callable[[int, Random, Files], Request]] = {
    "h5": _make_h5,
    "keras": _make_keras,
    "keras3": _make_keras3,
    "saved_model": _make_saved_model,
    "tflite": _make_tflite,
    "exported": _make_exported,
    "data": _make_data,
    "onnx": _make_onnx,
    "config": _make_config,
}
