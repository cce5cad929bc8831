"""Comparison of the Akida simulator with the quantized Keras model."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions


@dataclass(frozen=True)
class Agreement:
    """Agreement of two runtimes on the same samples.

    Attributes:
        verdict: `exact`, `differs`, or `nothing` if there is no program. All attributes after
            `samples` are then None.
        samples: Number of samples.
        decisions_equal: Share of equal decisions, in [0, 1].
        potentials_equal: Share of equal potentials, in [0, 1].
        worst: Largest difference between two potentials, in quantization steps.
    """

    verdict: str
    samples: int
    decisions_equal: float | None = None
    potentials_equal: float | None = None
    worst: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON; values that are None are left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def compare(keras: Predictions, akida: Predictions) -> Agreement:
    """Compare the predictions of two runtimes for the same samples.

    Args:
        keras: Predictions of the quantized Keras model.
        akida: Predictions of the Akida simulator.
    """
    if len(keras.raw) == 0:
        return Agreement("nothing", samples=0)
    equal = keras.decide() == akida.decide()
    equal = equal.all(axis=1) if equal.ndim == 2 else equal
    distances = np.abs(keras.raw.astype(np.int64) - akida.raw.astype(np.int64))
    return Agreement(
        verdict="differs" if distances.any() else "exact",
        samples=len(equal),
        decisions_equal=float(equal.mean()),
        potentials_equal=float((distances == 0).mean()),
        worst=int(distances.max(initial=0)),
    )
