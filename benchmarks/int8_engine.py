"""Time the NumPy integer engine against LiteRT's C++ kernels and against nested Python loops.

All run in one process with one thread on the same samples. The outputs of the engine, of LiteRT's
reference kernels and of the loops must be identical. They take turns; the best time counts.

    python benchmarks/int8_engine.py [--samples 512] [--rounds 5] [--datasets FOLDER]

The InceptionNet is that of the default study, untrained. The MLPerf Tiny models are timed if FOLDER
has a folder `mlperf_tiny_tflite` with their .tflite files.
"""

import os

# Set before NumPy is imported: its matrix products must use one thread, as the interpreters do.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.settings.architectures.inception import Inception
from snugnet.core.tflite_graph import Graph, Operator
from snugnet.int8 import load
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from snugnet.tflite.flatbuffer import read_graph

# Maxima of engine / reference kernels, minimum of loops / engine, maximum memory in GiB.
LIMIT_INCEPTION, LIMIT_MLPERF, LIMIT_LOOPS, LIMIT_MEMORY = 1.0, 1.5, 1500, 1.5
SETTINGS = Inception(stages=3, filters=16, bottleneck=8, kernel=4, stride=2)
MLPERF = {
    "MLPerf Tiny ResNet": "pretrainedResnet_quant.tflite",
    "MLPerf Tiny KWS": "kws_ref_model.tflite",
    "MLPerf Tiny AD": "ad01_int8.tflite",
}


def make_inception(path: Path) -> None:
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.architectures import inception
    from snugnet.models.loading import keras2
    from snugnet.tflite.convert import convert

    keras2.configure(seed=1, threads=1)
    model = inception.build(SETTINGS, (1, 320, 1), "multiclass", 5)
    samples = np.random.default_rng(0).normal(size=(100, 1, 320, 1)).astype(np.float32)
    path.write_bytes(convert(model, SCHEMES["fiq_int8"], samples))


def interpreted(path: Path, x: np.ndarray, kernels: OpResolverType) -> Callable[[], np.ndarray]:
    """Return a function that runs LiteRT on the batch, or on each sample if the file demands it."""
    interpreter = Interpreter(
        model_path=str(path), num_threads=1, experimental_op_resolver_type=kernels
    )
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    size = len(x)
    try:
        interpreter.resize_tensor_input(inputs["index"], x.shape)
        interpreter.allocate_tensors()
        if len(interpreter.get_tensor(outputs["index"])) != size:
            raise ValueError("the output keeps its batch size")
    except (RuntimeError, ValueError):
        size = 1
        interpreter.resize_tensor_input(inputs["index"], (1, *x.shape[1:]))
        interpreter.allocate_tensors()

    def run() -> np.ndarray:
        parts = []
        for start in range(0, len(x), size):
            interpreter.set_tensor(inputs["index"], x[start : start + size])
            interpreter.invoke()
            parts.append(interpreter.get_tensor(outputs["index"]))
        return np.concatenate(parts)

    return run


def looped_convolutions(graph: Graph, tensors: dict[int, np.ndarray]) -> float:
    """Compute all convolutions of one sample with loops over the outputs; return the seconds.

    The other operators cost little and are left out, in favour of the loops.
    """
    seconds = 0.0
    for operator in graph.operators:
        if operator.name == "CONV_2D":
            start = time.perf_counter()
            output = looped_convolution(graph, operator, tensors[operator.inputs[0]])
            seconds += time.perf_counter() - start
            np.testing.assert_array_equal(output, tensors[operator.outputs[0]])
    return seconds


