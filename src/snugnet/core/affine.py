"""The affine map between real numbers and integers, rounded as the TFLite kernels do."""

import numpy as np
from numpy.typing import DTypeLike


def quantize(
    x: np.ndarray, scale: float | np.floating, zero_point: int, dtype: DTypeLike
) -> np.ndarray:
    """Quantize real numbers to an integer type: divide, round, saturate.

    q = clip(round(x / scale) + zero_point, min, max), as in the QUANTIZE kernel
    (`reference_ops::AffineQuantize`; the map of the TFLite 8-bit quantization specification).
    A cast without rounding and saturation lets values wrap around. This is the most common
    mistake that ruins an int8 model.

    Args:
        x: Real numbers of any shape, without NaN.
        scale: Quantization scale, above 0.
        zero_point: Integer that represents the real number 0.
        dtype: Integer type of the result.

    Returns:
        Integers of type `dtype`, of the shape of x.
    """
    info = np.iinfo(dtype)
    return np.clip(quantize_unclipped(x, scale, zero_point), info.min, info.max).astype(dtype)


def convert_to_type(
    x: np.ndarray, dtype: DTypeLike, scale: float | np.floating, zero_point: int
) -> np.ndarray:
    """Convert real numbers to the type of an input tensor: quantize them if it is an integer type.

    Args:
        x: Real numbers of any shape.
        dtype: Type of the tensor.
        scale: Its scale, above 0; ignored for a float type.
        zero_point: Its zero point; ignored for a float type.

    Returns:
        An array of type `dtype`, of the shape of x.
    """
    if np.issubdtype(dtype, np.floating):
        return x.astype(dtype, copy=False)
    return quantize(x, scale, zero_point, dtype)


def quantize_unclipped(x: np.ndarray, scale: float | np.floating, zero_point: int) -> np.ndarray:
    """Quantize real numbers without saturation to the range of a type.

    The division is in float32, and halves are rounded away from zero, as in the QUANTIZE kernel.

    Args:
        x: Real numbers of any shape.
        scale: Quantization scale, above 0.
        zero_point: Integer that represents the real number 0.

    Returns:
        Whole numbers as float64, of the shape of x.
    """
    with np.errstate(over="ignore"):
        steps = round_half_away(x.astype(np.float32) / np.float32(scale))
    return steps.astype(np.float64) + zero_point


def dequantize(raw: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Convert integers to the real numbers that they represent: scale * (raw - zero_point).

    Args:
        raw: Integers, or floats, which are not changed.
        scale: Scale of the tensor.
        zero_point: Zero point of the tensor.

    Returns:
        float32, with the shape of `raw`.
    """
    if np.issubdtype(raw.dtype, np.floating):
        return raw.astype(np.float32)
    shifted = raw.astype(np.int32) - np.int32(zero_point)
    return (np.float32(scale) * shifted.astype(np.float32)).astype(np.float32)


def round_half_away(x: np.ndarray) -> np.ndarray:
    """Round floats to the nearest whole number, halves away from zero, as `std::round` of C++.

    The function adds the largest float below 0.5 to the magnitude, then cuts the fraction off.
    With 0.5 itself, the largest float below 0.5 would be rounded up to 1. If the sum is not exact,
    IEEE 754 rounds it to the nearest float, which has the correct integer part.
    """
    below_half = np.nextafter(x.dtype.type(0.5), x.dtype.type(0))
    return np.trunc(x + np.copysign(below_half, x))
