"""Why a simulator and Keras agree as far as they do."""

from collections.abc import Mapping
from typing import Any

import akida
import numpy as np

from snugnet.akida.agreement import compare
from snugnet.akida.inputs import saturate
from snugnet.akida.keras_runtime import keras_potentials
from snugnet.akida.potentials import predictions
from snugnet.akida.trace import first_difference
from snugnet.analysis.predictions import Predictions
from snugnet.datasets.samples import Samples
from snugnet.models.keras2 import tf_keras


def explain(
    quantized: tf_keras.Model,
    program: akida.Model,
    conversion: Mapping[str, Any],
    test: Samples,
    apart: np.ndarray,
    simulated: Predictions,
) -> dict[str, Any]:
    """Tell what the chip's arithmetic makes out, and where it is not enough.

    Args:
        quantized: What the program was made from.
        program: The program.
        conversion: The record of the conversion.
        test: What both were computed for, n samples.
        apart: Whose potentials differ though Keras used the chip's arithmetic, bool (n,).
        simulated: What the simulator predicts.

    Returns:
        `quantizeml`, the comparison with the simulator of what Keras gives with quantizeml's own
        rounding, and, if samples are apart, `first_layer`, as `first_difference` gives it.
    """
    x = saturate(test.x, conversion["input_range"])
    own = keras_potentials(quantized, x, conversion["potential_scale"], version=None)
    found = {"quantizeml": compare(predictions(own, conversion, test), simulated)}
    if apart.any():
        found["first_layer"] = first_difference(quantized, program, x[apart])
    return found
