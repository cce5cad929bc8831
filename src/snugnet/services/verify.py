"""Verify a full-integer .tflite file: is it bit-exact on LiteRT and TensorFlow Lite Micro?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, UNLIMITED, Budget, as_budget
from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.core.tflite_graph import Graph
from snugnet.services import user_data
from snugnet.services.arguments import check_count, check_type
from snugnet.services.file_scheme import check_full_integer
from snugnet.services.resources import check_resources
from snugnet.services.result_table import html_table, text_table
from snugnet.tflite.model_file import ModelFile
from snugnet.verification.certificate import Certificate, certify

if TYPE_CHECKING:
    from snugnet.services.quantized_model import QuantizedModel

# Number of samples whose outputs a certificate compares, and of those compared tensor by tensor.
CERTIFIED, TRACED = 64, 8


@dataclass(frozen=True, eq=False)
class Verification:
    """Result of verifying a .tflite file.

    In a notebook, it is shown as a table.

    Attributes:
        certificate: Comparison of the integer engine with both runtimes, and its conditions.
        inputs: Source of the samples: a path, `samples` for an array, or `random`.
    """

    certificate: Certificate
    inputs: str

    @property
    def exact(self) -> bool:
        """Whether the engine and both runtimes computed identical values."""
        return self.certificate.exact

    def to_json(self) -> dict[str, Any]:
        """Return certificate and source of the samples as a mapping that JSON can represent."""
        return {**self.certificate.to_json(), "inputs": self.inputs}

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        rows = {}
        for profile, comparison in self.certificate.comparisons.items():
            reason = "" if comparison.reason is None else f" ({comparison.reason})"
            rows[str(profile)] = f"{comparison.verdict}{reason}"
        return rows

    def _title(self) -> str:
        return f"Verification of {self.certificate.samples} samples ({self.inputs})"

    def __repr__(self) -> str:
        return text_table(self._title(), self.summary())

    def _repr_html_(self) -> str:
        return html_table(self._title(), self.summary())


def verify(
    model: "str | Path | QuantizedModel",
    data: str | Path | user_data.DataSource | np.ndarray | None = None,
    samples: int = CERTIFIED,
    traced: int = TRACED,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Verification:
    """Compare LiteRT and TensorFlow Lite Micro with the integer engine, bit for bit.

    Args:
        model: Path of a full-integer .tflite file, or a `QuantizedModel` with a full-integer
            scheme.
        data: Samples in the units that the model was trained on: numbers of shape (n, ...), or the
            path of a .npz, .npy or .csv file. None: random samples.
        samples: Number of random samples. Used only if `data` is None.
        traced: Number of samples for which every tensor is compared. For all other samples, only
            the outputs are compared.
        budget: Limits on work and memory, or the factor by which the default limits are multiplied.

    Returns:
        The result; `exact` is True if all compared values are identical.

    Raises:
        InputError: If the file or the samples cannot be used.
        OSError: If a file cannot be read.
    """
    from snugnet.services.model_files import name_of
    from snugnet.services.quantized_model import QuantizedModel

    expected = "the path of a .tflite file, or a QuantizedModel"
    check_type("model", model, str | Path | QuantizedModel, expected)
    check_count("samples", samples)
    check_count("traced", traced)
    limits = as_budget(budget)
    scheme = None
    if isinstance(model, QuantizedModel):
        file, scheme = model.file, model.scheme
    else:
        file = ModelFile.read(model)
    _check_graph(file.graph, name_of(model))
    check_full_integer(file.graph, name_of(model), "verify", scheme)
    if not isinstance(model, QuantizedModel):
        check_resources(Path(model), file.graph, samples if data is None else 1, limits)
    x, inputs = user_data.read_or_draw(data, file.graph, samples, limits)
    return Verification(certify_samples(file, x, traced, limits), inputs)


def _check_graph(graph: Graph, name: str) -> None:
    """Check that a file has inputs and one output, all with an axis of samples."""
    if not graph.inputs or len(graph.outputs) != 1:
        raise InputError(
            f"{name}: {len(graph.inputs)} inputs and {len(graph.outputs)} outputs. Only files with "
            "inputs and one output can be verified. Convert a model for each output."
        )
    ends = [*(("input", index) for index in graph.inputs), ("output", graph.outputs[0])]
    for kind, index in ends:
        if not graph.tensors[index].shape:
            raise InputError(
                f"{name}: the {kind} is a single number without an axis of samples. Convert the "
                "model with a batch axis."
            )


def certify_samples(
    file: ModelFile, x: np.ndarray, traced: int, budget: Budget = UNLIMITED
) -> Certificate:
    """Certify a file on samples; LiteRT's default kernels predict them first.

    Args:
        file: The full-integer .tflite file.
        x: Samples in real units, (n, ...).
        traced: Number of samples of which every tensor is compared.
        budget: Limit of memory of each runtime.
    """
    from snugnet.tflite.runtimes.isolated import predict

    deployed = predict(file, x, budget).raw
    count = min(traced, len(x))
    return certify(file, x, deployed, decide_without_task, count, budget=budget)


def decide_without_task(raw: np.ndarray) -> np.ndarray:
    """Return the index of the largest output; for a single output, the output itself.

    A file does not state its task, so a single output may be any number.
    """
    return decide(raw, "multiclass") if raw.shape[1] > 1 else raw[:, 0]
