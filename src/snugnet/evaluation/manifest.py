"""Digests of a study's results: the digests of two runs differ where their results differ."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import h5py

from snugnet.core.files import read_json, sha256_of
from snugnet.core.paths import ResultPath
from snugnet.core.samples import read_npz
from snugnet.tflite.digest import compute_semantic_digest
from snugnet.tflite.flatbuffer import read_graph

# Latencies in the metrics of a cell, which differ from run to run.
TIMINGS = ("latency_us_median", "latency_us_p95")


def compute_digests(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Compute the digests of result files; times of writing and latencies are left out.

    Args:
        root: The results folder.
        paths: Files in it. The digest of a .tflite file covers graph, weights and quantization;
            that of a Keras model its layers and weights; that of an .npz file its arrays; that of
            metrics everything but latencies; that of any other file its bytes.

    Returns:
        SHA-256 sums in hexadecimal digits, by path below `root`, in order.
    """
    files = {path.relative_to(root).as_posix(): path for path in sorted(paths)}
    return {name: _select_digest(name)(path) for name, path in files.items()}


def _select_digest(name: str) -> Callable[[Path], str]:
    """Return the digest function for a path below the results folder."""
    if ResultPath.METRICS.parse(name):
        return _digest_metrics
    return DIGEST_BY_SUFFIX.get(Path(name).suffix, sha256_of)


def _digest_tflite(path: Path) -> str:
    return compute_semantic_digest(read_graph(path))


def _digest_keras(path: Path) -> str:
    """Digest the layers and arrays of a Keras model; HDF5 headers hold the time of writing."""
    digest = hashlib.sha256()

    def add(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            digest.update(f"{name} {node.dtype} {node.shape}".encode())
            digest.update(node[()].tobytes())

    if path.stat().st_size:  # the file is empty if the model cannot be quantized
        with h5py.File(path, "r") as file:
            digest.update(str(file.attrs.get("model_config")).encode())
            file.visititems(add)
    return digest.hexdigest()


def _digest_arrays(path: Path) -> str:
    """Digest the arrays of an .npz file; the bytes of the archive depend on Python's version."""
    digest = hashlib.sha256()
    for name, array in sorted(read_npz(path, required=()).items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _digest_metrics(path: Path) -> str:
    row = {name: value for name, value in read_json(path).items() if name not in TIMINGS}
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


DIGEST_BY_SUFFIX: dict[str, Callable[[Path], str]] = {
    ".tflite": _digest_tflite,
    ".h5": _digest_keras,
    ".npz": _digest_arrays,
}
