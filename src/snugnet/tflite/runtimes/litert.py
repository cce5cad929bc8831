"""Predictions and latency of .tflite files with LiteRT."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from snugnet.core.affine import convert_to_type, dequantize
from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort, name_inputs, order_inputs
from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes.custom_operators import refuse_tensorflow_operators

# Samples of one invocation.
BATCH_SIZE = 64
# Largest size of all tensors of an invocation in bytes, if it has more than one sample.
MAX_BATCH_BYTES = 1 << 29


@dataclass(frozen=True)
class TensorDetails:
    """An input or output tensor of a file.

    Attributes:
        index: Index of the tensor.
        name: Name of the tensor.
        shape: Shape of the tensor when the file was opened.
        dtype: NumPy type of its values.
        scale: Scale; 1.0 if the tensor is not quantized.
        zero_point: Zero point; 0 if the tensor is not quantized.
    """

    index: int
    name: str
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
            name=details["name"],
            shape=tuple(int(n) for n in details["shape"]),
            dtype=details["dtype"],
            scale=float(scale) if scale else 1.0,
            zero_point=int(zero_point) if scale else 0,
        )


class OpenedFile(NamedTuple):
    """An interpreter of a file, with its ends.

    Attributes:
        interpreter: The interpreter, with allocated tensors.
        inputs: The inputs, in the order of the file.
        output: The only output.
    """

    interpreter: Interpreter
    inputs: tuple[TensorDetails, ...]
    output: TensorDetails

    def count_bytes(self) -> int:
        """Count the bytes of all tensors of one invocation, at least 1."""
        tensors = self.interpreter.get_tensor_details()
        sizes = [
            math.prod(map(int, tensor["shape"])) * np.dtype(tensor["dtype"]).itemsize
            for tensor in tensors
        ]
        return max(1, sum(sizes))

    def quantize(self, x: np.ndarray, source: Any) -> list[np.ndarray]:
        """Convert samples to the types of the inputs; return an array, (n, ...), for each.

        Args:
            x: Samples in real units; see `core.inputs`.
            source: Name of the file, for messages.

        Raises:
            InputError: If they do not have the shapes of the inputs.
        """
        names = name_inputs([details.name for details in self.inputs])
        ports = [
            InputPort(name, details.shape[1:])
            for name, details in zip(names, self.inputs, strict=True)
        ]
        arrays = order_inputs(x, ports, str(source))
        return [
            convert_to_type(array, entry.dtype, entry.scale, entry.zero_point)
            for array, entry in zip(arrays, self.inputs, strict=True)
        ]

    def set_inputs(self, arrays: Sequence[np.ndarray], batch: slice) -> None:
        """Set the inputs to a batch of samples, and forget the state of earlier ones."""
        # Recurrent layers keep their state from one invocation to the next.
        self.interpreter.reset_all_variables()
        for details, array in zip(self.inputs, arrays, strict=True):
            self.interpreter.set_tensor(details.index, array[batch])


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


def predict(
    file: str | Path | ModelFile, x: np.ndarray, batch_size: int = BATCH_SIZE
) -> Prediction:
    """Run a file on samples in batches, with one thread.

    Args:
        file: A .tflite file with one output, or its path.
        x: Samples in real units, (n, ...). They are quantized here if the input of the file is.
            For a file with several inputs, see `core.inputs`.
        batch_size: Samples per invocation; fewer are used if the tensors of the file are large, and
            those of the file if it cannot be resized.

    Returns:
        The outputs, with their quantization.

    Raises:
        InputError: If LiteRT cannot load the file, there are no samples, or they do not have the
            shape of the input.
    """
    if len(x) == 0:
        raise InputError(f"{file}: no samples to predict")
    opened = _open(file)
    # Quantized batch by batch, because float and integers of all samples would need the memory of
    # both. One sample shows an error in the shape.
    opened.quantize(x[:1], file)
    size = min(batch_size, len(x), max(1, MAX_BATCH_BYTES // opened.count_bytes()))
    if not _resize(opened, size):
        # Open the file again, because the interpreter may be resized in part.
        opened = _open(file)
        size = opened.inputs[0].shape[0]
    parts = []
    with progress(len(x), "predicting") as meter:
        for start in range(0, len(x), size):
            batch = x[start : start + size]
            count = len(batch)
            if count < size:
                # Fill up the last batch, so that the interpreter need not be resized again.
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            opened.set_inputs(opened.quantize(batch, file), slice(None))
            _invoke(opened.interpreter, file, start)
            parts.append(opened.interpreter.get_tensor(opened.output.index)[:count])
            meter.update(count)
    raw = np.concatenate(parts)
    return Prediction(raw.reshape(len(raw), -1), opened.output.scale, opened.output.zero_point)


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
        path: A .tflite file with one output.
        x: Samples in real units, as for `predict`; the first 64 are used in turn.
        runs: Number of invocations to measure.
        warm_up: Number of invocations before that.
        threads: Number of threads that LiteRT may use.

    Returns:
        int64 (runs,): nanoseconds of each `invoke`, without setting the inputs.

    Raises:
        InputError: If LiteRT cannot load the file, or the samples do not have the shape of the
            input.
    """
    opened = _open(path, threads)
    if not _resize(opened, 1):
        raise InputError(
            f"{path}: one inference takes {opened.inputs[0].shape[0]} samples. Convert the model "
            "with a batch size of 1."
        )
    inputs = opened.quantize(x[:64], path)
    times = np.empty(runs, dtype=np.int64)
    for i in range(-warm_up, runs):
        sample = i % len(inputs[0])
        opened.set_inputs(inputs, slice(sample, sample + 1))
        start = time.perf_counter_ns()
        try:
            opened.interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise _explain_failure(path, sample, error) from None
        elapsed = time.perf_counter_ns() - start
        if i >= 0:
            times[i] = elapsed
    return times


