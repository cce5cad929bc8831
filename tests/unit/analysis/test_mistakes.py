"""Tests of the measurement of common mistakes with integer inputs and outputs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from snugnet.analysis.mistakes import (
    MISTAKES,
    OUTPUT_ZERO_POINT,
    MeasuredMistake,
    MistakeReport,
    QuantizationParameters,
    measure_mistakes,
)
from snugnet.core.predictions import Predictions
from snugnet.evaluation.accuracy import Difference
from snugnet.tflite.runtimes.litert import predict

INT8 = QuantizationParameters("int8", 0.5, -10)
UINT8 = QuantizationParameters("uint8", 0.5, 100)
# In steps of INT8: a fraction that is rounded up, one below 0, and values beyond both ends.
X = np.array([0.45, -0.45, 68.0, 80.0, -70.0], np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cast", [-9, -10, 126, 127, -128]),
        ("wrap", [-9, -11, 126, -106, 106]),
        ("cast_and_wrap", [-9, -10, 126, -106, 106]),
        ("input_zero_point", [1, -1, 127, 127, -128]),
    ],
)
def test_mistake_converts_input_as_expected_when_type_is_int8(name, expected):
    # 0.45 / 0.5 - 10 is -9.1, and -0.45 / 0.5 - 10 is -10.9.
    integers = MISTAKES[name].convert(X, INT8)
    assert integers.dtype == np.int8
    assert integers.tolist() == expected


def test_mistake_wraps_at_0_and_256_when_type_is_uint8():
    integers = MISTAKES["cast_and_wrap"].convert(np.array([-51.0, 78.0], np.float32), UINT8)
    assert integers.tolist() == [254, 0]


@pytest.fixture(scope="module")
def cell(trained, tmp_path_factory):
    """An int8 file calibrated on half of the values' range: much is cut off, but it still works."""
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.convert import convert

    samples = trained.samples
    path = tmp_path_factory.mktemp("cell") / "model.tflite"
    path.write_bytes(convert(trained.model, SCHEMES["fiq_int8"], samples.x[:80] / 2))
    prediction = predict(path, samples.x)
    right = Predictions.from_samples(samples, prediction.scores(), *prediction)
    return SimpleNamespace(path=path, x=samples.x, right=right)


def run_integers(path, integers: np.ndarray) -> np.ndarray:
    """Run the file with integers, one sample at a time; return the integer outputs."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    outputs = []
    for one in integers:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(outputs)


def find_mistake(report: MistakeReport, name: str) -> MeasuredMistake:
    return next(mistake for mistake in report.mistakes if mistake.name == name)


def test_measure_mistakes_equals_interpreter_when_input_wraps(cell):
    """The cast as it is written in the slides."""
    result = measure_mistakes(cell.path, cell.x, cell.right, 64, 0.95)
    interpreter = Interpreter(model_path=str(cell.path))
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    wrapped = (cell.x / scale + zero_point).astype(np.int64).astype(np.int8)
    raw = run_integers(cell.path, wrapped)
    scores = cell.right.scale * (raw.astype(np.float32) - cell.right.zero_point)
    mistaken = replace(cell.right, scores=scores.astype(np.float32))
    wraps = find_mistake(result, "cast_and_wrap")
    assert wraps.accuracy == mistaken.compute_correctness().mean()
    delta, low, high = wraps.difference.delta, wraps.difference.low, wraps.difference.high
    assert delta == pytest.approx(wraps.accuracy - result.accuracy)
    assert low is None or low <= delta <= high
    # Values beyond the range wrap to its other end.
    assert wraps.accuracy < result.accuracy


def test_measure_mistakes_counts_saturation_when_range_is_halved(cell):
    result = measure_mistakes(cell.path, cell.x, cell.right, 64, 0.95)
    details = Interpreter(model_path=str(cell.path)).get_input_details()[0]
    scale, zero_point = details["quantization"]
    levels = cell.x / np.float32(scale) + zero_point
    beyond = np.mean((levels <= -128.5) | (levels >= 127.5))
    assert result.saturated > 0.1
    assert result.saturated == pytest.approx(beyond, abs=1e-4)
    assert result.n == len(cell.x)
    assert result.accuracy == cell.right.compute_correctness().mean()


def test_output_mistake_keeps_decisions_when_task_is_multiclass(cell):
    result = measure_mistakes(cell.path, cell.x, cell.right, 64, 0.95)
    mistake = find_mistake(result, OUTPUT_ZERO_POINT)
    if cell.right.task == "multiclass":
        assert mistake.difference.delta == 0
        assert mistake.difference.p == 1
    else:  # a score of 0.5 is now read as 0: nothing reaches the threshold
        assert mistake.accuracy < result.accuracy


def test_mistake_report_has_keys_of_file_when_it_is_json():
    difference = Difference(baseline=0.9, delta=-0.4, low=-0.5, high=-0.3, p=0.01)
    mistake = MeasuredMistake("wrap", "rounded, but wraps", 0.5, difference)
    assert MistakeReport(8, 0.9, 0.25, (mistake,)).to_json() == {
        "n": 8,
        "accuracy": 0.9,
        "saturated": 0.25,
        "mistakes": [
            {
                "name": "wrap",
                "words": "rounded, but wraps",
                "accuracy": 0.5,
                "delta": -0.4,
                "delta_low": -0.5,
                "delta_high": -0.3,
                "p": 0.01,
            }
        ],
    }