def looped_convolution(graph: Graph, operator: Operator, x: np.ndarray) -> np.ndarray:
    source, weights, bias, out = (graph.tensors[i] for i in (*operator.inputs, operator.outputs[0]))
    real = np.float64(source.scales[0]) * weights.scales.astype(np.float64) / out.scales[0]
    q, shift = quantize_multiplier(real)
    _, height, width, outputs = out.shape
    stride, kernel = operator.options["strideW"], weights.shape[2]
    before = max((width - 1) * stride + kernel - source.shape[2], 0) // 2
    assert weights.values is not None and bias.values is not None
    kernels, added = weights.values.astype(np.int32), bias.values
    low = int(out.zero_points[0]) if operator.options["fusedActivationFunction"] == 1 else -128
    output = np.empty(out.shape, np.int8)
    for row in range(height):
        for column in range(width):
            for channel in range(outputs):
                total = int(added[channel])
                for tap in range(kernel):
                    place = column * stride + tap - before
                    if 0 <= place < source.shape[2]:
                        values = x[0, row, place].astype(np.int32) - int(source.zero_points[0])
                        total += int(np.dot(values, kernels[channel, 0, tap]))
                scaled = int(multiply_by_quantized_multiplier(total, q[channel], shift[channel]))
                output[0, row, column, channel] = min(
                    max(scaled + int(out.zero_points[0]), low), 127
                )
    return output


def best(methods: dict[str, Callable[[], np.ndarray]], rounds: int) -> dict[str, float]:
    seconds = dict.fromkeys(methods, float("inf"))
    for _ in range(rounds):
        for name, run in methods.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


# Measured in a separate process, because the peak memory of a process never falls. getrusage would
# include the peak of the parent process from before exec.
MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from snugnet.int8 import load
model = load(sys.argv[1])
shape = (int(sys.argv[2]), *model.inputs[0].shape[1:])
x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
model.predict(x)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 2**20)
"""


def peak_memory(path: Path, samples: int) -> float:
    """Return the peak memory in GiB of a process that runs the engine on one batch."""
    command = [sys.executable, "-c", MEMORY, str(path), str(samples)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(title: str, path: Path, samples: int, rounds: int, limit: float) -> float:
    """Print the times of one model; return the engine's microseconds per sample."""
    model = load(path)
    port = model.inputs[0]
    x = np.random.default_rng(0).integers(-128, 128, (samples, *port.shape[1:])).astype(np.int8)
    methods = {
        "engine": lambda: model.predict(x),
        "reference": interpreted(path, x, OpResolverType.BUILTIN_REF),
        "XNNPACK": interpreted(path, x, OpResolverType.AUTO),
    }
    np.testing.assert_array_equal(methods["engine"](), methods["reference"]())
    seconds = best(methods, rounds)
    micro = {name: 1e6 * value / samples for name, value in seconds.items()}
    print(
        f"{title:<20}{micro['engine']:>10.1f}{micro['reference']:>11.1f}{micro['XNNPACK']:>9.1f}"
        f"{micro['engine'] / micro['reference']:>20.2f}{limit:>7.1f}"
        f"{micro['engine'] / micro['XNNPACK']:>18.2f}{peak_memory(path, samples):>18.2f}",
        flush=True,
    )
    return micro["engine"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=512, help="Batch size (default: 512).")
    parser.add_argument("--rounds", type=int, default=5, help="Number of rounds (default: 5).")
    parser.add_argument(
        "--datasets",
        type=Path,
        default=Path("datasets"),
        metavar="FOLDER",
        help="Folder that holds the folder mlperf_tiny_tflite (default: datasets).",
    )
    options = parser.parse_args()
    print(f"{options.samples} samples, one thread, best of {options.rounds} rounds")
    print(
        "us/sample               engine  reference  XNNPACK  engine / reference  limit"
        f"  engine / XNNPACK  GiB (limit {LIMIT_MEMORY})"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inception.tflite"
        make_inception(path)
        engine = compare("InceptionNet", path, options.samples, options.rounds, LIMIT_INCEPTION)
        model = load(path)
        x = np.random.default_rng(1).integers(-128, 128, model.inputs[0].shape).astype(np.int8)
        tensors = {**model.trace(x), model.inputs[0].index: x}
        loops = 1e6 * looped_convolutions(read_graph(path), tensors)
    print(
        f"nested loops: {loops:.0f} us/sample, loops / engine = {loops / engine:.0f} "
        f"(at least {LIMIT_LOOPS})"
    )
    for title, name in MLPERF.items():
        path = options.datasets / "mlperf_tiny_tflite" / name
        if not path.is_file():
            print(f"{title}: left out, because {path} does not exist")
            continue
        compare(title, path, options.samples, options.rounds, LIMIT_MLPERF)


if __name__ == "__main__":
    main()