def _open(file: str | Path | ModelFile, threads: int = 1) -> OpenedFile:
    """Open a file with one output."""
    path = None if isinstance(file, ModelFile) else str(file)
    content = file.content if isinstance(file, ModelFile) else None
    _check_operators(file)
    try:
        interpreter = Interpreter(model_path=path, model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{file}: LiteRT cannot load it ({error})") from None
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if not inputs or len(outputs) != 1:
        raise InputError(
            f"{file}: {len(inputs)} inputs and {len(outputs)} outputs; only files with inputs and "
            "one output are supported. Convert a model for each output."
        )
    details = tuple(map(TensorDetails.from_litert, inputs))
    return OpenedFile(interpreter, details, TensorDetails.from_litert(outputs[0]))


def check_shapes(path: str | Path, graph: Graph) -> None:
    """Run a file once, on zeros, and check that all tensors have the shapes that the file states.

    Kernels compute shapes anew, so limits that were checked with wrong shapes would mean nothing.

    Args:
        path: The file.
        graph: Its graph.

    Raises:
        InputError: If a tensor gets another shape, or if LiteRT cannot run the file.
    """
    interpreter = _open(path).interpreter
    try:
        for details in interpreter.get_input_details():
            zeros = np.zeros(details["shape"], details["dtype"])
            interpreter.set_tensor(details["index"], zeros)
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: LiteRT cannot run it ({error})") from None
    for details in interpreter.get_tensor_details():
        if details["index"] >= len(graph.tensors):  # memory of a kernel
            continue
        shape = tuple(int(size) for size in details["shape"])
        stated = graph.tensors[details["index"]].shape
        if shape != stated:
            raise InputError(
                f"{path}: tensor {details['index']} has shape {list(shape)}, but the file states "
                f"{list(stated)}; the file is damaged"
            )


def _check_operators(file: str | Path | ModelFile) -> None:
    """Refuse a damaged file, and operators of TensorFlow. LiteRT reports a missing file."""
    try:
        content = file.content if isinstance(file, ModelFile) else Path(file).read_bytes()
    except OSError:
        return
    refuse_tensorflow_operators(content, str(file))


def _resize(opened: OpenedFile, size: int) -> bool:
    """Resize the inputs to a batch size; return whether the output has the batch size then.

    A Reshape to a fixed shape prevents it.
    """
    if all(details.shape[:1] == (size,) for details in opened.inputs):
        return True
    try:
        for details in opened.inputs:
            opened.interpreter.resize_tensor_input(details.index, [size, *details.shape[1:]])
        opened.interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        return False
    index = opened.output.index
    output = next(
        details for details in opened.interpreter.get_output_details() if details["index"] == index
    )
    return int(output["shape"][0]) == size
