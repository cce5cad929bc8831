"""Quantization with BrainChip's quantizeml, after training."""

from typing import Any

import numpy as np
import quantizeml
from quantizeml.models import QuantizationParams
from quantizeml.models import quantize as quantizeml_quantize

from snugnet.akida.rewrite import prepare_model
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.models.loading.keras2 import tf_keras

# One range an activation tensor: with one a channel, which is the default, the simulator of Akida
# and the quantized Keras model disagree (quantizeml 1.2.5, akida 2.19.3).
PER_TENSOR = True
CALIBRATION_BATCH = 100


def quantize(
    model: tf_keras.Model, scheme: AkidaScheme, calibration: np.ndarray | None
) -> tf_keras.Model:
    """Quantize a trained model without its last activation.

    Args:
        model: With its softmax or sigmoid, if any.
        scheme: What to make.
        calibration: Train samples that estimate the ranges of activations, (n, ...); None for the
            random ones of quantizeml, which only a study of the damage that they do will want.

    Returns:
        A model that gives real potentials: argmax, or a threshold of 0, decides.

    Raises:
        NotAkidaError: If quantizeml refuses it, would leave layers in float, or would change what
            the model computes.
    """
    options: dict[str, Any] = {}
    if calibration is not None:
        options = {
            "samples": calibration.astype(np.float32),
            "num_samples": len(calibration),
            "batch_size": CALIBRATION_BATCH,
        }
    bare = prepare_model(model)
    _check_padding(bare)
    try:
        quantized = quantizeml_quantize(bare, qparams=_parameters(scheme), **options)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise NotAkidaError(f"quantizeml: {error}") from None
    _check_whole(quantized)
    return quantized


def _parameters(scheme: AkidaScheme) -> QuantizationParams:
    return QuantizationParams(
        input_weight_bits=8,
        weight_bits=scheme.weight_bits,
        activation_bits=scheme.activation_bits,
        per_tensor_activations=PER_TENSOR,
    )


def _check_padding(bare: tf_keras.Model) -> None:
    """Refuse padding that `same` cannot replace: quantizeml would, without a word."""
    for layer in bare.layers:
        if type(layer) is tf_keras.layers.ZeroPadding2D:
            raise NotAkidaError(
                f"{layer.name}: cannot replace ZeroPadding2D by padding='same'; the padding differs"
            )


def _check_whole(quantized: tf_keras.Model) -> None:
    """Refuse a model of which quantizeml has left a part in float, of which it only warns."""
    places = [i for i, layer in enumerate(quantized.layers) if is_dequantizer(layer)]
    if len(places) != 1 or places[0] != len(quantized.layers) - 1:
        rest = [layer.name for layer in quantized.layers[places[0] + 1 :]] if places else []
        named = ", ".join(name for name in rest if "dequantizer" not in name) or "the output"
        raise NotAkidaError(f"quantizeml does not quantize {named}")


def is_dequantizer(layer: tf_keras.layers.Layer) -> bool:
    """Tell whether a layer gives real numbers again, as the last of a quantized model does."""
    return isinstance(layer, quantizeml.layers.Dequantizer)


def get_potential_scale(quantized: tf_keras.Model) -> np.ndarray:
    """Give the real number that one step of each potential stands for, float64 (k,).

    Args:
        quantized: A model that was converted, which records its variables.
    """
    layer = quantized.layers[-1]
    steps = 2.0 ** -layer.frac_bits.value.numpy().astype(np.float64)
    if layer.scales is not None and layer.scales.value is not None:
        steps = steps * layer.scales.value.numpy()
    outputs = quantized.output_shape[-1]
    return np.broadcast_to(np.ravel(steps), (outputs,)).copy()


def get_input_range(quantized: tf_keras.Model) -> list[float]:
    """Give the lowest and the highest value that a quantized model tells apart.

    Args:
        quantized: A model that was converted, which records its variables.
    """
    layer = next(
        layer for layer in quantized.layers if isinstance(layer, quantizeml.layers.InputQuantizer)
    )
    step = 2.0 ** -float(layer.frac_bits.value.numpy())
    if layer.signed:
        return [-128 * step, 127 * step]
    zero_point = float(layer.zero_points.value.fp.values.numpy())
    return [-zero_point * step, (255 - zero_point) * step]
