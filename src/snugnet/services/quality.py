"""Quality of a model on the samples of a user, and its difference from a float model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from snugnet.core.confidence import CONFIDENCE, describe_few_groups
from snugnet.core.input_range import describe_saturation
from snugnet.core.predictions import Predictions
from snugnet.core.tasks import TaskChoice
from snugnet.evaluation.accuracy import (
    Accuracy,
    Difference,
    join_json,
    measure_accuracy,
    measure_difference,
)
from snugnet.evaluation.class_quality import ClassQuality, are_unbalanced, measure_classes
from snugnet.evaluation.errors import Errors, compute_sqnr, measure_errors
from snugnet.services.user_data import describe_possible_group


@dataclass(frozen=True)
class Quality:
    """Quality of a model on labelled samples.

    Attributes:
        task: The assumed task, and how it was found; None if nothing was measured.
        accuracy: Accuracy, in a task with classes.
        errors: Errors, in a task without classes.
        difference: Difference of the accuracy, or of the mean absolute error, from the baseline.
        sqnr_db: Signal-to-quantization-noise ratio of the outputs against those of the baseline, in
            dB; None if it was not measured or the outputs are equal.
        classes: Precision and recall of each class, if the classes are unbalanced; else empty.
        saturation: Share of the input values that lie outside of the calibrated range, in 0..1;
            None if the input is not quantized.
        used: Name of the array or column of the data that is used for each role.
        possible_groups: Names of unused arrays of the data that look like patients or subjects.
        reason: Why quality was not measured; None if it was.
    """

    task: TaskChoice | None = None
    accuracy: Accuracy | None = None
    errors: Errors | None = None
    difference: Difference | None = None
    sqnr_db: float | None = None
    classes: tuple[ClassQuality, ...] = ()
    saturation: float | None = None
    used: Mapping[str, str] = field(default_factory=dict)
    possible_groups: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def warnings(self) -> list[str]:
        """Warnings about the number of groups and the range of the inputs."""
        measured = self.accuracy or self.errors
        groups = None if measured is None else measured.n_groups
        texts = [describe_saturation(self.saturation), describe_few_groups(groups)]
        texts += map(describe_possible_group, self.possible_groups)
        return [text for text in texts if text is not None]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "task": None if self.task is None else asdict(self.task),
            "accuracy": join_json(self.accuracy, self.difference),
            "errors": None if self.errors is None else self.errors.to_json(),
            "difference": None if self.difference is None else self.difference.to_json(),
            "sqnr_db": self.sqnr_db,
            "classes": [asdict(entry) for entry in self.classes],
            "saturation": self.saturation,
            "used": dict(self.used),
            "reason": self.reason,
            "warnings": self.warnings,
        }


def measure_quality(
    predictions: Predictions, baseline: Predictions | None, choice: TaskChoice
) -> Quality:
    """Measure the quality of predictions, and the difference from those of a baseline.

    Args:
        predictions: Predictions of the model.
        baseline: Predictions of another model for the same samples, mostly the float32 model; None
            for no comparison.
        choice: The task of both.
    """
    accuracy = errors = difference = sqnr = None
    classes: tuple[ClassQuality, ...] = ()
    if predictions.has_classes:
        accuracy = measure_accuracy(predictions, CONFIDENCE)
        classes = measure_classes(predictions) if are_unbalanced(predictions) else ()
    else:
        errors = measure_errors(predictions, CONFIDENCE)
    if baseline is not None:
        difference = measure_difference(predictions, baseline, CONFIDENCE)
        sqnr = compute_sqnr(np.asarray(predictions.scores), np.asarray(baseline.scores))
    return Quality(choice, accuracy, errors, difference, sqnr, classes)
