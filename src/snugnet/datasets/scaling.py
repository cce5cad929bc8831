"""Scaling of raw values to model inputs; all parameters are estimated on train alone."""

from collections.abc import Callable, Mapping

import numpy as np

from snugnet.core.inputs import to_float32

Scaler = Callable[[np.ndarray], np.ndarray]


def fit(kind: str, train: np.ndarray) -> tuple[Scaler, dict[str, list[float]]]:
    """Fit the scaling of a dataset to its train split.

    Args:
        kind: `none` (raw units), `standardize` (zero mean and unit variance per channel),
            `per_sample` (zero mean and unit variance of each sample, nothing is estimated),
            `minmax` (the range of train is mapped to 0..1) or `uint8` (the range of train is mapped
            to the integers 0..255, values outside saturate).
        train: Train inputs, (n, ..., channels).

    Returns:
        A function that scales raw inputs to float32 (uint8 for `uint8`), and the estimated
        parameters for the dataset's record: `low` and `high`, `mean` and `std`, or none.

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind == "none":
        return to_float32, {}
    if kind == "per_sample":
        return _standardize_each, {}
    if kind == "standardize":
        return _standardize(train)
    low, high = float(train.min()), float(train.max())
    estimated = {"low": [low], "high": [high]}
    factor = 1.0 / (high - low) if high > low else 1.0
    if kind == "minmax":
        return lambda x: ((x.astype(np.float64) - low) * factor).astype(np.float32), estimated
    if kind == "uint8":
        return lambda x: _to_uint8((x.astype(np.float64) - low) * factor * 255.0), estimated
    raise ValueError(f"unknown scaling {kind!r}")


def count_outside(x: np.ndarray, estimated: Mapping[str, list[float]]) -> int:
    """Count the values outside the range of train.

    Args:
        x: Raw inputs, (n, ..., channels).
        estimated: The estimated parameters from `fit`.

    Returns:
        The number of values; 0 if the scaling has no estimated range.
    """
    if "low" not in estimated:
        return 0
    return int(((x < estimated["low"][0]) | (x > estimated["high"][0])).sum())


def _standardize(train: np.ndarray) -> tuple[Scaler, dict[str, list[float]]]:
    """Fit a scaling to zero mean and unit variance per channel."""
    axes = tuple(range(train.ndim - 1))
    mean = train.mean(axis=axes, dtype=np.float64)
    std = train.std(axis=axes, dtype=np.float64)
    # A constant channel has no information, but rounding errors give it a tiny deviation. Do not
    # divide by that: the scaled channel stays near zero.
    std[std <= 1e-9 * np.abs(mean)] = 1.0
    estimated = {"mean": mean.tolist(), "std": std.tolist()}
    return lambda x: ((x - mean) / std).astype(np.float32), estimated


def _standardize_each(x: np.ndarray) -> np.ndarray:
    """Scale each sample to zero mean and unit variance."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    std = centred.std(axis=1, keepdims=True)
    std[std == 0] = 1.0
    return (centred / std).reshape(x.shape).astype(np.float32)


def _to_uint8(x: np.ndarray) -> np.ndarray:
    """Round values to uint8; values outside 0..255 saturate."""
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)
