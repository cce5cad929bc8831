"""Tests of the comparison of the two runtimes of an Akida program."""

from typing import Any

import numpy as np
import pytest

from snugnet.akida.comparison import compare_runtimes
from snugnet.core.predictions import Predictions

CONVERSION = {"status": "ok", "input_range": [-1.0, 1.0]}
X = np.array([[0.5, 2.0], [-3.0, 0.0], [1.0, 1.0]], np.float32)
RAW = np.array([[5, 1], [2, 7], [4, 4]], np.int32)


class FirstLayer:
    """Replaces the difference of a layer, and stores the inputs of the search for it."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def to_json(self) -> dict[str, Any]:
        return {"layer": "conv_1"}


def predictions(raw: np.ndarray) -> Predictions:
    labels = np.zeros(len(raw), np.int64)
    return Predictions(
        raw.astype(np.float64), labels, None, raw, 1.0, 0, labels, "multiclass", ("a", "b")
    )


def reject(_: np.ndarray) -> Any:
    pytest.fail("no layer differs")


def test_comparison_has_no_layer_when_runtimes_agree():
    same = predictions(RAW)
    report = compare_runtimes(same, predictions(np.add(RAW, [1, 0])), same, X, CONVERSION, reject)
    result = report.to_json()
    assert result["verdict"] == "exact"
    assert list(result)[-2:] == ["saturated_inputs", "quantizeml"]
    assert result["saturated_inputs"] == 2
    assert result["quantizeml"]["worst"] == 1


def test_comparison_traces_sample_only_when_potentials_differ():
    changed = RAW.copy()
    changed[1, 0] += 3
    keras, akida = predictions(RAW), predictions(changed)
    report = compare_runtimes(keras, keras, akida, X, CONVERSION, FirstLayer)
    np.testing.assert_array_equal(report.first_layer.x, [[-1.0, 0.0]])
    assert report.to_json()["verdict"] == "differs"
    assert report.to_json()["first_layer"] == {"layer": "conv_1"}


def test_comparison_is_empty_when_there_is_no_program():
    empty = predictions(RAW[:0])
    report = compare_runtimes(empty, empty, empty, X, {"status": "incompatible"}, reject)
    assert report.to_json() == {"verdict": "nothing", "samples": 0}
