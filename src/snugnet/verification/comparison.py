"""Comparison of the integer engine with a runtime, output by output and tensor by tensor."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np

from snugnet.core.budget import UNLIMITED, Budget, BudgetError
from snugnet.core.errors import ModelFormatError
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes import isolated, micro, reference

P = ParamSpec("P")
T = TypeVar("T")

# The runtime that each profile of the engine reproduces.
RUNTIMES: dict[Profile, Any] = {Profile.LITERT_REF: reference, Profile.TFLM: micro}
# Errors by which the engine and the runtimes reject a file.
REJECTIONS = (ModelFormatError, RuntimeError, ValueError, MemoryError)
# Number of samples with a different output whose tensors are compared too.
TRACED_DIFFERING = 8


@dataclass(frozen=True)
class FirstDifference:
    """The first operator of a file whose output differs.

    Attributes:
        operator: Index of the operator.
        name: Name of the operator.
        tensor: Index of its output tensor.
    """

    operator: int
    name: str
    tensor: int


@dataclass(frozen=True)
class RuntimeComparison:
    """Result of comparing the engine with a runtime.

    Attributes:
        verdict: `exact`, `differs`, or `unsupported` if the engine or the runtime rejects the file.
        reason: Why the file is unsupported; None if it is supported. If the file is unsupported,
            all other attributes are 0 or None.
        samples: Number of samples whose outputs were compared.
        samples_traced: Number of samples for which every tensor was compared.
        tensors: Number of tensors that were compared for each of these samples.
        mismatches: Number of values that differ.
        worst_lsb: Largest difference, in quantization steps (LSB) of the tensor.
        first_operator: The first operator whose output differs; None if no output differs.
    """

    verdict: str
    reason: str | None = None
    samples: int = 0
    samples_traced: int = 0
    tensors: int = 0
    mismatches: int = 0
    worst_lsb: int = 0
    first_operator: FirstDifference | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every compared value is identical."""
        return self.verdict == "exact"

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a mapping that JSON can represent."""
        if self.verdict == "unsupported":
            return {"verdict": self.verdict, "reason": self.reason}
        values = asdict(self)
        del values["reason"]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "RuntimeComparison":
        """Make a comparison from the mapping that `to_json` returned."""
        first = values.get("first_operator")
        return cls(**{**values, "first_operator": first and FirstDifference(**first)})


@dataclass(frozen=True)
class RuntimeResult:
    """A comparison together with the outputs of the runtime.

    Attributes:
        comparison: The comparison.
        outputs: Raw outputs of the runtime, (n, ...); None if it rejects the file.
        samples_whole: Number of samples on which the whole file was run.
    """

    comparison: RuntimeComparison
    outputs: np.ndarray | None
    samples_whole: int


def compare_file(
    file: ModelFile,
    inputs: np.ndarray,
    profile: Profile,
    traced: int,
    budget: Budget = UNLIMITED,
) -> RuntimeResult:
    """Compare the engine with the runtime of a profile.

    Args:
        file: The .tflite file.
        inputs: Samples in the type of the file's input, (n, ...). The outputs of all are compared.
        profile: The profile of the engine.
        traced: Number of samples of which every tensor is compared.
        budget: Limit of memory of the runtime.
    """
    truth = attempt(isolated.run, RUNTIMES[profile], file, inputs, traced, budget)
    comparison = _compare(file, inputs, profile, truth, budget)
    outputs = None if isinstance(truth, Exception) else truth[0]
    return RuntimeResult(comparison, outputs, len(inputs))


def attempt(compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """Call a function; return the error if the engine or a runtime rejects the file.

    A rejected file is a result of the comparison, not a failure of the job.
    """
    try:
        return compute(*args, **kwargs)
    except BudgetError:
        raise
    except REJECTIONS as error:
        return error


def measure_arena(content: bytes, budget: Budget = UNLIMITED) -> int | Exception:
    """Measure the tensor arena of a file on TensorFlow Lite Micro.

    Args:
        content: Content of a .tflite file.
        budget: Limit of memory.

    Returns:
        Bytes with the 64-bit pointers of this machine, or the reason why the runtime rejects the
        file.
    """
    return attempt(isolated.measure_arena, content, budget)


def _compare(
    file: ModelFile,
    inputs: np.ndarray,
    profile: Profile,
    truth: tuple[np.ndarray, list[dict[int, np.ndarray]]] | Exception,
    budget: Budget,
) -> RuntimeComparison:
    """Compare the engine with a runtime's outputs of all samples and tensors of the first ones."""
    model = attempt(Model, file.graph, profile)
    computed = model if isinstance(model, Exception) else attempt(model.predict, inputs)
    if (
        isinstance(model, Exception)
        or isinstance(computed, Exception)
        or isinstance(truth, Exception)
    ):
        results = {"engine": computed, "runtime": truth}
        reasons = [f"{name}: {e}" for name, e in results.items() if isinstance(e, Exception)]
        return RuntimeComparison("unsupported", reason="; ".join(reasons))
    outputs, tensors = truth
    if computed.size != outputs.size:
        return RuntimeComparison(
            "unsupported",
            reason=f"the runtime computes outputs of shape {list(outputs.shape[1:])}, the engine "
            f"those of the file, {list(computed.shape[1:])}",
        )
    steps = get_step_sizes(file)
    output_step = steps[file.graph.outputs[0]]
    distances = compute_distances(computed.reshape(outputs.shape), outputs, output_step)
    distances = distances.reshape(len(inputs), -1)
    # Samples of which only the output was compared: the first that differ are traced as well.
    differing = np.flatnonzero(distances.any(axis=1))
    late = [i for i in differing if i >= len(tensors)][:TRACED_DIFFERING]
    if late:
        again = attempt(isolated.run, RUNTIMES[profile], file, inputs[late], len(late), budget)
        if isinstance(again, Exception):
            return RuntimeComparison("unsupported", reason=f"runtime: {again}")
        tensors = tensors + again[1]
    traced = [*range(len(tensors) - len(late)), *late]
    first, worst, inside = _compare_tensors(model, tensors, inputs[traced], steps)
    return RuntimeComparison(
        verdict="differs" if distances.any() or inside else "exact",
        samples=len(inputs),
        samples_traced=len(traced),
        tensors=sum(len(operator.outputs) for operator in file.graph.operators),
        mismatches=int((distances > 0).sum()) + inside,
        worst_lsb=max(worst, int(distances.max(initial=0))),
        first_operator=first,
    )


