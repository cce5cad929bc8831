"""Predictions and latency of .tflite files with LiteRT."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from snugnet.core.affine import dequantize
from snugnet.core.affine import quantize as to_integers
from snugnet.core.errors import InputError
from snugnet.core.progress import progress
from snugnet.tflite.model_file import ModelFile


@dataclass(frozen=True)
class TensorDetails:
    """An input or output tensor of a file.

    Attributes:
        index: Index of the tensor.
        shape: Shape of the tensor when the file was opened.
        dtype: NumPy type of its values.
        scale: Scale; 1.0 if the tensor is not quantized.
        zero_point: Zero point; 0 if the tensor is not quantized.
    """

    index: int
    shape: tuple[int, ...]
    dtype: type[np.generic]
    scale: float
    zero_point: int

    @classmethod
    def from_litert(cls, details: Mapping[str, Any]) -> Self:
        """Read an entry of LiteRT's `get_input_details` or `get_output_details`."""
        scale, zero_point = details["quantization"]
        return cls(
            index=details["index"],
            shape=tuple(int(n) for n in details["shape"]),
            dtype=details["dtype"],
            scale=float(scale) if scale else 1.0,
            zero_point=int(zero_point) if scale else 0,
        )


class Prediction(NamedTuple):
    """Outputs of a .tflite file.

    Attributes:
        raw: Outputs in the type of the output tensor, (n, k).
        scale: Scale of the output tensor; 1.0 for a float output.
        zero_point: Zero point of the output tensor; 0 for a float output.
    """

    raw: np.ndarray
    scale: float
    zero_point: int

    def scores(self) -> np.ndarray:
        """Dequantize the outputs, float32 (n, k)."""
        return dequantize(self.raw, self.scale, self.zero_point)


def predict(file: str | Path | ModelFile, x: np.ndarray, batch_size: int = 64) -> Prediction:
    """Run a file on samples in batches, with one thread.

    Args:
        file: A .tflite file with one input and one output, or its path.
        x: Samples in real units, (n, ...). They are quantized here if the input of the file is.
        batch_size: Samples per invocation; 1 is used if the file cannot be resized.

    Returns:
        The outputs, with their quantization.

    Raises:
        InputError: If LiteRT cannot load the file, there are no samples, or they do not have the
            shape of the input.
    """
    if len(x) == 0:
        raise InputError(f"{file}: no samples to predict")
    interpreter, input_details, output_details = _open(file)
    _check_shape(x, input_details, file)
    size = min(batch_size, len(x))
    if not _resize(interpreter, input_details, output_details, size):
        # Open the file again, because the interpreter may be resized in part.
        interpreter, input_details, output_details = _open(file)
        size = 1
    parts = []
    with progress(len(x), "predicting") as meter:
        for start in range(0, len(x), size):
            batch = quantize(x[start : start + size], input_details)
            count = len(batch)
            if count < size:
                # Fill up the last batch, so that the interpreter need not be resized again.
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            # Recurrent layers keep their state from one invocation to the next.
            interpreter.reset_all_variables()
            interpreter.set_tensor(input_details.index, batch)
            _invoke(interpreter, file, start)
            parts.append(interpreter.get_tensor(output_details.index)[:count])
            meter.update(count)
    raw = np.concatenate(parts)
    return Prediction(raw.reshape(len(raw), -1), output_details.scale, output_details.zero_point)


def _check_shape(x: np.ndarray, details: TensorDetails, file: str | Path | ModelFile) -> None:
    expected = details.shape[1:]
    if x.shape[1:] != expected:
        raise InputError(f"{file}: samples have shape {x.shape[1:]}; the model expects {expected}")


def _invoke(interpreter: Interpreter, file: str | Path | ModelFile, start: int) -> None:
    """Run an interpreter on a batch that begins with sample `start`."""
    try:
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise _explain_failure(file, start, error) from None


def _explain_failure(file: str | Path | ModelFile, start: int, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:300]
    return InputError(
        f"{file}: LiteRT cannot run it on the samples from {start} on ({reason}). If the samples "
        "are random, give samples that the model accepts."
    )


def measure_latency(
    path: str | Path, x: np.ndarray, runs: int, warm_up: int, threads: int = 1
) -> np.ndarray:
    """Measure the latency of single-sample invocations, after a warm-up.

    Args:
        path: A .tflite file with one input and one output.
        x: Samples in real units, (n, ...); the first 64 are used in turn.
        runs: Number of invocations to measure.
        warm_up: Number of invocations before that.
        threads: Number of threads that LiteRT may use.

    Returns:
        int64 (runs,): nanoseconds of each `invoke`, without setting the input.

    Raises:
        InputError: If LiteRT cannot load the file, or the samples do not have the shape of the
            input.
    """
    interpreter, input_details, _ = _open(path, threads)
    _check_shape(x, input_details, path)
    inputs = quantize(x[: min(len(x), 64)], input_details)
    times = np.empty(runs, dtype=np.int64)
    for i in range(-warm_up, runs):
        sample = i % len(inputs)
        interpreter.reset_all_variables()
        interpreter.set_tensor(input_details.index, inputs[sample : sample + 1])
        start = time.perf_counter_ns()
        try:
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise _explain_failure(path, sample, error) from None
        elapsed = time.perf_counter_ns() - start
        if i >= 0:
            times[i] = elapsed
    return times


def quantize_for(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Convert samples to the input type of a file, as `predict` does.

    Args:
        path: A .tflite file with one input and one output.
        x: Samples in real units, (n, ...).

    Returns:
        The samples in the type of the input, (n, ...).

    Raises:
        InputError: If LiteRT cannot load the file.
    """
    _, input_details, _ = _open(path)
    return quantize(x, input_details)


def quantize(x: np.ndarray, details: TensorDetails) -> np.ndarray:
    """Convert samples to the type of an input tensor.

    Args:
        x: Samples in real units, (n, ...).
        details: The input tensor.

    Returns:
        The samples in the type of the tensor, (n, ...).
    """
    if np.issubdtype(details.dtype, np.floating):
        return x.astype(details.dtype, copy=False)
    return to_integers(x, details.scale, details.zero_point, details.dtype)


def _open(
    file: str | Path | ModelFile, threads: int = 1
) -> tuple[Interpreter, TensorDetails, TensorDetails]:
    """Open a file; return the interpreter, its input and its output."""
    path = None if isinstance(file, ModelFile) else str(file)
    content = file.content if isinstance(file, ModelFile) else None
    try:
        interpreter = Interpreter(model_path=path, model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{file}: LiteRT cannot load it ({error})") from None
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{file}: {len(inputs)} inputs and {len(outputs)} outputs; only one each is supported"
        )
    return (
        interpreter,
        TensorDetails.from_litert(inputs[0]),
        TensorDetails.from_litert(outputs[0]),
    )


def _resize(
    interpreter: Interpreter,
    input_details: TensorDetails,
    output_details: TensorDetails,
    size: int,
) -> bool:
    """Resize the input to a batch size; return whether the output has the batch size then.

    A Reshape to a fixed shape prevents it.
    """
    if size == 1:
        return True
    try:
        interpreter.resize_tensor_input(input_details.index, [size, *input_details.shape[1:]])
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        return False
    index = output_details.index
    output = next(
        details for details in interpreter.get_output_details() if details["index"] == index
    )
    return int(output["shape"][0]) == size
