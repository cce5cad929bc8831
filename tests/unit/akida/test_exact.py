"""Output quantizers compute as the chips do."""

import numpy as np


def quantizer_and_inputs(sums: np.ndarray, scale: float, bits: int = 8):
    import tensorflow as tf
    from quantizeml.layers.quantizers import OutputQuantizer
    from quantizeml.tensors import FixedPoint, QFloat

    quantizer = OutputQuantizer(bitwidth=bits, signed=False, axis="per-tensor", scale_bits=8)
    inputs = QFloat(FixedPoint(tf.constant(sums, tf.float32), 27, 0.0), tf.constant(scale))
    quantizer(inputs)
    quantizer.range_max.assign(float(sums.max()) * scale)
    return quantizer, inputs


def truth(quantizer, inputs, sums: np.ndarray) -> np.ndarray:
    """The same in integers: scale, and shift right with halves rounded up."""
    from quantizeml.tensors import QFloat

    scale = QFloat.quantize_scales(inputs.scales * quantizer.rescaling_rate, 8)
    shift = int(scale.frac_bits.numpy() - quantizer.frac_bits.numpy())
    assert shift > 0
    products = sums.astype(np.int64) * int(scale.values.numpy())
    return np.clip((products + (1 << (shift - 1))) >> shift, 0, 255)


def test_no_sum_is_rounded_before_it_is_shifted(keras):
    from snugnet.akida.exact import exactly

    rounded = 0
    for scale in (0.00173, 0.0021, 0.0038, 0.00099):
        sums = np.arange(1 << 19, 1 << 20, dtype=np.int64)
        quantizer, inputs = quantizer_and_inputs(sums, scale)
        expected = truth(quantizer, inputs, sums)
        rounded += int((quantizer(inputs).values.numpy() != expected).sum())
        with exactly("v2"):
            np.testing.assert_array_equal(quantizer(inputs).values.numpy(), expected)
    assert rounded > 0  # float32 alone would not have done


def test_the_first_generation_counts_the_thresholds_below_a_sum(keras):
    """The first is half a step, rounded; the others follow a step apart, cut to sixteenths."""
    from quantizeml.tensors import QFloat

    from snugnet.akida.exact import exactly

    rounded = 0
    for scale in (0.0173, 0.021, 0.038, 0.1):
        sums = np.arange(-300, 900)
        quantizer, inputs = quantizer_and_inputs(sums, scale, bits=4)
        found = QFloat.quantize_scales(inputs.scales * quantizer.rescaling_rate, 8)
        shift = int(found.frac_bits.numpy() - quantizer.frac_bits.numpy())
        step = np.float32(2.0**shift / float(found.values.numpy()))
        first, apart = round(float(step) / 2), int(step * 16)
        thresholds = [16 * first + level * apart for level in range(15)]
        expected = [sum(16 * value > threshold for threshold in thresholds) for value in sums]
        rounded += int((quantizer(inputs).values.numpy() != expected).sum())
        with exactly("v1"):
            np.testing.assert_array_equal(quantizer(inputs).values.numpy(), expected)
    assert rounded > 0  # quantizeml's rounding is another one


def test_outside_nothing_is_changed(keras):
    from quantizeml.layers.quantizers import OutputQuantizer

    from snugnet.akida.exact import exactly

    before = OutputQuantizer.call
    with exactly("v1"):
        assert OutputQuantizer.call is not before
    assert OutputQuantizer.call is before
