"""Time three ways to predict: Snugnet, and plain LiteRT in batches and sample by sample.

All methods run in one process with one thread, on the same model (the default InceptionNet in int8)
and the same samples, and must give the same predictions. They run in turn; the script prints the
median times.

    python benchmarks/evaluation.py [--samples 4096] [--rounds 9]
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from snugnet.core.settings.architectures.inception import Inception
from snugnet.tflite.runtimes.litert import predict

Method = Callable[[Path, np.ndarray], np.ndarray]
BATCH = 64
# The largest float32 below a half. With a half itself, this number would be rounded to 1.
BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))
SETTINGS = Inception(stages=3, filters=16, bottleneck=8, kernel=4, stride=2)


def make_model(path: Path, samples: np.ndarray) -> None:
    """Write an untrained int8 InceptionNet: training does not change the time."""
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.architectures import inception
    from snugnet.models.loading import keras2
    from snugnet.tflite.convert import convert

    keras2.configure(seed=1, threads=1)
    model = inception.build(SETTINGS, samples.shape[1:], "multiclass", 5)
    path.write_bytes(convert(model, SCHEMES["fiq_int8"], samples[:100]))


def predict_with_snugnet(path: Path, x: np.ndarray) -> np.ndarray:
    with redirect_stdout(io.StringIO()):  # hides progress lines
        return predict(path, x, BATCH).raw


def open_interpreter(path: Path, batch: int) -> tuple[Interpreter, dict, dict]:
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(inputs["index"], [batch, *inputs["shape"][1:]])
    interpreter.allocate_tensors()
    return interpreter, inputs, outputs


def quantize(x: np.ndarray, inputs: dict) -> np.ndarray:
    """Quantize to int8 as LiteRT's kernels do: divide in float32, round halves away from zero."""
    scale, zero_point = inputs["quantization"]
    steps = x / np.float32(scale)
    rounded = np.trunc(steps + np.copysign(BELOW_HALF, steps))
    return np.clip(rounded + zero_point, -128, 127).astype(np.int8)


def predict_in_batches(path: Path, x: np.ndarray) -> np.ndarray:
    """Predict in batches with the interpreter alone, without any checks."""
    interpreter, inputs, outputs = open_interpreter(path, BATCH)
    parts = []
    for start in range(0, len(x), BATCH):
        interpreter.set_tensor(inputs["index"], quantize(x[start : start + BATCH], inputs))
        interpreter.invoke()
        parts.append(interpreter.get_tensor(outputs["index"]))
    return np.concatenate(parts)


def predict_one_by_one(path: Path, x: np.ndarray) -> np.ndarray:
    """Predict sample by sample, in the loop of most tutorials, but with correct rounding."""
    interpreter, inputs, outputs = open_interpreter(path, 1)
    predictions = np.zeros((len(x), outputs["shape"][-1]), dtype=outputs["dtype"])
    for i, sample in enumerate(x):
        interpreter.set_tensor(inputs["index"], np.expand_dims(quantize(sample, inputs), axis=0))
        interpreter.invoke()
        predictions[i] = interpreter.get_tensor(outputs["index"])[0]
    return predictions


def measure_time(method: Method, path: Path, x: np.ndarray) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = method(path, x)
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--samples", type=int, default=4096, help="Number of samples, a multiple of 64."
    )
    parser.add_argument("--rounds", type=int, default=9, help="Number of timed rounds.")
    arguments = parser.parse_args()
    if arguments.samples <= 0 or arguments.samples % BATCH:
        parser.error(f"--samples must be a multiple of {BATCH}, not {arguments.samples}")
    x = np.random.default_rng(0).normal(0, 1, (arguments.samples, 1, 320, 1)).astype(np.float32)
    methods: dict[str, Method] = {
        "Snugnet": predict_with_snugnet,
        "bare batches": predict_in_batches,
        "one by one": predict_one_by_one,
    }
    times: dict[str, list[float]] = {name: [] for name in methods}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        make_model(path, x)
        for turn in range(arguments.rounds + 1):
            results = {}
            for name, method in methods.items():
                seconds, results[name] = measure_time(method, path, x)
                if turn > 0:  # the first turn is a warm-up
                    times[name].append(seconds)
            for name, result in results.items():
                if not np.array_equal(result, results["Snugnet"]):
                    differing = np.any(result != results["Snugnet"], axis=-1).sum()
                    raise SystemExit(
                        f"benchmarks/evaluation.py: {differing} of {len(x)} predictions of method "
                        f"'{name}' differ from those of Snugnet. The times cannot be compared. "
                        "Run make test to find the error."
                    )
    median = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{arguments.samples} samples, batch {BATCH}, median of {arguments.rounds} rounds")
    print("method        us/sample  time / Snugnet")
    for name, seconds in median.items():
        each, ratio = 1e6 * seconds / arguments.samples, seconds / median["Snugnet"]
        print(f"{name:12}  {each:9.1f}  {ratio:14.2f}")
    print(
        f"Snugnet / bare batches = {median['Snugnet'] / median['bare batches']:.3f} (at most 1.15)"
    )
    print(f"one by one / Snugnet = {median['one by one'] / median['Snugnet']:.2f}")


if __name__ == "__main__":
    main()
