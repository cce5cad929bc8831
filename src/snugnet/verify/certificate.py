"""A certificate for a .tflite file: does the integer engine compute what the runtimes compute?

And, from the predictions that are there already: how far do the kernels that LiteRT uses by default
(XNNPACK) depart from the reference, which is what a microcontroller is compared with.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.files import atomic_write
from snugnet.core.samples import read_npz
from snugnet.core.tflite_graph import Graph
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.tflite.boundary import compute_network_digest, extract_operator, find_boundary
from snugnet.tflite.flatbuffer import parse_graph, read_graph
from snugnet.tflite.runtimes import micro, reference
from snugnet.tflite.runtimes.crash_test import detect_crash
from snugnet.tflite.runtimes.litert import quantize_for

# Whose outputs and tensors each profile is compared with.
TRUTHS: dict[Profile, Any] = {Profile.LITERT_REF: reference, Profile.TFLM: micro}
PACKAGES = ("ai-edge-litert", "tflite-micro", "numpy")
# How runtimes and the engine refuse a file; and how many samples with another output are traced.
REFUSALS = (ModelFormatError, RuntimeError, ValueError, MemoryError)
MOST_DIFFERING = 8
# Number of samples with which a file runs as a whole if its network was certified before.
WHOLE = 8


class Computed(NamedTuple):
    """A comparison of the engine with a runtime.

    Attributes:
        comparison: Ready for JSON, as `certify` gives it for a profile.
        outputs: Outputs of the runtime, (n, ...), raw; None if it refuses the file.
        whole: Number of samples with which the whole file ran.
    """

    comparison: dict[str, Any]
    outputs: np.ndarray | None
    whole: int


@dataclass(frozen=True)
class CertifiedNetwork:
    """An int8 network that several files share, compared with both runtimes on all samples.

    Attributes:
        digest: The network's `compute_network_digest`; None if the network cannot be digested.
        inputs_sha256: SHA-256 sum of the int8 inputs that were compared.
        computed: The comparison and the runtime's outputs, by profile.
    """

    digest: str | None
    inputs_sha256: str
    computed: dict[Profile, Computed]


def certify(
    path: str | Path,
    x: np.ndarray,
    deployed: np.ndarray,
    decide: Callable[[np.ndarray], np.ndarray],
    traced: int,
    network: CertifiedNetwork | None = None,
) -> dict[str, Any]:
    """Compare a full-integer file with both runtimes.

    Args:
        path: The file.
        x: Samples in real units, (n, ...): all of them at the output.
        deployed: What the default kernels gave for them, (n, k), raw.
        decide: From raw outputs to decisions, one row a sample.
        traced: Of how many samples every tensor is compared.
        network: The int8 network of the file, if it was certified before on the same samples. Of a
            profile for which it is exact, only what the file adds to it is compared.

    Returns:
        Ready for JSON: for each profile `verdict` (`exact`, `differs` or `unsupported`, with all
        that engine and runtime refuse), and what was compared; `xnnpack`, how the default kernels
        differ (None if LiteRT refuses the file); `arena_bytes` (None if TensorFlow Lite Micro
        does); `samples_whole`, with how many samples the whole file ran; `network`, the digest of
        the network whose comparison on all samples counts for this file too (None if the whole
        file was compared); hashes and versions. Distances are in steps of the type, of real
        numbers in those of the integers that they were made from.
    """
    file = Path(path).read_bytes()
    graph = read_graph(path)
    inputs = quantize_for(path, x)
    computed = {
        profile: _composed(file, graph, inputs, profile, network)
        or _computed(file, graph, inputs, profile, traced)
        for profile in Profile
    }
    composed = any(one.whole < len(x) for one in computed.values())
    exact = computed[Profile.LITERT_REF].outputs
    step = _steps(graph)[graph.outputs[0]]
    return {
        **{str(profile): computed[profile].comparison for profile in Profile},
        "xnnpack": None
        if exact is None
        else _departure(deployed, exact.reshape(len(x), -1), decide, step),
        "arena_bytes": _arena(file),
        "samples": len(x),
        "samples_whole": min(one.whole for one in computed.values()),
        "network": network.digest if network and composed else None,
        "sha256": {"model": hashlib.sha256(file).hexdigest(), "inputs": _sha256(inputs)},
        "versions": {name: version(name) for name in PACKAGES},
    }


def certify_network(path: str | Path, x: np.ndarray, traced: int) -> CertifiedNetwork:
    """Compare an int8 network with both runtimes, once for all files that hold it.

    Args:
        path: Its file of scheme `fiq_int8`, which has no boundary.
        x: Samples in real units, (n, ...).
        traced: Of how many samples every tensor is compared.
    """
    file = Path(path).read_bytes()
    graph = read_graph(path)
    inputs = quantize_for(path, x)
    digest = _attempt(compute_network_digest, graph)
    return CertifiedNetwork(
        digest=None if isinstance(digest, Exception) else digest,
        inputs_sha256=_sha256(inputs),
        computed={profile: _computed(file, graph, inputs, profile, traced) for profile in Profile},
    )


def save_network(path: str | Path, network: CertifiedNetwork) -> None:
    """Write a certified network as .npz; an absent output becomes an empty array."""
    arrays: dict[str, Any] = {
        "digest": network.digest or "",
        "inputs_sha256": network.inputs_sha256,
    }
    for profile, (comparison, outputs, whole) in network.computed.items():
        arrays[f"{profile}_comparison"] = json.dumps(comparison, sort_keys=True)
        arrays[f"{profile}_outputs"] = np.zeros(0) if outputs is None else outputs
        arrays[f"{profile}_whole"] = whole
    with atomic_write(path) as partial:
        np.savez(partial, **{name: np.asarray(value) for name, value in arrays.items()})


def load_network(path: str | Path) -> CertifiedNetwork:
    """Read what `save_network` wrote.

    Raises:
        InputError: If the file is not such a file.
    """
    parts = Computed._fields
    names = [f"{profile}_{part}" for profile in Profile for part in parts]
    arrays = read_npz(path, required=("digest", "inputs_sha256", *names))
    computed = {}
    for profile in Profile:
        outputs = arrays[f"{profile}_outputs"]
        comparison = json.loads(str(arrays[f"{profile}_comparison"]))
        whole = int(arrays[f"{profile}_whole"])
        computed[profile] = Computed(comparison, outputs if len(outputs) else None, whole)
    digest = str(arrays["digest"]) or None
    return CertifiedNetwork(digest, str(arrays["inputs_sha256"]), computed)


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


def _computed(
    file: bytes, graph: Graph, inputs: np.ndarray, profile: Profile, traced: int
) -> Computed:
    """Compare the whole file on all samples."""
    truth = _attempt(_run, TRUTHS[profile], file, graph, inputs, traced)
    outputs = None if isinstance(truth, Exception) else truth[0]
    return Computed(_compare(file, graph, inputs, profile, truth), outputs, len(inputs))


def _composed(
    file: bytes,
    graph: Graph,
    inputs: np.ndarray,
    profile: Profile,
    network: CertifiedNetwork | None,
) -> Computed | None:
    """Compare what a file adds to a network that is exact; None if the file must be compared whole.

    Runtimes compute one operator after the other, and a kernel's result does not depend on the
    place of its operator in a file. So a file is exact if its network is, and if each boundary
    operator is on the same samples. Should a runtime not keep to this, samples from all over the
    split, for which the whole file runs and every tensor is compared, are there to show it.
    """
    if network is None or network.digest != _attempt(compute_network_digest, graph):
        return None
    comparison, inner, _ = network.computed[profile]
    if comparison["verdict"] != "exact" or inner is None:
        return None
    boundary = find_boundary(graph)
    inside = _through(file, boundary.head, inputs, profile)
    outputs = _through(file, boundary.tail, inner, profile)
    if inside is None or outputs is None or _sha256(inside) != network.inputs_sha256:
        return None
    chosen = np.unique(np.linspace(0, len(inputs) - 1, WHOLE).astype(int))
    whole = _computed(file, graph, inputs[chosen], profile, len(chosen))
    if whole.comparison["verdict"] != "exact" or whole.outputs is None:
        return None
    if not _same(whole.outputs, outputs[chosen]):
        return None
    tensors = whole.comparison["tensors"]
    return Computed({**comparison, "tensors": tensors}, outputs, len(chosen))


def _through(
    file: bytes, operator: int | None, x: np.ndarray, profile: Profile
) -> np.ndarray | None:
    """Compute one operator of a file for all samples.

    Returns:
        Its outputs; None if the engine and the runtime differ, or one of them refuses it.
    """
    if operator is None:
        return x
    alone = extract_operator(file, operator)
    graph = parse_graph(alone, f"operator {operator}")
    truth = _attempt(_run, TRUTHS[profile], alone, graph, x, 0)
    ours = _attempt(lambda: Model(graph, profile).predict(x))
    if isinstance(truth, Exception) or isinstance(ours, Exception):
        return None
    return truth[0] if _same(ours, truth[0]) else None


def _attempt(compute: Callable[..., Any], *arguments: Any) -> Any:
    """Compute, or give the error: a file that is refused is a finding, no failure of the job."""
    try:
        return compute(*arguments)
    except REFUSALS as error:
        return error


def _run(truth: Any, file: bytes, graph: Graph, x: np.ndarray, traced: int) -> Any:
    """Compute with a runtime, if it survives a first sample."""
    crash = detect_crash(lambda: truth.run(file, graph, x[:1], 1))
    if crash is not None:
        raise RuntimeError(f"the runtime crashed on this file ({crash})")
    return truth.run(file, graph, x, traced)


def _compare(
    file: bytes,
    graph: Graph,
    x: np.ndarray,
    profile: Profile,
    truth: tuple[np.ndarray, list[dict[int, np.ndarray]]] | Exception,
) -> dict[str, Any]:
    """Compare the engine with the truth of a profile: outputs of all, tensors of some samples."""
    model = _attempt(Model, graph, profile)
    made = model if isinstance(model, Exception) else _attempt(model.predict, x)
    if isinstance(made, Exception) or isinstance(truth, Exception):
        refused = {"engine": made, "runtime": truth}
        reasons = [f"{who}: {e}" for who, e in refused.items() if isinstance(e, Exception)]
        return {"verdict": "unsupported", "reason": "; ".join(reasons)}
    outputs, traces = truth
    steps = _steps(graph)
    apart = _lsb(made.reshape(outputs.shape), outputs, steps[graph.outputs[0]]).reshape(len(x), -1)
    # Of samples whose output alone was compared, the first that differ are traced too.
    late = [i for i in np.flatnonzero(apart.any(axis=1)) if i >= len(traces)][:MOST_DIFFERING]
    if late:
        traces = traces + TRUTHS[profile].run(file, graph, x[late], len(late))[1]
    chosen = [*range(len(traces) - len(late)), *late]
    first, worst, inside = _compare_tensors(model, traces, x[chosen], steps)
    return {
        "verdict": "differs" if apart.any() or inside else "exact",
        "samples": len(x),
        "samples_traced": len(chosen),
        "tensors": sum(len(operator.outputs) for operator in graph.operators),
        "mismatches": int((apart > 0).sum()) + inside,
        "worst_lsb": max(worst, int(apart.max(initial=0))),
        "first_operator": first,
    }


def _compare_tensors(
    model: Model, expected: list[dict[int, np.ndarray]], x: np.ndarray, steps: dict[int, float]
) -> tuple[dict[str, Any] | None, int, int]:
    """Compare every tensor; give the first operator that differs, the worst, and how many numbers.

    Those of the output are not counted: that is done for all samples.
    """
    found = model.trace(x)
    first, worst, differing = None, 0, 0
    for place, operator in enumerate(model.graph.operators):
        for index in operator.outputs:
            truth = np.stack([sample[index] for sample in expected])
            apart = _lsb(found[index].reshape(truth.shape), truth, steps[index])
            if apart.any():
                first = first or {"operator": place, "name": operator.name, "tensor": index}
                if index not in model.graph.outputs:
                    worst, differing = max(worst, int(apart.max())), differing + (apart > 0).sum()
    return first, worst, int(differing)


def _steps(graph: Graph) -> dict[int, float]:
    """Give the step of each tensor: 1 for integers, the scale from which real numbers were made."""
    steps = {tensor.index: 1.0 for tensor in graph.tensors}
    for operator in graph.operators:
        if operator.name == "DEQUANTIZE":
            steps[operator.outputs[0]] = float(graph.tensors[operator.inputs[0]].scales[0])
    return steps


def _lsb(ours: np.ndarray, theirs: np.ndarray, step: float) -> np.ndarray:
    """Give the distances in steps, at least one where numbers differ at all."""
    apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)) / step
    return np.where(ours == theirs, 0, np.maximum(1, np.rint(apart))).astype(np.int64)


def _departure(
    deployed: np.ndarray,
    exact: np.ndarray,
    decide: Callable[[np.ndarray], np.ndarray],
    step: float,
) -> dict[str, Any]:
    """Tell how often, and how far, the default kernels depart from the reference."""
    apart = _lsb(deployed, exact, step)
    changed = (decide(deployed) != decide(exact)).reshape(len(exact), -1).any(axis=1)
    return {
        "fraction": float((apart > 0).mean()),
        "worst_lsb": int(apart.max(initial=0)),
        "decisions_changed": int(changed.sum()),
    }


def _arena(file: bytes) -> int | None:
    if detect_crash(lambda: micro.measure_arena(file)) is not None:
        return None
    arena = _attempt(micro.measure_arena, file)
    return None if isinstance(arena, Exception) else arena
