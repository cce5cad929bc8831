"""What a study came to, as digests: those of two runs differ where their results do."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import h5py

from snugnet.core.files import read_json, sha256_of
from snugnet.tflite.digest import compute_semantic_digest
from snugnet.tflite.flatbuffer import read_graph

# Columns of a cell's metrics that are measured with a clock, and differ from run to run.
TIMINGS = ("latency_us_median", "latency_us_p95")


def digests(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Digest results, each by what it says rather than by its bytes where these tell the time.

    Args:
        root: The results folder.
        paths: Files in it. A .tflite file counts by graph, weights and quantization, a Keras model
            by its layers and weights, metrics without their timings, all else by its bytes.

    Returns:
        SHA-256 sums in hexadecimal digits, by path below `root`, in order.
    """
    named = {path.relative_to(root).as_posix(): path for path in sorted(paths)}
    return {name: _digest_for(name)(path) for name, path in named.items()}


def _digest_for(name: str) -> Callable[[Path], str]:
    if name.startswith("metrics/"):
        return _metrics
    return CONTENT.get(Path(name).suffix, sha256_of)


def _tflite(path: Path) -> str:
    return compute_semantic_digest(read_graph(path))


def _keras(path: Path) -> str:
    """Digest a Keras model's layers and arrays: headers of HDF5 hold the time of writing."""
    digest = hashlib.sha256()

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            digest.update(f"{name} {node.dtype} {node.shape}".encode())
            digest.update(node[()].tobytes())

    if path.stat().st_size:  # empty where a model cannot be quantized
        with h5py.File(path, "r") as file:
            digest.update(str(file.attrs.get("model_config")).encode())
            file.visititems(add)
    return digest.hexdigest()


def _metrics(path: Path) -> str:
    row = {name: value for name, value in read_json(path).items() if name not in TIMINGS}
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


CONTENT: dict[str, Callable[[Path], str]] = {".tflite": _tflite, ".h5": _keras}
