"""Run a full-integer model on samples with the bit-exact integer engine."""

from dataclasses import dataclass, replace
from pathlib import Path

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.inputs import list_graph_inputs
from snugnet.int8.classification_report import (
    ClassificationReport,
    PredictionReport,
    report_predictions,
)
from snugnet.int8.engine import Model
from snugnet.int8.export import read
from snugnet.services import user_data
from snugnet.services.file_scheme import check_full_integer


@dataclass(frozen=True)
class PredictRequest:
    """A request to run a model.

    Attributes:
        model: .tflite file, or .npz or .json that `export` wrote.
        data: The samples.
        profile: The runtime whose kernels are reproduced: `litert_ref` or `tflm`.
        raw: Whether samples are integers of the input's type, which are not quantized.
        task: The task of the model; None to find it.
        budget: Limits on work and memory.
    """

    model: Path
    data: user_data.DataSource
    profile: str
    raw: bool
    task: str | None = None
    budget: Budget = DEFAULT_BUDGET


def predict(request: PredictRequest) -> PredictionReport:
    """Run a model.

    Raises:
        InputError: If a file is damaged or does not fit.
        OSError: If a file cannot be read.
    """
    graph = read(request.model, request.budget)
    check_full_integer(graph, str(request.model), "run")
    engine = Model(graph, request.profile, request.budget)
    data = user_data.read(request.data, list_graph_inputs(engine.graph))
    x = user_data.as_model_input(data.x, request.raw)
    report = report_predictions(engine, x, data.y, data.class_names, request.task)
    return replace(report, used=data.used) if isinstance(report, ClassificationReport) else report
