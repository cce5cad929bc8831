"""Run a full-integer model on samples with the bit-exact integer engine."""

from pathlib import Path

from snugnet.int8 import load
from snugnet.int8.classification_report import PredictionReport, report_predictions
from snugnet.services import user_data


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
    engine = load(model, profile)
    samples = user_data.read(data, engine.inputs[0].shape[1:])
    x = user_data.as_model_input(samples.x, raw)
    return report_predictions(engine, x, samples.y)
