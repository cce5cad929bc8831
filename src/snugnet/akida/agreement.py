"""Comparison of the Akida simulator with the quantized Keras model."""

from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions


def compare(keras: Predictions, akida: Predictions) -> dict[str, Any]:
    """Compare the predictions of two runtimes for the same samples.

    Args:
        keras: Predictions of the quantized Keras model.
        akida: Predictions of the Akida simulator.

    Returns:
        JSON-ready: `verdict` (`exact`, `differs`, or `nothing` if there is no program),
        `samples`, `decisions_equal` and `potentials_equal` (shares, 0 to 1), `worst` (largest
        difference between two potentials, in quantization steps).
    """
    if len(keras.raw) == 0:
        return {"verdict": "nothing", "samples": 0}
    equal = keras.decide() == akida.decide()
    equal = equal.all(axis=1) if equal.ndim == 2 else equal
    distances = np.abs(keras.raw.astype(np.int64) - akida.raw.astype(np.int64))
    return {
        "verdict": "differs" if distances.any() else "exact",
        "samples": len(equal),
        "decisions_equal": float(equal.mean()),
        "potentials_equal": float((distances == 0).mean()),
        "worst": int(distances.max(initial=0)),
    }
