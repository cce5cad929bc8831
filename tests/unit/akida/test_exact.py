"""Tests of the exact arithmetic of Akida's output quantizers."""

import numpy as np


def quantizer_and_inputs(sums: np.ndarray, scale: float, bits: int = 8, signed: bool = True):
    import tensorflow as tf
    from quantizeml.layers.quantizers import OutputQuantizer
    from quantizeml.tensors import FixedPoint, QFloat

    quantizer = OutputQuantizer(bitwidth=bits, signed=signed, axis="per-tensor", scale_bits=8)
    inputs = QFloat(FixedPoint(tf.constant(sums, tf.float32), 27, 0.0), tf.constant(scale))
    quantizer(inputs)
    quantizer.range_max.assign(float(sums.max()) * scale)
    return quantizer, inputs


def scale_and_shift(quantizer, inputs) -> tuple[int, int]:
    from quantizeml.tensors import QFloat

    scale = QFloat.quantize_scales(inputs.scales * quantizer.rescaling_rate, 8)
    return int(scale.values.numpy()), int(scale.frac_bits.numpy() - quantizer.frac_bits.numpy())


def compute_expected(quantizer, inputs, sums: np.ndarray) -> np.ndarray:
    """The same in integers: scale, saturate, and shift right with halves rounded up."""
    scale, shift = scale_and_shift(quantizer, inputs)
    assert shift > 0
    products = np.minimum(sums.astype(np.int64) * scale, (1 << 31) - 1)
    return np.clip((products + (1 << (shift - 1))) >> shift, -128, 127)


def test_chip_arithmetic_is_exact_when_float32_would_round(keras):
    from snugnet.akida.exact import use_chip_arithmetic

    rounded = 0
    for scale in (0.00173, 0.0021, 0.0038, 0.00099):
        sums = np.arange(1 << 19, 1 << 20, dtype=np.int64)
        quantizer, inputs = quantizer_and_inputs(sums, scale)
        expected = compute_expected(quantizer, inputs, sums)
        rounded += int((quantizer(inputs).values.numpy() != expected).sum())
        with use_chip_arithmetic("v2"):
            np.testing.assert_array_equal(quantizer(inputs).values.numpy(), expected)
    assert rounded > 0  # float32 alone would not have done


def test_chip_arithmetic_counts_thresholds_when_version_is_v1(keras):
    """The first is half a step, rounded; the others follow a step apart, cut to sixteenths."""
    from snugnet.akida.exact import use_chip_arithmetic

    rounded = 0
    for scale in (0.0173, 0.021, 0.038, 0.1):
        sums = np.arange(-300, 900)
        quantizer, inputs = quantizer_and_inputs(sums, scale, bits=4, signed=False)
        integer, shift = scale_and_shift(quantizer, inputs)
        step = np.float32(2.0**shift / integer)
        first, apart = round(float(step) / 2), int(step * 16)
        thresholds = [16 * first + level * apart for level in range(15)]
        expected = [sum(16 * value > threshold for threshold in thresholds) for value in sums]
        rounded += int((quantizer(inputs).values.numpy() != expected).sum())
        with use_chip_arithmetic("v1"):
            np.testing.assert_array_equal(quantizer(inputs).values.numpy(), expected)
    assert rounded > 0  # quantizeml's rounding is another one


def test_chip_arithmetic_saturates_when_product_exceeds_int32(keras):
    from snugnet.akida.exact import use_chip_arithmetic

    sums = np.append(np.arange(0, 1 << 24, 9973), (1 << 27) - 1)
    quantizer, inputs = quantizer_and_inputs(sums, 0.0021)
    expected = compute_expected(quantizer, inputs, sums)
    # quantizeml lets them have one bit more.
    assert 1 < expected[-1] < quantizer(inputs).values.numpy()[-1]
    with use_chip_arithmetic("v2"):
        np.testing.assert_array_equal(quantizer(inputs).values.numpy(), expected)


def test_chip_arithmetic_is_unsigned_when_output_has_4_bits(keras):
    """A mean after a ReLU goes up to 15 on the chip, where quantizeml stops at 7."""
    from snugnet.akida.exact import use_chip_arithmetic

    sums = np.arange(-3000, 3000)
    for bits, levels, default_levels in ((4, (0, 15), (-8, 7)), (8, (-128, 127), (-128, 127))):
        quantizer, inputs = quantizer_and_inputs(sums, 0.0173, bits, signed=True)
        quantizer.range_max.assign(quantizer.range_max / 4)
        unchanged = quantizer(inputs).values.numpy()
        assert (unchanged.min(), unchanged.max()) == default_levels
        with use_chip_arithmetic("v2"):
            output = quantizer(inputs)
        assert (output.values.numpy().min(), output.values.numpy().max()) == levels
        assert output.value_bits == (4 if bits == 4 else 7)


def test_chip_arithmetic_is_restored_when_context_ends(keras):
    from quantizeml.layers.quantizers import OutputQuantizer

    from snugnet.akida.exact import use_chip_arithmetic

    before = OutputQuantizer.call
    with use_chip_arithmetic("v1"):
        assert OutputQuantizer.call is not before
    assert OutputQuantizer.call is before