def _compare_tensors(
    model: Model, expected: list[dict[int, np.ndarray]], inputs: np.ndarray, steps: dict[int, float]
) -> tuple[FirstDifference | None, int, int]:
    """Compare every computed tensor.

    Returns:
        The first operator that differs; the largest difference in steps, and the number of
        different values, both without the output tensor, which is compared for all samples.
    """
    computed = model.trace(inputs)
    first, worst, mismatches = None, 0, 0
    for index, operator in enumerate(model.graph.operators):
        for tensor in operator.outputs:
            truth = np.stack([sample[tensor] for sample in expected])
            distances = compute_distances(
                computed[tensor].reshape(truth.shape), truth, steps[tensor]
            )
            if not distances.any():
                continue
            first = first or FirstDifference(index, operator.name, tensor)
            if tensor not in model.graph.outputs:
                worst = max(worst, int(distances.max()))
                mismatches += int((distances > 0).sum())
    return first, worst, mismatches


def get_step_sizes(file: ModelFile) -> dict[int, float]:
    """Return the step of each tensor: 1 for integers; for dequantized tensors, their scale."""
    tensors = file.graph.tensors
    steps = {tensor.index: 1.0 for tensor in tensors}
    for operator in file.graph.operators:
        if operator.name == "DEQUANTIZE":
            steps[operator.outputs[0]] = float(tensors[operator.inputs[0]].scales[0])
    return steps


def compute_distances(values: np.ndarray, reference: np.ndarray, step: float) -> np.ndarray:
    """Return the distances in steps, int64; at least 1 where values differ at all."""
    distances = np.abs(values.astype(np.float64) - reference.astype(np.float64)) / step
    different = np.maximum(1, np.rint(distances))
    return np.where(values == reference, 0, different).astype(np.int64)
