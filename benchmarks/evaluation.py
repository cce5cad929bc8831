"""Time batched evaluation against the plain LiteRT interpreter, in batches and sample by sample.

All run in one process with one thread, on one model (the default InceptionNet in int8) and the same
samples, and must predict the same. They take turns; the median time counts.

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

Contestant = Callable[[Path, np.ndarray], np.ndarray]
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


def ours(path: Path, x: np.ndarray) -> np.ndarray:
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


def bare_batches(path: Path, x: np.ndarray) -> np.ndarray:
    """Predict in batches with the interpreter alone, without any checks."""
    interpreter, inputs, outputs = open_interpreter(path, BATCH)
    parts = []
    for start in range(0, len(x), BATCH):
        interpreter.set_tensor(inputs["index"], quantize(x[start : start + BATCH], inputs))
        interpreter.invoke()
        parts.append(interpreter.get_tensor(outputs["index"]))
    return np.concatenate(parts)


def one_by_one(path: Path, x: np.ndarray) -> np.ndarray:
    """Predict sample by sample, in the loop of most tutorials, but with correct rounding."""
    interpreter, inputs, outputs = open_interpreter(path, 1)
    predictions = np.zeros((len(x), outputs["shape"][-1]), dtype=outputs["dtype"])
    for i, sample in enumerate(x):
        interpreter.set_tensor(inputs["index"], np.expand_dims(quantize(sample, inputs), axis=0))
        interpreter.invoke()
        predictions[i] = interpreter.get_tensor(outputs["index"])[0]
    return predictions


def timed(function: Contestant, path: Path, x: np.ndarray) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = function(path, x)
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
    contestants: dict[str, Contestant] = {
        "ours": ours,
        "bare batches": bare_batches,
        "one by one": one_by_one,
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        make_model(path, x)
        for turn in range(arguments.rounds + 1):
            results = {}
            for name, contestant in contestants.items():
                seconds, results[name] = timed(contestant, path, x)
                if turn > 0:  # the first turn is a warm-up
                    times[name].append(seconds)
            for name, result in results.items():
                if not np.array_equal(result, results["ours"]):
                    raise SystemExit(f"the predictions of '{name}' differ from those of 'ours'")
    median = {name: float(np.median(values)) for name, values in times.items()}
    print(f"{arguments.samples} samples, batch {BATCH}, median of {arguments.rounds} rounds")
    print("contestant    us/sample  time / ours")
    for name, seconds in median.items():
        each, ratio = 1e6 * seconds / arguments.samples, seconds / median["ours"]
        print(f"{name:12}  {each:9.1f}  {ratio:11.2f}")
    print(f"ours / bare batches = {median['ours'] / median['bare batches']:.3f} (at most 1.15)")
    print(f"one by one / ours = {median['one by one'] / median['ours']:.2f}")


if __name__ == "__main__":
    main()
