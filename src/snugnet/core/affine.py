"""The affine map from real numbers to integers, rounded as the kernels of the runtimes do it."""

import numpy as np
from numpy.typing import DTypeLike


def quantize(
    x: np.ndarray, scale: float | np.floating, zero_point: int, dtype: DTypeLike
) -> np.ndarray:
    """Bring real numbers into an integer type: round, then saturate.

    q = clip(round(x / scale) + zero_point, min, max), as the QUANTIZE kernel does it
    (`reference_ops::AffineQuantize`; the map of the TFLite 8-bit quantization specification). A
    cast without rounding or saturation makes values wrap and is the commonest way to ruin an int8
    model.

    Args:
        x: Real numbers, without NaN.
        scale: Above 0.
        zero_point: The integer that stands for 0.
        dtype: The integer type.
    """
    info = np.iinfo(dtype)
    return np.clip(nearest(x, scale, zero_point), info.min, info.max).astype(dtype)


def nearest(x: np.ndarray, scale: float | np.floating, zero_point: int) -> np.ndarray:
    """Give the nearest whole number to each real one, float64, whether a type has it or not.

    Divided in float32 and halves rounded away from zero, as the kernel does it.
    """
    with np.errstate(over="ignore"):
        steps = round_half_away(x.astype(np.float32) / np.float32(scale))
    return steps.astype(np.float64) + zero_point


def round_half_away(x: np.ndarray) -> np.ndarray:
    """Round floats to the nearest whole number, halves away from zero: C++'s `std::round`.

    The largest number below a half is added: a half itself would make 1 of that number. What then
    is not exact is rounded to the right side, as long as this is to the nearest, as IEEE 754 does.
    """
    below_half = np.nextafter(x.dtype.type(0.5), x.dtype.type(0))
    return np.trunc(x + np.copysign(below_half, x))
