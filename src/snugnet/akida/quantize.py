"""Post-training quantization with BrainChip's quantizeml."""

from typing import Any

import numpy as np

from snugnet.akida.rewrite import prepare_model
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf_keras

with importing():
    import quantizeml
    from quantizeml.models import QuantizationParams
    from quantizeml.models import quantize as quantizeml_quantize

# One range per activation tensor. With one range per channel, the default, the Akida simulator and
# the quantized Keras model disagree (quantizeml 1.2.5, akida 2.19.3).
PER_TENSOR = True
CALIBRATION_BATCH = 100


def quantize(
    model: tf_keras.Model, scheme: AkidaScheme, calibration: np.ndarray | None
) -> tf_keras.Model:
    """Quantize a trained model without its last activation.

    Args:
        model: Float model, including its softmax or sigmoid, if any.
        scheme: Scheme to quantize with.
        calibration: Train samples for estimating activation ranges, (n, ...). None for the random
            samples of quantizeml; use them only to study how much accuracy they cost.

    Returns:
        A model whose outputs are real potentials; argmax or a threshold of 0 gives the decision.

    Raises:
        NotAkidaError: If quantizeml rejects the model, would leave layers in float, or would
            change what the model computes.
    """
    options: dict[str, Any] = {}
    if calibration is not None:
        options = {
            "samples": calibration.astype(np.float32),
            "num_samples": len(calibration),
            "batch_size": CALIBRATION_BATCH,
        }
    prepared = prepare_model(model)
    _check_padding(prepared)
    try:
        quantized = quantizeml_quantize(prepared, qparams=_build_parameters(scheme), **options)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise NotAkidaError(f"quantizeml: {error}") from None
    _check_fully_quantized(quantized)
    return quantized


def _build_parameters(scheme: AkidaScheme) -> QuantizationParams:
    return QuantizationParams(
        input_weight_bits=8,
        weight_bits=scheme.weight_bits,
        activation_bits=scheme.activation_bits,
        per_tensor_activations=PER_TENSOR,
    )


def _check_padding(model: tf_keras.Model) -> None:
    """Reject padding that `same` cannot replace: quantizeml would replace it without a warning."""
    for layer in model.layers:
        if type(layer) is tf_keras.layers.ZeroPadding2D:
            raise NotAkidaError(
                f"{layer.name}: cannot replace ZeroPadding2D by padding='same'; the padding differs"
            )


def _check_fully_quantized(quantized: tf_keras.Model) -> None:
    """Reject a model with layers that quantizeml left in float; quantizeml only warns."""
    layers = quantized.layers
    positions = [position for position, layer in enumerate(layers) if is_dequantizer(layer)]
    if len(positions) != 1 or positions[0] != len(layers) - 1:
        rest = [layer.name for layer in layers[positions[0] + 1 :]] if positions else []
        float_layers = ", ".join(name for name in rest if "dequantizer" not in name)
        raise NotAkidaError(f"quantizeml does not quantize {float_layers or 'the output'}")


def is_dequantizer(layer: tf_keras.layers.Layer) -> bool:
    """Check whether a layer converts integers to real numbers, like the last layer does."""
    return isinstance(layer, quantizeml.layers.Dequantizer)


def get_potential_scale(quantized: tf_keras.Model) -> np.ndarray:
    """Get the real value of one step of each potential.

    Args:
        quantized: Model that has been converted; conversion records its variables.

    Returns:
        float64 (k,).
    """
    layer = quantized.layers[-1]
    steps = 2.0 ** -layer.frac_bits.value.numpy().astype(np.float64)
    if layer.scales is not None and layer.scales.value is not None:
        steps = steps * layer.scales.value.numpy()
    outputs = quantized.output_shape[-1]
    return np.broadcast_to(np.ravel(steps), (outputs,)).copy()


def get_input_range(quantized: tf_keras.Model) -> list[float]:
    """Get the input range of a quantized model; values beyond it saturate.

    Args:
        quantized: Model that has been converted; conversion records its variables.

    Returns:
        The lowest and the highest input value.
    """
    layer = next(
        layer for layer in quantized.layers if isinstance(layer, quantizeml.layers.InputQuantizer)
    )
    step = 2.0 ** -float(layer.frac_bits.value.numpy())
    if layer.signed:
        return [-128 * step, 127 * step]
    zero_point = float(layer.zero_points.value.fp.values.numpy())
    return [-zero_point * step, (255 - zero_point) * step]
