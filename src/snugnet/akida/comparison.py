"""Comparison of the two runtimes of an Akida program, down to the first layer that differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.akida.agreement import Agreement, compare
from snugnet.akida.inputs import count_saturated, saturate
from snugnet.core.predictions import Predictions

if TYPE_CHECKING:
    from snugnet.akida.trace import LayerDifference


@dataclass(frozen=True)
class AkidaComparison:
    """Comparison of the Akida simulator with the quantized Keras model: agreement.json.

    Attributes:
        agreement: Agreement with the quantized Keras model in the arithmetic of the chip.
        saturated_inputs: Number of input values beyond the input range; None without a program.
        quantizeml: Agreement with the quantized Keras model in the arithmetic of quantizeml; None
            without a program.
        first_layer: The first layer that differs; None if none does.
    """

    agreement: Agreement
    saturated_inputs: int | None = None
    quantizeml: Agreement | None = None
    first_layer: "LayerDifference | None" = None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON; values that are None are left out."""
        result = self.agreement.to_json()
        if self.saturated_inputs is not None:
            result["saturated_inputs"] = self.saturated_inputs
        if self.quantizeml is not None:
            result["quantizeml"] = self.quantizeml.to_json()
        if self.first_layer is not None:
            result["first_layer"] = self.first_layer.to_json()
        return result


def compare_runtimes(
    keras: Predictions,
    own: Predictions,
    akida: Predictions,
    x: np.ndarray,
    conversion: Mapping[str, Any],
    find_layer: "Callable[[np.ndarray], LayerDifference]",
) -> AkidaComparison:
    """Compare the predictions of the runtimes; if they differ, find the first layer that does.

    Args:
        keras: Predictions of the quantized Keras model in the arithmetic of the chip.
        own: Its predictions in the arithmetic of quantizeml.
        akida: Predictions of the Akida simulator.
        x: Samples of the predictions, (n, ...).
        conversion: Content of conversion.json.
        find_layer: Finds the first layer that differs on some inputs. Called only if the
            predictions differ.
    """
    agreement = compare(keras, akida)
    if not agreement.samples:
        return AkidaComparison(agreement)
    limits = conversion["input_range"]
    first_layer = None
    if agreement.verdict == "differs":
        differs = (keras.raw != akida.raw).any(axis=1)
        first_layer = find_layer(saturate(x[differs], limits))
    return AkidaComparison(agreement, count_saturated(x, limits), compare(own, akida), first_layer)


def find_first_layer(
    quantized_path: str, program_path: str, digest: str, x: np.ndarray, threads: int
) -> "LayerDifference":
    """Find the first layer of a program that differs from its quantized Keras model.

    TensorFlow is imported only here: most programs agree.

    Args:
        quantized_path: File of the quantized Keras model.
        program_path: File of the program.
        digest: SHA-256 sum of the program.
        x: Inputs on which both differ, (n, ...).
        threads: Number of TensorFlow threads.
    """
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.akida.simulate import load_program
    from snugnet.akida.trace import find_first_difference
    from snugnet.models.loading import keras2

    keras2.configure(0, threads)
    program = load_program(program_path, digest)
    return find_first_difference(load_quantized(quantized_path), program, x)
