"""Predictions and latency of a .tflite file, computed by LiteRT."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from snugnet.core.affine import quantize as to_integers
from snugnet.core.errors import InputError
from snugnet.core.progress import progress


class Prediction(NamedTuple):
    """What a file computed.

    Attributes:
        raw: (n, k) in the type of the output tensor.
        scale: Of the output tensor; 1.0 for a float output.
        zero_point: Of the output tensor; 0 for a float output.
    """

    raw: np.ndarray
    scale: float
    zero_point: int

    def scores(self) -> np.ndarray:
        """Dequantize, float32 (n, k)."""
        return dequantize(self.raw, self.scale, self.zero_point)


def dequantize(raw: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Give the real numbers that integers stand for: scale * (raw - zero_point), float32."""
    if np.issubdtype(raw.dtype, np.floating):
        return raw.astype(np.float32)
    shifted = raw.astype(np.int32) - np.int32(zero_point)
    return (np.float32(scale) * shifted.astype(np.float32)).astype(np.float32)


def predict(path: str | Path, x: np.ndarray, batch_size: int = 64) -> Prediction:
    """Predict in batches, on one thread.

    Args:
        path: A .tflite file with one input and one output.
        x: Inputs in real units, (n, ...); quantized here if the file's input is.
        batch_size: Samples in one invocation; a file that cannot be resized is fed one by one.

    Raises:
        InputError: If the file is unusable or x does not have the shape that it takes.
    """
    if len(x) == 0:
        raise InputError(f"{path}: no samples to predict")
    interpreter, given, wanted = _open(path)
    expected = tuple(given["shape"][1:])
    if x.shape[1:] != expected:
        raise InputError(f"{path}: samples have shape {x.shape[1:]}; the model expects {expected}")
    size = min(batch_size, len(x))
    if not _resize(interpreter, given, wanted, size):
        interpreter, given, wanted = _open(path)
        size = 1
    scale, zero_point = _quantization(wanted)
    parts = []
    with progress(len(x), "predicting") as meter:
        for start in range(0, len(x), size):
            batch = quantize(x[start : start + size], given)
            count = len(batch)
            if count < size:
                # The last batch is filled up rather than the interpreter resized once more.
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            interpreter.set_tensor(given["index"], batch)
            interpreter.invoke()
            parts.append(interpreter.get_tensor(wanted["index"])[:count])
            meter.update(count)
    raw = np.concatenate(parts)
    return Prediction(raw.reshape(len(raw), -1), scale, zero_point)


def latency(
    path: str | Path, x: np.ndarray, runs: int, warm_up: int, threads: int = 1
) -> np.ndarray:
    """Time single-sample invocations, after a warm-up.

    Args:
        path: A .tflite file.
        x: Inputs in real units, used in turn.
        runs: How many invocations to time.
        warm_up: How many to make before.
        threads: How many LiteRT may use.

    Returns:
        int64 (runs,) nanoseconds of `invoke` alone.
    """
    interpreter, given, _ = _open(path, threads)
    inputs = quantize(x[: min(len(x), 64)], given)
    times = np.empty(runs, dtype=np.int64)
    for i in range(-warm_up, runs):
        sample = i % len(inputs)
        interpreter.set_tensor(given["index"], inputs[sample : sample + 1])
        start = time.perf_counter_ns()
        interpreter.invoke()
        elapsed = time.perf_counter_ns() - start
        if i >= 0:
            times[i] = elapsed
    return times


def quantize_for(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Bring inputs into the type of a file's input, as `predict` does."""
    return quantize(x, _open(path)[1])


def quantize(x: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Bring inputs into the type of an input tensor.

    Args:
        x: Inputs in real units.
        details: The interpreter's description of the input tensor.
    """
    dtype = details["dtype"]
    if np.issubdtype(dtype, np.floating):
        return x.astype(dtype, copy=False)
    scale, zero_point = _quantization(details)
    return to_integers(x, scale, zero_point, dtype)


def _quantization(details: dict[str, Any]) -> tuple[float, int]:
    scale, zero_point = details["quantization"]
    return (float(scale), int(zero_point)) if scale else (1.0, 0)


def _open(path: str | Path, threads: int = 1) -> tuple[Interpreter, dict[str, Any], dict[str, Any]]:
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: LiteRT cannot load it ({error})") from None
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{path}: {len(inputs)} inputs and {len(outputs)} outputs; only one each is supported"
        )
    return interpreter, inputs[0], outputs[0]


def _resize(
    interpreter: Interpreter, given: dict[str, Any], wanted: dict[str, Any], size: int
) -> bool:
    """Resize to a batch; tell whether the output followed (a fixed Reshape stops it)."""
    if size == 1:
        return True
    try:
        interpreter.resize_tensor_input(given["index"], [size, *given["shape"][1:]])
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        return False
    output = next(d for d in interpreter.get_output_details() if d["index"] == wanted["index"])
    return int(output["shape"][0]) == size
