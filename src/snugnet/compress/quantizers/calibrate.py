"""PTQ calibration of activation ranges: compare several rules and select the best one on val.

TensorFlow's converter has one rule only, the range of all values (min-max). The ranges of the other
rules are written into quantizers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from snugnet.compress.quantizers.histogram import (
    Histogram,
    compute_minmax_range,
    compute_mse_range,
    compute_percentile_range,
)
from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
from snugnet.compress.quantizers.ranges import (
    RangeId,
    iterate_values,
    list_range_ids,
    set_kernel_ranges,
    set_range,
)
from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.core.inputs import to_keras
from snugnet.core.samples import Samples
from snugnet.core.settings.calibration import CalibrationSettings
from snugnet.models.loading.keras2 import tf_keras


class Rule(NamedTuple):
    """A rule that computes a range from the values of an activation.

    Attributes:
        name: `minmax`, `percentile` or `mse`.
        setting: The percentile, in percent; None for the other rules.
        compute_range: Function that computes the lower and the upper end of the range.
    """

    name: str
    setting: float | None
    compute_range: Callable[[Histogram], tuple[float, float]]


@dataclass(frozen=True)
class RuleResult:
    """Accuracy of a model with the ranges of a rule: a row of calibration.csv.

    Attributes:
        rule: The rule.
        n: Number of samples.
        accuracy: Share of correct decisions on val, in 0..1.
        delta_minmax: Accuracy minus that of min-max, in -1..1.
        is_chosen: Whether the model has the ranges of this rule.
    """

    rule: Rule
    n: int
    accuracy: float
    delta_minmax: float
    is_chosen: bool

    def to_columns(self) -> dict[str, Any]:
        """Return the values by column of calibration.csv."""
        return {
            "rule": self.rule.name,
            "setting": self.rule.setting,
            "n": self.n,
            "accuracy": self.accuracy,
            "delta_minmax": self.delta_minmax,
            "chosen": self.is_chosen,
        }


@dataclass(frozen=True)
class CalibratedModel:
    """A calibrated model, and the comparison of the rules.

    Attributes:
        quantized: The model with quantizers.
        plain: The model without quantizers, with the same weights.
        results: Results of the rules, min-max first.
    """

    quantized: tf_keras.Model
    plain: tf_keras.Model
    results: tuple[RuleResult, ...]


def calibrate(
    model: tf_keras.Model, calib: Samples, val: Samples, settings: CalibrationSettings
) -> CalibratedModel:
    """Insert quantizers into a model, with the ranges that are best on val; keep the weights.

    If several rules have the same accuracy, the first is chosen.

    Args:
        model: The trained model.
        calib: Samples whose activations determine the ranges.
        val: Samples that select the rule.
        settings: The rules to compare besides min-max; percentiles in percent.

    Raises:
        InputError: If a layer cannot be quantized, or its values are not finite.
    """
    plain = prepare_for_quantization(model)
    quantized = insert_quantizers(plain)
    set_kernel_ranges(quantized)
    range_ids = list_range_ids(quantized)
    histograms = _make_histograms(plain, range_ids, calib.x)
    rules = _list_rules(settings)
    accuracies = []
    for rule in rules:
        _set_ranges(range_ids, histograms, rule)
        accuracies.append(_compute_accuracy(quantized, val))
        print(f"{rule.name} {rule.setting or ''}: accuracy {accuracies[-1]:.4f} on val")
    best = int(np.argmax(accuracies))
    _set_ranges(range_ids, histograms, rules[best])
    return CalibratedModel(quantized, plain, _compare_rules(rules, accuracies, best, len(val.x)))


def _list_rules(settings: CalibrationSettings) -> list[Rule]:
    """List the rules to compare, in order of preference at the same accuracy."""
    rules = [Rule("minmax", None, compute_minmax_range)]
    for share in settings.percentiles:
        rules.append(Rule("percentile", share, partial(compute_percentile_range, share=share)))
    if settings.mse:
        rules.append(Rule("mse", None, compute_mse_range))
    return rules


def _make_histograms(
    plain: tf_keras.Model, range_ids: Sequence[RangeId], x: np.ndarray
) -> list[Histogram]:
    """Count the values of each range, batch by batch."""
    histograms = [Histogram() for _ in range_ids]
    for batch in iterate_values(plain, range_ids, x):
        for (layer, _), histogram, values in zip(range_ids, histograms, batch, strict=True):
            try:
                histogram.add(values)
            except ValueError as error:
                raise InputError(
                    f"{error} at layer {layer.name!r} for calib samples; train the model again"
                ) from None
    return histograms


def _set_ranges(range_ids: Sequence[RangeId], histograms: Sequence[Histogram], rule: Rule) -> None:
    for range_id, histogram in zip(range_ids, histograms, strict=True):
        low, high = rule.compute_range(histogram)
        set_range(range_id, low, high)


def _compute_accuracy(quantized: tf_keras.Model, samples: Samples) -> float:
    """Compute the share of correct decisions, with the decision rule for .tflite files."""
    scores = quantized.predict(to_keras(samples.x), batch_size=512, verbose=0)
    decisions = decide(scores, samples.task, samples.threshold)
    # The mean over all decisions. A mean of shares per sample would be rounded, and equal
    # accuracies could become unequal.
    return float((decisions == samples.y).mean())


def _compare_rules(
    rules: Sequence[Rule], accuracies: Sequence[float], best: int, n: int
) -> tuple[RuleResult, ...]:
    return tuple(
        RuleResult(
            rule=rule,
            n=n,
            accuracy=accuracy,
            delta_minmax=accuracy - accuracies[0],
            is_chosen=i == best,
        )
        for i, (rule, accuracy) in enumerate(zip(rules, accuracies, strict=True))
    )
