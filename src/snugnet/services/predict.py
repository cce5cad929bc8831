"""Run a full-integer model on samples with the bit-exact integer engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snugnet.services import user_data


@dataclass(frozen=True)
class PredictionReport:
    """Outputs of a model.

    Attributes:
        values: As `int8.classification_report` returns them: `raw`, `decision` and, with labels,
            `accuracy`; for a model with several outputs, only `outputs`.
    """

    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return self.values


def predict(model: Path, data: Path, profile: str, raw: bool) -> PredictionReport:
    """Run a model.

    Args:
        model: .tflite file, or .npz or .json that `export` wrote.
        data: Samples: .npz, .npy or .csv.
        profile: The runtime whose kernels are reproduced: `litert_ref` or `tflm`.
        raw: Whether samples are integers of the input's type, which are not quantized.

    Raises:
        InputError: If a file is damaged or does not fit.
        OSError: If a file cannot be read.
    """
    from snugnet.int8 import load
    from snugnet.int8.classification_report import report_predictions

    engine = load(model, profile)
    samples = user_data.read(data, engine.inputs[0].shape[1:])
    x = user_data.as_model_input(samples.x, raw)
    return PredictionReport(report_predictions(engine, x, samples.y))
