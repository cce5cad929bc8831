"""A certificate for a .tflite file: does the integer engine compute what the runtimes compute?

And, from the predictions that are there already: how far do the kernels that LiteRT uses by default
(XNNPACK) depart from the reference, which is what a microcontroller is compared with.
"""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.errors import ModelFormatError
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.tflite import micro, reference
from snugnet.tflite.crash import crash_of
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.graph import Graph
from snugnet.tflite.litert import quantize_for

# Whose outputs and tensors each profile is compared with.
TRUTHS: dict[Profile, Any] = {Profile.LITERT_REF: reference, Profile.TFLM: micro}
PACKAGES = ("ai-edge-litert", "tflite-micro", "numpy")
# How runtimes and the engine refuse a file; and how many samples with another output are traced.
REFUSALS = (ModelFormatError, RuntimeError, ValueError, MemoryError)
MOST_DIFFERING = 8


def certify(
    path: str | Path,
    x: np.ndarray,
    deployed: np.ndarray,
    decide: Callable[[np.ndarray], np.ndarray],
    traced: int,
) -> dict[str, Any]:
    """Compare a full-integer file with both runtimes.

    Args:
        path: The file.
        x: Samples in real units, (n, ...): all of them at the output.
        deployed: What the default kernels gave for them, (n, k), raw.
        decide: From raw outputs to decisions, one row a sample.
        traced: Of how many samples every tensor is compared.

    Returns:
        Ready for JSON: for each profile `verdict` (`exact`, `differs` or `unsupported`, with all
        that engine and runtime refuse), and what was compared; `xnnpack`, how the default kernels
        differ (None if LiteRT refuses the file); `arena_bytes` (None if TensorFlow Lite Micro
        does); hashes and versions. Distances are in steps of the type, of real numbers in those of
        the integers that they were made from.
    """
    file = Path(path).read_bytes()
    graph = read_graph(path)
    given = quantize_for(path, x)
    truths = {
        profile: _attempt(_run, truth, file, graph, given, traced)
        for profile, truth in TRUTHS.items()
    }
    found: dict[str, Any] = {
        str(profile): _compare(file, graph, given, profile, truths[profile]) for profile in Profile
    }
    exact = truths[Profile.LITERT_REF]
    steps = _steps(graph)
    return {
        **found,
        "xnnpack": None
        if isinstance(exact, Exception)
        else _departure(deployed, exact[0].reshape(len(x), -1), decide, steps[graph.outputs[0]]),
        "arena_bytes": _arena(file),
        "samples": len(x),
        "sha256": {
            "model": hashlib.sha256(file).hexdigest(),
            "inputs": hashlib.sha256(np.ascontiguousarray(given).tobytes()).hexdigest(),
        },
        "versions": {name: version(name) for name in PACKAGES},
    }


def _attempt(compute: Callable[..., Any], *arguments: Any) -> Any:
    """Compute, or give the error: a file that is refused is a finding, no failure of the job."""
    try:
        return compute(*arguments)
    except REFUSALS as error:
        return error


def _run(truth: Any, file: bytes, graph: Graph, x: np.ndarray, traced: int) -> Any:
    """Compute with a runtime, if it survives a first sample."""
    crash = crash_of(lambda: truth.run(file, graph, x[:1], 1))
    if crash is not None:
        raise RuntimeError(f"it crashes on this file ({crash})")
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
    if crash_of(lambda: micro.arena_bytes(file)) is not None:
        return None
    arena = _attempt(micro.arena_bytes, file)
    return None if isinstance(arena, Exception) else arena
