"""Common mistakes in integer inference, and the accuracy that each of them costs.

Code on a device converts real inputs to integers: `round(x / scale) + zero_point`, saturated. Each
mistake here leaves out a part of this conversion, or of the conversion of the output. The .tflite
file is always the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snugnet.core.affine import dequantize, quantize, quantize_unclipped
from snugnet.core.inputs import InputPort, join_inputs, list_graph_inputs, order_inputs
from snugnet.core.predictions import Predictions
from snugnet.evaluation.accuracy import Difference, measure_difference
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.runtimes.litert import Prediction, predict


class QuantizationParameters(NamedTuple):
    """The quantization parameters of a tensor.

    Attributes:
        dtype: Integer type.
        scale: Real value of one integer step.
        zero_point: Integer that represents 0.
    """

    dtype: str
    scale: float
    zero_point: int


class Mistake(NamedTuple):
    """A wrong conversion of real inputs to integers.

    Attributes:
        description: Description of the mistake.
        convert: Function that converts real inputs to integers of the parameters' type.
    """

    description: str
    convert: Callable[[np.ndarray, QuantizationParameters], np.ndarray]


@dataclass(frozen=True)
class MeasuredMistake:
    """Accuracy of a file with a mistake, and its difference from correct conversion.

    Attributes:
        name: Name of the mistake: a key of `MISTAKES`, or `OUTPUT_ZERO_POINT`.
        description: Description of the mistake.
        accuracy: Accuracy with the mistake, in 0..1.
        difference: Accuracy with the mistake minus that with correct conversion.
    """

    name: str
    description: str
    accuracy: float
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `mistakes` in mistakes.json."""
        return {
            "name": self.name,
            "words": self.description,
            "accuracy": self.accuracy,
            "delta": self.difference.delta,
            "delta_low": self.difference.low,
            "delta_high": self.difference.high,
            "p": self.difference.p,
        }


@dataclass(frozen=True)
class MistakeReport:
    """Accuracy of a file with each mistake: the content of mistakes.json.

    Attributes:
        n: Number of samples.
        accuracy: Accuracy with correct conversion, in 0..1.
        saturated: Share of input values beyond the input's range, in 0..1. They saturate even with
            correct conversion.
        mistakes: The mistakes: those of `MISTAKES`, then the mistake at the output.
    """

    n: int
    accuracy: float
    saturated: float
    mistakes: tuple[MeasuredMistake, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "saturated": self.saturated,
            "mistakes": [mistake.to_json() for mistake in self.mistakes],
        }


