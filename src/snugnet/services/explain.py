"""Explain how one element of an operator's output is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.inputs import list_graph_inputs
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError
from snugnet.services.file_scheme import check_full_integer


@dataclass(frozen=True)
class ExplainRequest:
    """A request to explain one element.

    Attributes:
        model: .tflite file, or .npz or .json that `export` wrote.
        data: The samples.
        operator: Index of the operator.
        element: Index of the element in the operator's first output.
        sample: Index of the sample in the data.
        profile: The runtime whose kernels are reproduced: `litert_ref` or `tflm`.
        raw: Whether samples are integers of the input's type, which are not quantized.
        budget: Limits on work and memory.
    """

    model: Path
    data: user_data.DataSource
    operator: int
    element: Sequence[int]
    sample: int = 0
    profile: str = "litert_ref"
    raw: bool = False
    budget: Budget = DEFAULT_BUDGET


@dataclass(frozen=True)
class Explanation:
    """The computation of one element.

    Attributes:
        steps: Name and value of each step, from the inputs to the output.
    """

    steps: tuple[tuple[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the steps by name."""
        return dict(self.steps)


def explain(request: ExplainRequest) -> Explanation:
    """Explain one element; see `int8.engine.Model.explain` for the steps.

    Raises:
        InputError: If there is no such operator, element or sample, or a file is unusable.
        OSError: If a file cannot be read.
    """
    from snugnet.int8.engine import Model
    from snugnet.int8.export import read

    graph = read(request.model, request.budget)
    check_full_integer(graph, str(request.model), "explain")
    engine = Model(graph, request.profile, request.budget)
    data = user_data.read(request.data, list_graph_inputs(engine.graph))
    if not 0 <= request.sample < len(data.x):
        known = f"{request.data} has samples 0 to {len(data.x) - 1}"
        raise ArgumentError("sample", request.sample, f"out of range. {known}.")
    sample = data.x[request.sample : request.sample + 1]
    inputs = user_data.as_model_input(sample, request.raw)
    return Explanation(tuple(engine.explain(inputs, request.operator, request.element)))
