"""The chip's arithmetic for a quantized Keras model: how layers round sums to output levels.

quantizeml converts sums to levels with a multiplication and a shift, in float32. The chips compute
differently:

- Akida 2 multiplies and shifts integers. Float32 rounds a product beyond 2^24, and a result at
  the boundary between two levels then moves to the other level. Measured on MNIST: 1 of 10,000
  digits had one such number (quantizeml 1.2.5, `QFloat.to_fixed_point`, `FixedPoint.rescale`).
  The product saturates as a signed 32-bit integer; quantizeml allows one bit more. Levels with
  fewer than 8 bits are unsigned. Measured on akida 2.19.3: a mean after a ReLU has the levels 0 to
  15, while quantizeml stops at 7. Levels with 8 bits are signed.
- Akida 1 compares sums with thresholds. A level is `ceil((sum - round(step / 2)) / cut)`. Half
  a step is rounded to an integer (cnn2snn 2.19.3, `quantizeml/outputs.py`). `cut` is the distance
  between levels: the step, rounded down to a multiple of 1/16. akida rejects steps below 1/16
  ("Unsupported act_step, it should be equal or greater than 1/16").
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf

with importing():
    from quantizeml.layers.quantizers import OutputQuantizer
    from quantizeml.tensors import FixedPoint, QFloat

FRACTIONS_PER_STEP = 16
# Bit width from which output levels are signed.
MIN_SIGNED_BITS = 8


@contextmanager
def use_chip_arithmetic(version: str) -> Iterator[None]:
    """Make output quantizers compute like a chip, in float64 (exact for integers up to 2^53).

    Values derived from real numbers (scales, shifts) stay unchanged: the program has the same.

    Args:
        version: Akida generation, `v1` or `v2`.
    """
    original, rescale = OutputQuantizer.call, RESCALE_FUNCTIONS[version]

    def call(quantizer: OutputQuantizer, inputs: Any) -> FixedPoint:
        outputs = original(quantizer, inputs)  # this call also records scales and shifts
        if not isinstance(inputs, QFloat):
            return outputs
        levels = tf.cast(rescale(quantizer, inputs), tf.float32)
        is_signed = quantizer.bitwidth >= MIN_SIGNED_BITS
        bits = quantizer.bitwidth - 1 if is_signed else quantizer.bitwidth
        lowest = -(2.0**bits) if is_signed else 0.0
        levels = tf.clip_by_value(levels, lowest, 2.0**bits - 1)
        return FixedPoint(levels, bits, quantizer.frac_bits)

    with mock.patch.object(OutputQuantizer, "call", call):
        yield


def _rescale_v2(quantizer: OutputQuantizer, inputs: QFloat) -> Any:
    """Multiply sums by the scale, saturate, and shift right with halves rounded up."""
    scale, shift = _compute_scale_and_shift(quantizer, inputs)
    product = tf.cast(inputs.fp.values, tf.float64) * tf.cast(scale.values, tf.float64)
    limit = 2.0 ** (quantizer.buffer_bitwidth - 1)
    product = tf.clip_by_value(product, -limit, limit - 1)
    return tf.floor(product * 2.0 ** tf.cast(shift, tf.float64) + 0.5)


def _rescale_v1(quantizer: OutputQuantizer, inputs: QFloat) -> Any:
    """Count the thresholds below each sum."""
    scale, shift = _compute_scale_and_shift(quantizer, inputs)
    # The program computes the step in float32 too.
    step = tf.cast(2.0 ** -tf.cast(shift, tf.float32) / scale.values, tf.float64)
    cut = tf.floor(step * FRACTIONS_PER_STEP) / FRACTIONS_PER_STEP
    sums = tf.cast(inputs.fp.values, tf.float64)
    return tf.math.ceil((sums - tf.round(step / 2)) / cut)


def _compute_scale_and_shift(quantizer: OutputQuantizer, inputs: QFloat) -> tuple[Any, Any]:
    """Compute the integer scale that multiplies a sum, and the shift of the product in bits."""
    scales = inputs.scales * quantizer.rescaling_rate
    scale = QFloat.quantize_scales(scales, quantizer.scale_bits)
    return scale, quantizer.frac_bits - (inputs.fp.frac_bits + scale.frac_bits)


RESCALE_FUNCTIONS: dict[str, Callable[[OutputQuantizer, QFloat], Any]] = {
    "v1": _rescale_v1,
    "v2": _rescale_v2,
}