def _truncate(x: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    """Truncate towards zero, like a cast in C; the result is int64, so nothing wraps yet."""
    with np.errstate(over="ignore"):
        steps = x.astype(np.float64) / parameters.scale + parameters.zero_point
        return np.trunc(steps).astype(np.int64)


def _saturate(values: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    info = np.iinfo(parameters.dtype)
    return np.clip(values, info.min, info.max).astype(parameters.dtype)


def _round(x: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    return quantize_unclipped(x, parameters.scale, parameters.zero_point).astype(np.int64)


def _quantize_without_zero_point(x: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    return quantize(x, parameters.scale, 0, parameters.dtype)


# NumPy's cast from int64 keeps the low bits: values wrap, as in C and in the code of the original
# slides.
MISTAKES = {
    "cast": Mistake(
        "cast without rounding, saturated",
        lambda x, parameters: _saturate(_truncate(x, parameters), parameters),
    ),
    "wrap": Mistake(
        "rounded, but wraps instead of saturating",
        lambda x, parameters: _round(x, parameters).astype(parameters.dtype),
    ),
    "cast_and_wrap": Mistake(
        "cast without rounding, wraps instead of saturating",
        lambda x, parameters: _truncate(x, parameters).astype(parameters.dtype),
    ),
    "input_zero_point": Mistake("zero point forgotten at the input", _quantize_without_zero_point),
}
OUTPUT_ZERO_POINT = "output_zero_point"


def measure_mistakes(
    path: str | Path, x: np.ndarray, reference: Predictions, batch_size: int, confidence: float
) -> MistakeReport:
    """Measure the accuracy of each mistake and compare it with the correct conversion.

    Args:
        path: A .tflite file with integer inputs and output.
        x: Samples in real units, (n, ...). A mistake is made at every input.
        reference: Predictions of the file for these inputs with correct conversion, in a task with
            classes.
        batch_size: Number of samples in one invocation.
        confidence: Confidence level of the intervals, in (0, 1).
    """
    parameters = _read_input_parameters(path)
    arrays = dict(zip(parameters, order_inputs(x, list(parameters), str(path)), strict=True))
    predictions: dict[str, tuple[str, Prediction]] = {}
    for name, mistake in MISTAKES.items():
        mistaken = {
            port.name: _apply(mistake, array, parameters[port]) for port, array in arrays.items()
        }
        prediction = predict(path, join_inputs(mistaken), batch_size)
        predictions[name] = (mistake.description, prediction)
    # A mistake at the output needs no new inference: the same integers are dequantized with zero
    # point 0.
    prediction = Prediction(reference.raw, float(reference.scale), 0)
    predictions[OUTPUT_ZERO_POINT] = ("zero point forgotten at the output", prediction)
    return MistakeReport(
        n=len(x),
        accuracy=_compute_accuracy(reference),
        saturated=_compute_saturated_share(arrays, parameters),
        mistakes=tuple(
            _compare(name, description, reference, prediction, confidence)
            for name, (description, prediction) in predictions.items()
        ),
    )


def _read_input_parameters(path: str | Path) -> dict[InputPort, QuantizationParameters]:
    """Read the quantization of each input, in the order of the file."""
    graph = read_graph(path)
    tensors = [graph.tensors[index] for index in graph.inputs]
    return {
        port: QuantizationParameters(
            tensor.dtype, float(tensor.scales[0]), int(tensor.zero_points[0])
        )
        for port, tensor in zip(list_graph_inputs(graph), tensors, strict=True)
    }


def _apply(mistake: Mistake, x: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    """Return the real values of the integers that a mistake computes.

    `predict` takes real inputs, so the integers are dequantized.
    """
    return dequantize(mistake.convert(x, parameters), parameters.scale, parameters.zero_point)


def _compute_saturated_share(
    arrays: Mapping[InputPort, np.ndarray], parameters: Mapping[InputPort, QuantizationParameters]
) -> float:
    """Compute the share of the values of all inputs that saturate."""
    saturated = [_is_saturated(array, parameters[port]) for port, array in arrays.items()]
    return float(np.concatenate([values.ravel() for values in saturated]).mean())


def _is_saturated(x: np.ndarray, parameters: QuantizationParameters) -> np.ndarray:
    """Return whether each value is beyond the integer range, bool, in the shape of `x`."""
    info, integers = np.iinfo(parameters.dtype), _round(x, parameters)
    return (integers < info.min) | (integers > info.max)


def _compare(
    name: str,
    description: str,
    reference: Predictions,
    prediction: Prediction,
    confidence: float,
) -> MeasuredMistake:
    """Compare the accuracy of a mistake with that of the correct conversion.

    Args:
        name: Name of the mistake.
        description: Description of the mistake.
        reference: Predictions with correct conversion.
        prediction: Prediction with the mistake, for the same samples.
        confidence: Confidence level of the interval, in (0, 1).
    """
    mistaken = replace(reference, scores=prediction.scores(), raw=prediction.raw)
    difference = measure_difference(mistaken, reference, confidence)
    return MeasuredMistake(name, description, _compute_accuracy(mistaken), difference)


def _compute_accuracy(predictions: Predictions) -> float:
    return float(predictions.compute_correctness().mean())
