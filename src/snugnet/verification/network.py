"""Certified int8 networks: one comparison with the runtimes for all files that share a network."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.files import atomic_write
from snugnet.core.inputs import join_inputs, split_inputs
from snugnet.core.samples import read_npz
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.tflite.boundary import compute_network_digest, extract_operator, find_boundary
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes import isolated
from snugnet.verification.comparison import (
    RUNTIMES,
    RuntimeComparison,
    RuntimeResult,
    attempt,
    compare_file,
)

# Number of samples on which a file runs as a whole if its network was certified before.
WHOLE = 8


@dataclass(frozen=True)
class CertifiedNetwork:
    """An int8 network that several files share, compared with both runtimes on all samples.

    Attributes:
        digest: The network's `network_digest`; None if the network cannot be digested.
        inputs_sha256: SHA-256 sum of the int8 inputs that were compared.
        results: The comparison and the runtime's outputs, by profile.
    """

    digest: str | None
    inputs_sha256: str
    results: Mapping[Profile, RuntimeResult]


def certify_network(path: str | Path, x: np.ndarray, traced: int) -> CertifiedNetwork:
    """Compare an int8 network with both runtimes, once for all files that hold it.

    Args:
        path: Its file of scheme `fiq_int8`, which has no boundary operators.
        x: Samples in real units, (n, ...).
        traced: Number of samples of which every tensor is compared.

    Raises:
        ModelFormatError: If the file is damaged.
    """
    file = ModelFile.read(path)
    inputs = file.quantize_input(x)
    digest = attempt(compute_network_digest, file.graph)
    return CertifiedNetwork(
        digest=None if isinstance(digest, Exception) else digest,
        inputs_sha256=sha256_of_array(inputs),
        results={profile: compare_file(file, inputs, profile, traced) for profile in Profile},
    )


def save_network(path: str | Path, network: CertifiedNetwork) -> None:
    """Write a certified network as .npz; an absent output becomes an empty array."""
    arrays: dict[str, Any] = {
        "digest": network.digest or "",
        "inputs_sha256": network.inputs_sha256,
    }
    for profile, result in network.results.items():
        comparison = json.dumps(result.comparison.to_json(), sort_keys=True)
        outputs = np.zeros(0) if result.outputs is None else result.outputs
        arrays[f"{profile}_comparison"] = comparison
        arrays[f"{profile}_outputs"] = outputs
        arrays[f"{profile}_whole"] = result.samples_whole
    with atomic_write(path) as partial:
        np.savez(partial, **{name: np.asarray(value) for name, value in arrays.items()})


def load_network(path: str | Path) -> CertifiedNetwork:
    """Read what `save_network` wrote.

    Raises:
        InputError: If the file is not such a file.
    """
    parts = ("comparison", "outputs", "whole")
    names = [f"{profile}_{part}" for profile in Profile for part in parts]
    arrays = read_npz(path, required=("digest", "inputs_sha256", *names))
    results = {}
    for profile in Profile:
        outputs = arrays[f"{profile}_outputs"]
        results[profile] = RuntimeResult(
            comparison=RuntimeComparison.from_json(
                json.loads(str(arrays[f"{profile}_comparison"]))
            ),
            outputs=outputs if len(outputs) else None,
            samples_whole=int(arrays[f"{profile}_whole"]),
        )
    digest = str(arrays["digest"]) or None
    return CertifiedNetwork(digest, str(arrays["inputs_sha256"]), results)


def compare_boundary(
    file: ModelFile, inputs: np.ndarray, profile: Profile, network: CertifiedNetwork
) -> RuntimeResult | None:
    """Compare only what a file adds to a network that is exact.

    Runtimes compute one operator after the other, and a kernel's result does not depend on the
    position of its operator in a file. So a file is exact if its network is, and if each boundary
    operator is on the same samples. `WHOLE` samples, spread over the split, are run through the
    whole file with every tensor compared: they would show a runtime for which this does not hold.

    Args:
        file: The .tflite file.
        inputs: Samples in the types of the file's inputs, (n, ...).
        profile: The profile of the engine.
        network: The network of the file.

    Returns:
        The comparison of the whole file; None if the whole file must be compared on all samples.
    """
    if network.digest != attempt(compute_network_digest, file.graph):
        return None
    certified = network.results[profile]
    if not certified.comparison.is_exact or certified.outputs is None:
        return None
    boundary = find_boundary(file.graph)
    inside = {
        name: _run_operator(file, head, array, profile)
        for head, (name, array) in zip(boundary.heads, split_inputs(inputs).items(), strict=True)
    }
    outputs = _run_operator(file, boundary.tail, certified.outputs, profile)
    if outputs is None or any(array is None for array in inside.values()):
        return None
    known = {name: array for name, array in inside.items() if array is not None}
    if sha256_of_array(join_inputs(known)) != network.inputs_sha256:
        return None
    chosen = np.unique(np.linspace(0, len(inputs) - 1, WHOLE).astype(int))
    whole = compare_file(file, inputs[chosen], profile, len(chosen))
    if not whole.comparison.is_exact or whole.outputs is None:
        return None
    if not _is_identical(whole.outputs, outputs[chosen]):
        return None
    values = {**certified.comparison.to_json(), "tensors": whole.comparison.tensors}
    return RuntimeResult(RuntimeComparison.from_json(values), outputs, len(chosen))


def _run_operator(
    file: ModelFile, operator: int | None, x: np.ndarray, profile: Profile
) -> np.ndarray | None:
    """Compute one operator of a file for all samples.

    Returns:
        Its outputs; None if the engine and the runtime differ, or one of them rejects it.
    """
    if operator is None:
        return x
    alone = ModelFile.parse(extract_operator(file.content, operator), f"operator {operator}")
    truth = attempt(isolated.run, RUNTIMES[profile], alone, x, 0)
    computed = attempt(lambda: Model(alone.graph, profile).predict(x))
    if isinstance(truth, Exception) or isinstance(computed, Exception):
        return None
    return truth[0] if _is_identical(computed, truth[0]) else None


def _is_identical(values: np.ndarray, reference: np.ndarray) -> bool:
    return values.dtype == reference.dtype and np.array_equal(values, reference)


def sha256_of_array(array: np.ndarray) -> str:
    """Return the SHA-256 sum of an array's elements in C order."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
