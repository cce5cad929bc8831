"""The smallest file within a budget of accuracy, some of whose operators are left in float.

Every candidate is converted and measured on val: what a converter makes of a selection is not known
beforehand. Two orders are tried, since neither is always right. Leaving one layer alone in float
takes away the error of its weights, but not that of its output where the next layer is in int8;
quantizing one layer alone shows both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from snugnet.analysis.candidates import Convert, Measure, Measured
from snugnet.core.fractions import LAST_BITS
from snugnet.core.progress import progress
from snugnet.tflite.layers import Layer
from snugnet.tflite.refusals import call_or_warn


class Candidate(NamedTuple):
    """A file that was tried.

    Attributes:
        name: How it came about.
        in_float: The layers that it leaves in float, in the order of the file.
        found: What it is worth.
    """

    name: str
    in_float: tuple[Layer, ...]
    found: Measured


class Search:
    """A search for the smallest file within the budget, all of which is kept.

    Attributes:
        candidates: What has been measured, each set of layers once.
        chosen: The smallest candidate within the budget, or if there is none the one of the best
            accuracy, the smallest of these; never one with too many layers in float.
        fits: Whether it is within the budget.
    """

    def __init__(
        self,
        prepare: Callable[[], tuple[Sequence[Layer], Convert]],
        measure: Measure,
        whole: Mapping[str, bytes],
        budget: float,
        most: int | None,
    ) -> None:
        """Search.

        Args:
            prepare: Gives the layers that can be left in float, in the order of the file, and a
                function from the names of the tensors of some to a file; called if need be.
            measure: Measures a file on val.
            whole: The files `float32`, the reference, and `fiq_float32` and `int16x8`, candidates.
            budget: Points of accuracy that may be lost against float32.
            most: How many layers may be left in float; None for any number.
        """
        self._measure, self._most = measure, math.inf if most is None else most
        self._float = measure(whole["float32"])
        self._least = self._float.accuracy - budget / 100 - LAST_BITS
        self.candidates = [
            Candidate(name, (), measure(whole[name])) for name in ("fiq_float32", "int16x8")
        ]
        # Whatever is left in float adds bytes.
        if not self._fits(self.candidates[0]) and self._most > 0:
            self._layers, self._convert = prepare()
            self._try_layers()
        self.chosen = self._choose()
        self.fits = self._fits(self.chosen)
        if not self.fits:
            print(f"warning: no candidate is within {budget} points of float32; using the best one")

    def table(self) -> list[dict[str, Any]]:
        """Give one row a candidate.

        Returns:
            `candidate`; `in_float`, names of tensors; `operators_in_float`, how many; `size_bytes`;
            `n` samples of val; `accuracy`; `delta_float`; `within_budget`, of accuracy; `allowed`,
            whether no more is in float than may be; `chosen`.
        """
        return [
            {
                "candidate": candidate.name,
                "in_float": " ".join(layer.tensor for layer in candidate.in_float),
                "operators_in_float": len(candidate.in_float),
                "size_bytes": candidate.found.size,
                "n": len(candidate.found.correct),
                "accuracy": candidate.found.accuracy,
                "delta_float": candidate.found.accuracy - self._float.accuracy,
                "within_budget": self._within(candidate),
                "allowed": self._allowed(candidate),
                "chosen": candidate is self.chosen,
            }
            for candidate in self.candidates
        ]

    def _try_layers(self) -> None:
        """Leave each layer alone in float, quantize each alone, then leave ever more in float."""
        found = []
        with progress(len(self._layers), "searching") as meter:
            for layer in self._layers:
                others = [other for other in self._layers if other != layer]
                alone = self._try("one_in_float", [layer])
                without = self._try("one_quantized", others)
                # What the converter does not make says nothing, and comes last.
                recovers = alone.found.accuracy if alone else -math.inf
                loses = -without.found.accuracy if without else -math.inf
                found.append((recovers, loses, layer))
                meter.update(1)
        recovering = sorted(found, key=lambda each: (each[0], each[1]), reverse=True)
        losing = sorted(found, key=lambda each: (each[1], each[0]), reverse=True)
        for name, ranked in (("most_recovered", recovering), ("most_lost", losing)):
            self._try_more(name, [layer for _, _, layer in ranked])

    def _try_more(self, name: str, order: list[Layer]) -> None:
        """Leave the first 2, 3, ... in float, up to a file that fits or that is larger than one."""
        for count in range(2, len(order) + 1):
            fitting = [other.found.size for other in self.candidates if self._fits(other)]
            file = self._file(order[:count])
            beyond = file and fitting and len(file) >= min(fitting)
            if count > self._most or beyond:
                break
            self._try(name, order[:count])

    def _try(self, name: str, layers: Sequence[Layer]) -> Candidate | None:
        """Measure a file, unless the same layers have been left in float before."""
        chosen = tuple(sorted(layers))
        for other in self.candidates:
            if other.in_float == chosen and other.name != "int16x8":
                return other
        if (file := self._file(chosen)) is None:
            return None
        candidate = Candidate(name, chosen, self._measure(file))
        self.candidates.append(candidate)
        return candidate

    def _file(self, layers: Sequence[Layer]) -> bytes | None:
        return call_or_warn(self._convert, [layer.tensor for layer in layers])

    def _within(self, candidate: Candidate) -> bool:
        return candidate.found.accuracy >= self._least

    def _allowed(self, candidate: Candidate) -> bool:
        return len(candidate.in_float) <= self._most

    def _fits(self, candidate: Candidate) -> bool:
        return self._allowed(candidate) and self._within(candidate)

    def _choose(self) -> Candidate:
        fitting = [candidate for candidate in self.candidates if self._fits(candidate)]
        if fitting:
            return min(fitting, key=lambda candidate: candidate.found.size)
        allowed = [candidate for candidate in self.candidates if self._allowed(candidate)]
        return max(allowed, key=lambda c: (c.found.accuracy, -c.found.size))
