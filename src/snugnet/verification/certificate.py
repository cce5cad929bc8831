"""Certificates: results of comparing the integer engine with LiteRT and TensorFlow Lite Micro.

A certificate also has the difference between LiteRT's default kernels (XNNPACK) and its reference
kernels, which compute the same integers as a microcontroller.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.budget import UNLIMITED, Budget
from snugnet.core.decisions import decide
from snugnet.core.errors import ModelFormatError
from snugnet.core.predictions import Predictions
from snugnet.int8.node import Profile
from snugnet.tflite.model_file import ModelFile
from snugnet.verification.comparison import (
    RuntimeComparison,
    compare_file,
    compute_distances,
    get_step_sizes,
    measure_arena,
)
from snugnet.verification.network import CertifiedNetwork, compare_boundary, sha256_of_array

PACKAGES = ("ai-edge-litert", "tflite-micro", "numpy")


@dataclass(frozen=True)
class KernelDifference:
    """How far LiteRT's default kernels differ from its reference kernels.

    Attributes:
        fraction: Fraction of output values that differ, in 0..1.
        worst_lsb: Largest difference, in quantization steps (LSB) of the output.
        decisions_changed: Number of samples whose decision differs; None in a task without
            classes.
    """

    fraction: float
    worst_lsb: int
    decisions_changed: int | None


@dataclass(frozen=True)
class Certificate:
    """Result of verifying a full-integer .tflite file.

    Attributes:
        comparisons: Comparison of the integer engine with each runtime, by profile: `litert_ref`
            and `tflm`.
        xnnpack: How far LiteRT's default kernels (XNNPACK) differ from its reference kernels; None
            if LiteRT rejects the file.
        arena_bytes: Size of the tensor arena on TensorFlow Lite Micro in bytes; None if TensorFlow
            Lite Micro rejects the file.
        samples: Number of samples whose outputs were compared.
        samples_whole: Number of samples on which the whole file was run.
        network: SHA-256 sum of the int8 network that was certified before on all samples. Only what
            this file adds to that network was then compared. None if the whole file was compared
            on all samples.
        sha256: SHA-256 sums by name: `model` of the file, `inputs` of the quantized samples.
        versions: Versions of the packages that were used, by name.
    """

    comparisons: Mapping[Profile, RuntimeComparison]
    xnnpack: KernelDifference | None
    arena_bytes: int | None
    samples: int
    samples_whole: int
    network: str | None
    sha256: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def exact(self) -> bool:
        """Whether the engine and both runtimes computed identical values."""
        return all(comparison.is_exact for comparison in self.comparisons.values())

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent; each profile is a key."""
        return {
            **{str(profile): value.to_json() for profile, value in self.comparisons.items()},
            "xnnpack": None if self.xnnpack is None else asdict(self.xnnpack),
            "arena_bytes": self.arena_bytes,
            "samples": self.samples,
            "samples_whole": self.samples_whole,
            "network": self.network,
            "sha256": dict(self.sha256),
            "versions": dict(self.versions),
        }


def certify(
    file: ModelFile,
    x: np.ndarray,
    deployed: np.ndarray,
    decide: Callable[[np.ndarray], np.ndarray] | None,
    traced: int,
    network: CertifiedNetwork | None = None,
    budget: Budget = UNLIMITED,
) -> Certificate:
    """Compare a full-integer file with both runtimes.

    Args:
        file: The .tflite file.
        x: Samples in real units, (n, ...). The outputs of all are compared.
        deployed: Raw outputs of LiteRT's default kernels for them, (n, k).
        decide: Turns raw outputs, (n, k), into decisions, one row for each sample; None in a task
            without classes.
        traced: Number of samples of which every tensor is compared.
        network: The int8 network of the file, if it was certified before on the same samples. If
            it is exact for a profile, only what the file adds to it is compared.
        budget: Limit of memory of the runtimes.

    Raises:
        BudgetError: If a runtime needs more memory than the budget allows.
        ModelFormatError: If LiteRT's kernels compute outputs of different sizes.
    """
    inputs = file.quantize_input(x)
    results = {}
    for profile in Profile:
        composed = network and compare_boundary(file, inputs, profile, network)
        results[profile] = composed or compare_file(file, inputs, profile, traced, budget)
    samples_whole = min(result.samples_whole for result in results.values())
    reference = results[Profile.LITERT_REF].outputs
    arena = measure_arena(file.content, budget)
    return Certificate(
        comparisons={profile: result.comparison for profile, result in results.items()},
        xnnpack=None
        if reference is None
        else _kernel_difference(file, deployed, reference, decide),
        arena_bytes=None if isinstance(arena, Exception) else arena,
        samples=len(x),
        samples_whole=samples_whole,
        network=network.digest if network and samples_whole < len(x) else None,
        sha256={
            "model": hashlib.sha256(file.content).hexdigest(),
            "inputs": sha256_of_array(inputs),
        },
        versions={name: version(name) for name in PACKAGES},
    )


def certify_predictions(
    file: ModelFile,
    x: np.ndarray,
    deployed: Predictions,
    traced: int,
    network: CertifiedNetwork | None = None,
) -> Certificate:
    """Compare a full-integer file, whose predictions are known, with both runtimes.

    Args:
        file: The .tflite file.
        x: Samples in real units, as for `certify`.
        deployed: Predictions of LiteRT's default kernels for them; they may have further samples.
        traced: Number of samples of which every tensor is compared.
        network: The int8 network of the file, as for `certify`.
    """
    decide_raw = partial(decide_as, deployed) if deployed.has_classes else None
    return certify(file, x, deployed.raw[: len(x)], decide_raw, traced, network)


def decide_as(predictions: Predictions, raw: np.ndarray) -> np.ndarray:
    """Decide from raw outputs as for predictions with classes.

    Args:
        predictions: Predictions with the task, its threshold and the quantization of the outputs.
        raw: Raw outputs, (n, k).
    """
    scores = dequantize(raw, float(predictions.scale), predictions.zero_point)
    scores = scores.reshape(len(raw), *predictions.scores.shape[1:])
    return decide(scores, predictions.task, predictions.threshold)


def _kernel_difference(
    file: ModelFile,
    deployed: np.ndarray,
    reference: np.ndarray,
    decide: Callable[[np.ndarray], np.ndarray] | None,
) -> KernelDifference:
    """Compare outputs of LiteRT's default kernels with those of its reference kernels.

    Raises:
        ModelFormatError: If they have different sizes.
    """
    if reference.size != deployed.size:
        sizes = [array.size // len(deployed) for array in (deployed, reference)]
        raise ModelFormatError(
            f"{file}: LiteRT computes {sizes[0]} output values of a sample with its default "
            f"kernels, but {sizes[1]} with its reference kernels: the shapes in the file are "
            "wrong. Convert the model again."
        )
    reference = reference.reshape(len(deployed), -1)
    step = get_step_sizes(file)[file.graph.outputs[0]]
    distances = compute_distances(deployed, reference, step)
    changed = None
    if decide is not None:
        differs = decide(deployed) != decide(reference)
        changed = int(differs.reshape(len(reference), -1).any(axis=1).sum())
    return KernelDifference(
        fraction=float((distances > 0).mean()),
        worst_lsb=int(distances.max(initial=0)),
        decisions_changed=changed,
    )
