"""Ranges of activations after training, by several rules, of which val chooses.

TensorFlow's converter knows one rule, the range of all values. Here quantizers take the others.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from snugnet.compress.quantizers.histogram import Histogram, least_error, minmax, percentile
from snugnet.compress.quantizers.qat import quantizable, quantize
from snugnet.compress.quantizers.ranges import Place, activations, set_kernels, set_range, values
from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras


class Rule(NamedTuple):
    """A way to choose a range.

    Attributes:
        name: `minmax`, `percentile` or `mse`.
        setting: A percentile; None where there is nothing to set.
        choose: Gives the ends of the range of values, the low one first.
    """

    name: str
    setting: float | None
    choose: Callable[[Histogram], tuple[float, float]]


def calibrate(
    model: tf_keras.Model, calib: Samples, val: Samples, settings: Mapping[str, Any]
) -> tuple[tf_keras.Model, tf_keras.Model, list[dict[str, Any]]]:
    """Put quantizers into a model, with the ranges that are best on val; weights stay as they are.

    Args:
        model: The trained model.
        calib: Samples, whose values the ranges are of.
        val: Samples that choose the rule.
        settings: `percentiles` and `mse`: the rules beside min-max.

    Returns:
        The model with quantizers; one without, with the same weights; the comparison, one mapping
        a rule, min-max first: rule, setting, n (samples), accuracy (the task's headline, a share),
        delta_minmax and chosen. Of equals the first is chosen.

    Raises:
        InputError: If a layer cannot be quantized, or makes values that are not finite.
    """
    plain = quantizable(model)
    quantized = quantize(plain)
    set_kernels(quantized)
    places = activations(quantized)
    seen = _histograms(plain, places, calib.x)
    rules = _rules(settings)
    accuracies = []
    for rule in rules:
        _set_ranges(places, seen, rule)
        accuracies.append(_accuracy(quantized, val))
        print(f"{rule.name} {rule.setting or ''}: accuracy {accuracies[-1]:.4f} on val")
    best = int(np.argmax(accuracies))
    _set_ranges(places, seen, rules[best])
    return quantized, plain, _compared(rules, accuracies, best, len(val.x))


def _rules(settings: Mapping[str, Any]) -> list[Rule]:
    """List the rules that are compared; of equals the first is chosen."""
    return [
        Rule("minmax", None, minmax),
        *(
            Rule("percentile", share, partial(percentile, share=share))
            for share in settings["percentiles"]
        ),
        *([Rule("mse", None, least_error)] if settings["mse"] else []),
    ]


def _histograms(plain: tf_keras.Model, places: Sequence[Place], x: np.ndarray) -> list[Histogram]:
    """Count the values at each place, batch by batch."""
    seen = [Histogram() for _ in places]
    for parts in values(plain, places, x):
        for (layer, _), histogram, part in zip(places, seen, parts, strict=True):
            try:
                histogram.add(part)
            except ValueError as error:
                raise InputError(
                    f"{error} at layer {layer.name!r} for calib samples; train the model again"
                ) from None
    return seen


def _set_ranges(places: Sequence[Place], seen: Sequence[Histogram], rule: Rule) -> None:
    for place, histogram in zip(places, seen, strict=True):
        set_range(place, *rule.choose(histogram))


def _accuracy(quantized: tf_keras.Model, samples: Samples) -> float:
    """Give the share of right decisions, which are made as those of files are."""
    scores = quantized.predict(samples.x.astype(np.float32), batch_size=512, verbose=0)
    decisions = Predictions.from_samples(samples, scores, raw=scores).decide()
    # Of decisions, not of samples' shares, whose sum is rounded: what is equal must stay equal.
    return float((decisions == samples.y).mean())


def _compared(
    rules: Sequence[Rule], accuracies: Sequence[float], best: int, n: int
) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule.name,
            "setting": rule.setting,
            "n": n,
            "accuracy": accuracy,
            "delta_minmax": accuracy - accuracies[0],
            "chosen": i == best,
        }
        for i, (rule, accuracy) in enumerate(zip(rules, accuracies, strict=True))
    ]
