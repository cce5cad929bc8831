"""The chip's arithmetic for a quantized Keras model: what becomes of sums at the end of a layer.

quantizeml brings sums to levels by a multiplication and a shift, in float32. The chips do not:

- The second generation multiplies and shifts integers. Beyond 2^24 float32 rounds the product, and
  a result at the edge between two levels becomes the other one; measured on MNIST, 1 of 10,000
  digits had one such number (quantizeml 1.2.5, `QFloat.to_fixed_point`, `FixedPoint.rescale`).
  The product saturates as a signed integer of 32 bits; quantizeml lets it have one more. Levels of
  fewer than 8 bits are unsigned (measured on akida 2.19.3: a mean after a ReLU gives 0 to 15, where
  quantizeml stops at 7), those of 8 are signed.
- The first compares sums with thresholds. A level is `ceil((sum - round(step / 2)) / cut)`: half a
  step is rounded to an integer (cnn2snn 2.19.3, `quantizeml/outputs.py`), and `cut`, by which
  levels lie apart, is the step without what is below 1/16 (akida refuses smaller ones:
  "Unsupported act_step, it should be equal or greater than 1/16").
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from quantizeml.layers.quantizers import OutputQuantizer
from quantizeml.tensors import FixedPoint, QFloat

from snugnet.models.loading.keras2 import tf

FRACTIONS_OF_A_STEP = 16
SIGNED_FROM = 8


@contextmanager
def use_chip_arithmetic(version: str) -> Iterator[None]:
    """Let output quantizers compute as a chip does, in float64: integers are exact up to 2^53.

    What is derived from real numbers (scales, shifts) stays as it is: the program has the same.

    Args:
        version: The generation of the chip, `v1` or `v2`.
    """
    original, quantized = OutputQuantizer.call, GENERATIONS[version]

    def call(quantizer: OutputQuantizer, inputs: Any) -> FixedPoint:
        narrow = original(quantizer, inputs)  # which also records scales and shifts
        if not isinstance(inputs, QFloat):
            return narrow
        levels = tf.cast(quantized(quantizer, inputs), tf.float32)
        signed = quantizer.bitwidth >= SIGNED_FROM
        bits = quantizer.bitwidth - signed
        levels = tf.clip_by_value(levels, -(2.0**bits) * signed, 2.0**bits - 1)
        return FixedPoint(levels, bits, quantizer.frac_bits)

    with mock.patch.object(OutputQuantizer, "call", call):
        yield


def _second(quantizer: OutputQuantizer, inputs: QFloat) -> Any:
    """Scale, saturate and shift right, rounding halves up."""
    scale, shift = _scale(quantizer, inputs)
    product = tf.cast(inputs.fp.values, tf.float64) * tf.cast(scale.values, tf.float64)
    most = 2.0 ** (quantizer.buffer_bitwidth - 1)
    product = tf.clip_by_value(product, -most, most - 1)
    return tf.floor(product * 2.0 ** tf.cast(shift, tf.float64) + 0.5)


def _first(quantizer: OutputQuantizer, inputs: QFloat) -> Any:
    """Count the thresholds below a sum."""
    scale, shift = _scale(quantizer, inputs)
    # In float32, as the program has it.
    step = tf.cast(2.0 ** -tf.cast(shift, tf.float32) / scale.values, tf.float64)
    cut = tf.floor(step * FRACTIONS_OF_A_STEP) / FRACTIONS_OF_A_STEP
    sums = tf.cast(inputs.fp.values, tf.float64)
    return tf.math.ceil((sums - tf.round(step / 2)) / cut)


def _scale(quantizer: OutputQuantizer, inputs: QFloat) -> tuple[Any, Any]:
    """Give the integer that a sum is multiplied by, and by how many bits the product is shifted."""
    scales = inputs.scales * quantizer.rescaling_rate
    scale = QFloat.quantize_scales(scales, quantizer.scale_bits)
    return scale, quantizer.frac_bits - (inputs.fp.frac_bits + scale.frac_bits)


GENERATIONS: dict[str, Callable[[OutputQuantizer, QFloat], Any]] = {"v1": _first, "v2": _second}
