"""Does the simulator compute what the quantized Keras model computes?"""

from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions


def compare(keras: Predictions, akida: Predictions) -> dict[str, Any]:
    """Compare two runtimes on the same samples.

    Returns:
        Ready for JSON: `verdict` (`exact`, `differs`, or `nothing` where there is no program),
        `samples`, `decisions_equal` and `potentials_equal` (shares), `worst` (largest distance of
        two potentials, in steps).
    """
    if len(keras.raw) == 0:
        return {"verdict": "nothing", "samples": 0}
    same = keras.decide() == akida.decide()
    same = same.all(axis=1) if same.ndim == 2 else same
    apart = np.abs(keras.raw.astype(np.int64) - akida.raw.astype(np.int64))
    return {
        "verdict": "differs" if apart.any() else "exact",
        "samples": len(same),
        "decisions_equal": float(same.mean()),
        "potentials_equal": float((apart == 0).mean()),
        "worst": int(apart.max(initial=0)),
    }
