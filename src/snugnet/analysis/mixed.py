"""Mixed-precision search: the smallest file within an accuracy budget, with some layers in float.

Each candidate is converted and measured on val, because the size and accuracy of a converted file
are not known in advance. The search tries two orders of layers, because neither is always right.
Leaving one layer in float removes the error of its weights, but not the error of its output if the
next layer is in int8. Quantizing one layer alone shows both errors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from snugnet.analysis.candidates import Convert, Measure, Measurement
from snugnet.core.fractions import FRACTION_TOLERANCE
from snugnet.core.progress import progress
from snugnet.core.settings.schemes.mixed import MixedSchemeSettings
from snugnet.tflite.layers import Layer
from snugnet.tflite.unsupported import call_or_warn


class Candidate(NamedTuple):
    """A file that was measured.

    Attributes:
        name: The scheme, or the order of layers that led to the file.
        in_float: Layers that stay in float, in the order of the file.
        measurement: Accuracy and size of the file.
    """

    name: str
    in_float: tuple[Layer, ...]
    measurement: Measurement


@dataclass(frozen=True)
class CandidateResult:
    """A candidate, judged by the limits of the search: a row of candidates.csv.

    Attributes:
        candidate: The candidate.
        delta_float: Accuracy minus that of the float32 file, in -1..1.
        is_within_budget: Whether the accuracy is within the budget.
        is_allowed: Whether the number of layers in float is allowed.
        is_chosen: Whether the search chose this candidate.
    """

    candidate: Candidate
    delta_float: float
    is_within_budget: bool
    is_allowed: bool
    is_chosen: bool

    def to_columns(self) -> dict[str, Any]:
        """Return the values by column of candidates.csv."""
        measurement, in_float = self.candidate.measurement, self.candidate.in_float
        return {
            "candidate": self.candidate.name,
            "in_float": " ".join(layer.tensor for layer in in_float),
            "operators_in_float": len(in_float),
            "size_bytes": measurement.size,
            "n": len(measurement.correct),
            "accuracy": measurement.accuracy,
            "delta_float": self.delta_float,
            "within_budget": self.is_within_budget,
            "allowed": self.is_allowed,
            "chosen": self.is_chosen,
        }


class MixedPrecisionSearch:
    """A search for the smallest file within the accuracy budget; it keeps all candidates.

    Attributes:
        candidates: Measured candidates, each set of layers once.
        chosen: The smallest candidate within the budget. If there is none, the most accurate
            candidate; of several, the smallest. Never a candidate with too many layers in float.
        fits: Whether the chosen candidate is within the budget.
    """

    def __init__(
        self,
        prepare: Callable[[], tuple[Sequence[Layer], Convert]],
        measure: Measure,
        files: Mapping[str, bytes],
        settings: MixedSchemeSettings,
    ) -> None:
        """Run the search.

        Args:
            prepare: Function that returns the layers that can stay in float, in the order of the
                file, and a function that converts the model; the latter takes the names of the
                tensors that stay in float. Called only if `fiq_float32` is not within the budget.
            measure: Function that measures a file on val.
            files: Contents of the files `float32` (the reference), `fiq_float32` and `int16x8` (two
                candidates).
            settings: Limits of the search: `budget` and `max_in_float`.
        """
        self._measure = measure
        limit = settings.max_in_float
        self._max_in_float = math.inf if limit is None else limit
        self._float = measure(files["float32"])
        self._min_accuracy = self._float.accuracy - settings.budget / 100 - FRACTION_TOLERANCE
        self.candidates = [
            Candidate(name, (), measure(files[name])) for name in ("fiq_float32", "int16x8")
        ]
        # Layers in float usually add bytes, so the search ends if fiq_float32 is within the budget.
        if not self._is_fitting(self.candidates[0]) and self._max_in_float > 0:
            self._layers, self._convert = prepare()
            self._try_layers()
        self.chosen = self._choose()
        self.fits = self._is_fitting(self.chosen)
        if not self.fits:
            print(
                f"warning: no candidate is within {settings.budget} points of float32; using the "
                "best one"
            )

    def list_results(self) -> list[CandidateResult]:
        """List the candidates in the order of their measurement, judged by the limits."""
        return [
            CandidateResult(
                candidate=candidate,
                delta_float=candidate.measurement.accuracy - self._float.accuracy,
                is_within_budget=self._is_within_budget(candidate),
                is_allowed=self._is_allowed(candidate),
                is_chosen=candidate is self.chosen,
            )
            for candidate in self.candidates
        ]

    def _try_layers(self) -> None:
        """Try each layer alone in float, each layer alone quantized, and then growing sets."""
        scores = []
        with progress(len(self._layers), "searching") as meter:
            for layer in self._layers:
                others = [other for other in self._layers if other != layer]
                in_float = self._try_set("one_in_float", [layer])
                quantized = self._try_set("one_quantized", others)
                # If the converter rejects a set, its layer comes last in that order.
                recovered = in_float.measurement.accuracy if in_float else -math.inf
                lost = -quantized.measurement.accuracy if quantized else -math.inf
                scores.append((recovered, lost, layer))
                meter.update(1)
        by_recovered = sorted(scores, key=lambda score: (score[0], score[1]), reverse=True)
        by_lost = sorted(scores, key=lambda score: (score[1], score[0]), reverse=True)
        for name, order in (("most_recovered", by_recovered), ("most_lost", by_lost)):
            self._try_growing_sets(name, [layer for _, _, layer in order])

    def _try_growing_sets(self, name: str, order: list[Layer]) -> None:
        """Try the first 2, 3, ... layers in float; stop at a file no smaller than a fitting one."""
        for count in range(2, len(order) + 1):
            fitting_sizes = [
                other.measurement.size for other in self.candidates if self._is_fitting(other)
            ]
            file = self._convert_set(order[:count])
            is_too_large = file and fitting_sizes and len(file) >= min(fitting_sizes)
            if count > self._max_in_float or is_too_large:
                break
            self._try_set(name, order[:count])

    def _try_set(self, name: str, layers: Sequence[Layer]) -> Candidate | None:
        """Measure the file with a set of layers in float, unless it has been measured before.

        Args:
            name: Name of a new candidate.
            layers: Layers that stay in float.

        Returns:
            The candidate with these layers in float; None if the converter rejects the set.
        """
        in_float = tuple(sorted(layers))
        for other in self.candidates:
            if other.in_float == in_float and other.name != "int16x8":
                return other
        if (file := self._convert_set(in_float)) is None:
            return None
        candidate = Candidate(name, in_float, self._measure(file))
        self.candidates.append(candidate)
        return candidate

    def _convert_set(self, layers: Sequence[Layer]) -> bytes | None:
        return call_or_warn(self._convert, [layer.tensor for layer in layers])

    def _is_within_budget(self, candidate: Candidate) -> bool:
        return candidate.measurement.accuracy >= self._min_accuracy

    def _is_allowed(self, candidate: Candidate) -> bool:
        return len(candidate.in_float) <= self._max_in_float

    def _is_fitting(self, candidate: Candidate) -> bool:
        return self._is_allowed(candidate) and self._is_within_budget(candidate)

    def _choose(self) -> Candidate:
        fitting = [candidate for candidate in self.candidates if self._is_fitting(candidate)]
        if fitting:
            return min(fitting, key=lambda candidate: candidate.measurement.size)
        allowed = [candidate for candidate in self.candidates if self._is_allowed(candidate)]
        return max(
            allowed,
            key=lambda candidate: (candidate.measurement.accuracy, -candidate.measurement.size),
        )
