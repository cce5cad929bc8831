"""Tests of the estimates of work and memory, and of files that ask for too much."""

import math
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from snugnet.core.budget import DEFAULT_BUDGET, GIB, Budget, BudgetError
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.tflite_graph import Graph
from snugnet.core.tflite_graph import Tensor as GraphTensor
from snugnet.int8 import load
from snugnet.int8.cost import (
    SLOW_FACTOR,
    SLOW_OPERATORS,
    Cost,
    check_cost,
    count_bytes,
    estimate_cost,
)
from snugnet.int8.engine import Model
from snugnet.int8.node import Node as EngineNode
from snugnet.int8.node import Profile
from snugnet.int8.operators import OPERATORS
from snugnet.tflite.flatbuffer import parse_graph
from tests.tflite_files import Node, Tensor, constant, single, write
from tests.unit.int8 import models
from tests.unit.int8.cases import CASES, Case

# A file that asks for too much is refused within this time and memory.
SECONDS, BYTES = 2.0, 64 << 20
# Everything that this module checks the files for must fit in a few KB.
FILE_SIZE = 8 << 10
SAME, VALID = 0, 1


def make_nodes(graph: Graph) -> list[EngineNode]:
    """Make the nodes of all operators, as the engine does."""
    return [
        EngineNode(
            index=position,
            name=operator.name,
            inputs=tuple(None if i < 0 else graph.tensors[i] for i in operator.inputs),
            outputs=tuple(graph.tensors[i] for i in operator.outputs),
            options=operator.options,
            profile=Profile.LITERT_REF,
        )
        for position, operator in enumerate(graph.operators)
    ]


def estimate(file: bytes) -> Cost:
    """Estimate the cost of the only operator of a file."""
    (node,) = make_nodes(parse_graph(file, "file"))
    return estimate_cost(node)


def size(tensor: GraphTensor | None) -> int:
    return 0 if tensor is None else math.prod(tensor.shape)


def count_macs(node: EngineNode) -> int:
    """Count the multiply-accumulates of an operator by its definition."""
    elements = sum(map(size, node.outputs))
    if node.name == "CONV_2D":
        _, height, width, channels = node.inputs[1].shape
        return elements * height * width * channels
    if node.name == "DEPTHWISE_CONV_2D":
        _, height, width, _ = node.inputs[1].shape
        return elements * height * width
    if node.name == "TRANSPOSE_CONV":
        outputs, height, width, _ = node.inputs[1].shape
        return size(node.inputs[2]) * height * width * outputs
    if node.name == "FULLY_CONNECTED":
        return elements * node.inputs[1].shape[1]
    if node.name == "BATCH_MATMUL":
        shape = node.inputs[0].shape
        return elements * (shape[-2] if node.options["adjX"] else shape[-1])
    if node.name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return elements * node.options["filterHeight"] * node.options["filterWidth"]
    # Other operators read each element of their inputs, and write each element of their outputs.
    return max(elements, sum(map(size, node.inputs)))


@pytest.mark.parametrize("name", CASES)
def test_estimate_bounds_macs_when_operator_is_random(name):
    @seed(1)
    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=CASES[name])
    def check(case: Case) -> None:
        (node,) = make_nodes(parse_graph(case.file, name))
        cost, macs = estimate_cost(node), count_macs(node)
        assert cost.macs >= macs
        # A bound that is far too high would refuse models that run.
        factor = SLOW_FACTOR if node.name in SLOW_OPERATORS else 1
        assert cost.macs <= factor * (8 * macs + 8 * sum(map(size, node.inputs)))
        assert cost.bytes_held >= sum(map(count_bytes, node.outputs))

    check()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("network", models.network()),
        ("batch of 2", models.network(2)),
        ("real numbers", models.network(float_ends=True)),
        ("branches", models.branches()),
    ],
)
def test_estimate_bounds_macs_when_network_is_whole(name, file):
    for node in make_nodes(parse_graph(file, name)):
        assert estimate_cost(node).macs >= count_macs(node)


# --- Operators of about a million elements, which really run ----------------------------------

POOL = {
    "kind": "Pool2DOptions",
    "padding": SAME,
    "strideH": 1,
    "strideW": 1,
    "filterHeight": 3,
    "filterWidth": 3,
}


def image(rows: int, columns: int, channels: int, dtype: str = "int8") -> Tensor:
    return Tensor((1, rows, columns, channels), dtype, 0.1)


def weights(*shape: int) -> Tensor:
    values = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
    return Tensor(shape, "int8", 0.01, 0, values)


def bias(count: int) -> Tensor:
    return constant(np.arange(count), "int32", scale=float(np.float32(0.1) * np.float32(0.01)))


def convolve(rows: int, columns: int, channels: int, outputs: int, kernel: int) -> bytes:
    return single(
        "CONV_2D",
        [image(rows, columns, channels), weights(outputs, kernel, kernel, channels), bias(outputs)],
        [image(rows, columns, outputs)],
        {"kind": "Conv2DOptions", "padding": SAME, "strideH": 1, "strideW": 1},
    )


def convolve_depthwise(rows: int, columns: int, channels: int, kernel: int) -> bytes:
    options = {
        "kind": "DepthwiseConv2DOptions",
        "padding": SAME,
        "strideH": 1,
        "strideW": 1,
        "depthMultiplier": 1,
    }
    return single(
        "DEPTHWISE_CONV_2D",
        [image(rows, columns, channels), weights(1, kernel, kernel, channels), bias(channels)],
        [image(rows, columns, channels)],
        options,
    )


def convolve_transposed(rows: int, columns: int, channels: int, outputs: int) -> bytes:
    """Write a transposed convolution with a kernel of 4 x 4 and stride 2."""
    shape = (1, 2 * rows, 2 * columns, outputs)
    return single(
        "TRANSPOSE_CONV",
        [constant(shape), weights(outputs, 4, 4, channels), image(rows, columns, channels)],
        [Tensor(shape, "int8", 0.1)],
        {"kind": "TransposeConvOptions", "padding": SAME, "strideH": 2, "strideW": 2},
    )


def multiply(rows: int, depth: int, columns: int) -> bytes:
    tensors = [Tensor((1, *n), "int8", 0.1) for n in ((rows, depth), (depth, columns))]
    options = {"kind": "BatchMatMulOptions"}
    return single("BATCH_MATMUL", tensors, [Tensor((1, rows, columns), "int8", 9.0)], options)


def unary(operator: str, shape: Sequence[int], output: Tensor, options: Any = None) -> bytes:
    return single(operator, [Tensor(tuple(shape), "int8", 0.1)], [output], options)


SQUARE = (1, 256, 256, 4)
PLANE = Tensor(SQUARE, "int8", 0.1)
ONES = Tensor(SQUARE, "int8", 1 / 256, -128)

LARGE: dict[str, bytes] = {
    "CONV_2D": convolve(128, 128, 8, 16, 3),
    "CONV_2D of many channels": convolve(32, 32, 64, 64, 3),
    "CONV_2D of one output": convolve(256, 256, 8, 1, 5),
    "DEPTHWISE_CONV_2D": convolve_depthwise(128, 128, 16, 5),
    "TRANSPOSE_CONV": convolve_transposed(64, 64, 8, 8),
    "TRANSPOSE_CONV of one channel": convolve_transposed(128, 128, 1, 16),
    "FULLY_CONNECTED": single(
        "FULLY_CONNECTED",
        [Tensor((256, 512), "int8", 0.1), weights(256, 512), bias(256)],
        [Tensor((256, 256), "int8", 0.1)],
        {"kind": "FullyConnectedOptions"},
    ),
    "BATCH_MATMUL": multiply(512, 256, 512),
    "BATCH_MATMUL outer": multiply(1024, 1, 1024),
    "MAX_POOL_2D": unary("MAX_POOL_2D", SQUARE, PLANE, POOL),
    "AVERAGE_POOL_2D": unary("AVERAGE_POOL_2D", SQUARE, PLANE, POOL),
    "ADD": single("ADD", [PLANE, PLANE], [PLANE], {"kind": "AddOptions"}),
    "ADD broadcast": single(
        "ADD",
        [Tensor((512, 1), "int8", 0.1), Tensor((1, 512), "int8", 0.1)],
        [Tensor((512, 512), "int8", 0.1)],
        {"kind": "AddOptions"},
    ),
    "MUL": single("MUL", [PLANE, PLANE], [PLANE], {"kind": "MulOptions"}),
    "MAXIMUM": single("MAXIMUM", [PLANE, PLANE], [PLANE], {"kind": "MaximumMinimumOptions"}),
    "SOFTMAX": unary(
        "SOFTMAX",
        (4096, 64),
        Tensor((4096, 64), "int8", 1 / 256, -128),
        {"kind": "SoftmaxOptions", "beta": 1.0},
    ),
    "SOFTMAX int16": single(
        "SOFTMAX",
        [Tensor((4096, 64), "int16", 0.001)],
        [Tensor((4096, 64), "int16", 1 / 32768)],
        {"kind": "SoftmaxOptions", "beta": 1.0},
    ),
    "LOGISTIC": unary("LOGISTIC", SQUARE, ONES),
    "LOGISTIC int16": single(
        "LOGISTIC", [Tensor(SQUARE, "int16", 2.0**-12)], [Tensor(SQUARE, "int16", 2.0**-15)]
    ),
    "TANH": unary("TANH", SQUARE, Tensor(SQUARE, "int8", 1 / 128)),
    "RELU": unary("RELU", SQUARE, PLANE),
    "LEAKY_RELU": unary("LEAKY_RELU", SQUARE, PLANE, {"kind": "LeakyReluOptions", "alpha": 0.1}),
    "HARD_SWISH": unary("HARD_SWISH", SQUARE, PLANE, {"kind": "HardSwishOptions"}),
    "PRELU": single("PRELU", [PLANE, weights(1, 1, 4)], [PLANE]),
    "QUANTIZE": single("QUANTIZE", [Tensor(SQUARE, "float32")], [PLANE]),
    "QUANTIZE int16": single("QUANTIZE", [Tensor(SQUARE, "int16", 0.01)], [PLANE]),
    "DEQUANTIZE": unary("DEQUANTIZE", SQUARE, Tensor(SQUARE, "float32")),
    "MEAN": single(
        "MEAN",
        [PLANE, constant([1, 2])],
        [Tensor((1, 4), "int8", 0.1)],
        {"kind": "ReducerOptions", "keepDims": False},
    ),
    "PAD": single(
        "PAD",
        [PLANE, constant([[0, 0], [9, 9], [9, 9], [0, 0]])],
        [Tensor((1, 274, 274, 4), "int8", 0.1)],
        {"kind": "PadOptions"},
    ),
    "TRANSPOSE": single(
        "TRANSPOSE",
        [PLANE, constant([0, 3, 2, 1])],
        [Tensor((1, 4, 256, 256), "int8", 0.1)],
        {"kind": "TransposeOptions"},
    ),
    "CONCATENATION": single(
        "CONCATENATION",
        [PLANE, PLANE],
        [Tensor((1, 256, 256, 8), "int8", 0.1)],
        {"kind": "ConcatenationOptions", "axis": 3},
    ),
}


def measure_peak(run: Callable[[], object]) -> int:
    """Return the bytes that arrays and objects of Python take at most while a function runs."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LARGE)
def test_estimate_bounds_memory_when_operator_runs(name):
    graph = parse_graph(LARGE[name], name)
    (node,) = make_nodes(graph)
    cost = estimate_cost(node)
    assert cost.macs >= count_macs(node)
    model = Model(graph)
    rng = np.random.default_rng(0)
    inputs = [
        rng.normal(size=port.shape).astype(np.float32)
        if port.dtype == "float32"
        else rng.integers(-128, 128, port.shape).astype(port.dtype)
        for port in model.inputs
    ]
    assert measure_peak(lambda: model.predict(inputs)) <= cost.bytes_held


@pytest.mark.parametrize("name", [name for name in LARGE if name != "BATCH_MATMUL outer"])
def test_engine_accepts_model_when_it_is_moderate(name):
    """Operators of up to 100 million steps are far below the default limits."""
    cost = estimate(LARGE[name])
    assert cost.macs < DEFAULT_BUDGET.macs / 10
    assert cost.bytes_held < DEFAULT_BUDGET.bytes_held / 4


def test_engine_accepts_attention_when_sequence_is_long():
    """A product of 2048 x 64 and 64 x 2048 takes 268 million steps, not 2048 x 2048 x 2048."""
    cost = estimate(multiply(2048, 64, 2048))
    assert cost.macs < DEFAULT_BUDGET.macs
    assert cost.bytes_held < DEFAULT_BUDGET.bytes_held


# --- Small files that ask for too much --------------------------------------------------------

HUGE = (1, 1 << 14, 1 << 14)  # 2^28 elements, which a graph may have


def huge(dtype: str = "int8", scale: float | None = 0.1, zero_point: int = 0) -> Tensor:
    return Tensor(HUGE, dtype, scale, zero_point)


def chain(count: int) -> bytes:
    """Write convolutions in a row, each of a billion multiply-accumulates."""
    plane = image(512, 512, 16)
    tensors = [plane, weights(16, 4, 4, 16), bias(16), *[plane] * count]
    options = {"kind": "Conv2DOptions", "padding": SAME, "strideH": 1, "strideW": 1}
    nodes = [Node("CONV_2D", [i + 2 if i else 0, 1, 2], [i + 3], options) for i in range(count)]
    return write(tensors, nodes, [0], [count + 2])


# Each file with the limit that refuses it.
TOO_LARGE: dict[str, tuple[bytes, str]] = {
    "TRANSPOSE_CONV": (
        single(
            "TRANSPOSE_CONV",
            [
                constant([1, 4000, 4000, 4]),
                weights(4, 16, 16, 4),
                image(2000, 2000, 4),
            ],
            [image(4000, 4000, 4)],
            {"kind": "TransposeConvOptions", "padding": SAME, "strideH": 2, "strideW": 2},
        ),
        "multiply-accumulates",
    ),
    "TRANSPOSE_CONV of few products": (
        single(
            "TRANSPOSE_CONV",
            [constant([1, 4000, 4000, 16]), weights(16, 2, 2, 1), image(2000, 2000, 1)],
            [image(4000, 4000, 16)],
            {"kind": "TransposeConvOptions", "padding": SAME, "strideH": 2, "strideW": 2},
        ),
        "memory",
    ),
    "CONV_2D": (convolve(4000, 4000, 16, 8, 3), "multiply-accumulates"),
    "CONV_2D of few products": (convolve(4000, 4000, 1, 16, 1), "memory"),
    "CONV_2D with weights as inputs": (
        single(
            "CONV_2D",
            [image(512, 512, 16), Tensor((4096, 64, 64, 16), "int8", 0.1), None],
            [image(512, 512, 1024)],
            {"kind": "Conv2DOptions", "padding": SAME, "strideH": 1, "strideW": 1},
        ),
        "multiply-accumulates",
    ),
    "DEPTHWISE_CONV_2D": (convolve_depthwise(4000, 4000, 16, 5), "multiply-accumulates"),
    "FULLY_CONNECTED": (
        single(
            "FULLY_CONNECTED",
            [Tensor((1 << 14, 1 << 14), "int8", 0.1), Tensor((1 << 14, 1 << 14), "int8", 0.1)],
            [Tensor((1 << 14, 1 << 14), "int8", 0.1)],
            {"kind": "FullyConnectedOptions"},
        ),
        "multiply-accumulates",
    ),
    "BATCH_MATMUL": (multiply(16000, 16000, 16000), "multiply-accumulates"),
    "BATCH_MATMUL outer": (multiply(16000, 1, 16000), "the limit is"),
    "QUANTIZE": (single("QUANTIZE", [huge("float32", None)], [huge()]), "memory"),
    "DEQUANTIZE": (single("DEQUANTIZE", [huge()], [huge("float32", None)]), "memory"),
    "ADD": (single("ADD", [huge(), huge()], [huge()], {"kind": "AddOptions"}), "memory"),
    "ADD broadcast": (
        single(
            "ADD",
            [Tensor((1 << 14, 1), "int8", 0.1), Tensor((1, 1 << 14), "int8", 0.1)],
            [Tensor((1 << 14, 1 << 14), "int8", 0.1)],
            {"kind": "AddOptions"},
        ),
        "memory",
    ),
    "ADD of constants": (
        write(
            [
                constant(np.zeros((1024, 1, 1)), "int8", scale=0.1),
                constant(np.zeros((1, 512, 1)), "int8", scale=0.1),
                constant(np.zeros((1, 1, 512)), "int8", scale=0.1),
                Tensor((1024, 512, 1), "int8", 0.1),
                Tensor((1024, 512, 512), "int8", 0.1),
                Tensor((1, 4), "int8", 0.1),
            ],
            [
                Node("ADD", [0, 1], [3], {"kind": "AddOptions"}),
                Node("ADD", [3, 2], [4], {"kind": "AddOptions"}),
            ],
            [5],
            [4],
        ),
        "memory",
    ),
    "SOFTMAX": (
        single(
            "SOFTMAX",
            [huge()],
            [huge("int8", 1 / 256, -128)],
            {"kind": "SoftmaxOptions", "beta": 1.0},
        ),
        "multiply-accumulates",
    ),
    "LOGISTIC": (
        single("LOGISTIC", [huge()], [huge("int8", 1 / 256, -128)]),
        "multiply-accumulates",
    ),
    "MAX_POOL_2D": (
        unary(
            "MAX_POOL_2D",
            (1, 3000, 3000, 1),
            image(3000, 3000, 1),
            {**POOL, "filterHeight": 250, "filterWidth": 250},
        ),
        "multiply-accumulates",
    ),
    "AVERAGE_POOL_2D of the largest window": (
        unary(
            "AVERAGE_POOL_2D",
            (1, 64, 64, 1),
            image(64, 64, 1),
            {**POOL, "filterHeight": 2**31 - 1, "filterWidth": 2**31 - 1},
        ),
        "multiply-accumulates",
    ),
    "PAD": (
        single(
            "PAD",
            [Tensor((1, 1), "int8", 0.1), constant([[0, 16383], [0, 16383]])],
            [Tensor((1 << 14, 1 << 14), "int8", 0.1)],
            {"kind": "PadOptions"},
        ),
        "memory",
    ),
    "many tensors": (
        write([Tensor((1, 4), "int8", 0.1), *[huge("int64", None)] * 4], [], [0], [0]),
        "memory",
    ),
}


def refuse(file: bytes, budget: float | Budget = DEFAULT_BUDGET) -> str:
    """Return the message with which the engine refuses a model, quickly and in little memory."""
    assert len(file) < FILE_SIZE
    graph = parse_graph(file, "file")

    def open_model() -> None:
        with pytest.raises(BudgetError) as error:
            Model(graph, budget=budget)
        messages.append(str(error.value))

    messages: list[str] = []
    started = time.perf_counter()
    peak = measure_peak(open_model)
    assert time.perf_counter() - started < SECONDS
    assert peak < BYTES
    return messages[0]


@pytest.mark.parametrize("name", TOO_LARGE)
def test_engine_refuses_file_when_it_asks_for_too_much(name):
    file, limit = TOO_LARGE[name]
    message = refuse(file)
    operator = name.split(" ")[0]
    place = 1 if name == "ADD of constants" else 0
    expected = "the model needs" if operator == "many" else f"operator {place} {operator}"
    assert expected in message
    assert limit in message
    assert "If you trust the file, multiply the limits by" in message


def test_load_names_option_when_file_asks_for_too_much(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(TOO_LARGE["BATCH_MATMUL"][0])
    with pytest.raises(BudgetError, match=r"--budget 1024, or budget=1024"):
        load(path)


def test_engine_adds_work_when_operators_are_in_a_row():
    """Each is below the limit. The error names the operator at which the sum exceeds it."""
    file = chain(5)
    costs = [estimate_cost(node).macs for node in make_nodes(parse_graph(file, "file"))]
    assert max(costs) < DEFAULT_BUDGET.macs < sum(costs)
    message = refuse(file)
    assert "the model up to operator 3 CONV_2D needs 4,294,967,296 multiply-accumulates" in message


@pytest.mark.parametrize(
    "name", ["QUANTIZE", "DEQUANTIZE", "ADD", "ADD broadcast", "SOFTMAX", "LOGISTIC"]
)
def test_engine_accepts_file_when_budget_is_larger(name):
    """Only the kernels are prepared here; that takes no memory for the tensors."""
    file, _ = TOO_LARGE[name]
    graph = parse_graph(file, name)
    started = time.perf_counter()
    peak = measure_peak(lambda: Model(graph, budget=10))
    assert time.perf_counter() - started < SECONDS
    assert peak < BYTES


def test_engine_accepts_file_when_factor_of_message_is_used():
    file, _ = TOO_LARGE["QUANTIZE"]
    message = refuse(file)
    factor = float(message.split("--budget ")[1].split(",")[0])
    assert 6 <= factor <= 8  # 2 x 2^28 x 48 bytes of 4 GiB, and the inputs
    Model(parse_graph(file, "file"), budget=factor)


def test_engine_refuses_model_when_budget_is_small():
    message = refuse(models.network(), 1e-6)
    assert "the limit is" in message
    Model(parse_graph(models.network(), "network"), budget=1)


def test_predict_refuses_samples_when_outputs_exceed_memory():
    graph = parse_graph(models.network(), "network")
    model = Model(graph, budget=Budget(bytes_held=1 << 20))
    x = np.zeros((1, 8, 8, 2), np.int8)
    model.predict(np.repeat(x, 100, axis=0))
    count = (1 << 20) // 3 + 1
    samples = np.broadcast_to(x, (count, 8, 8, 2))
    with pytest.raises(BudgetError, match=f"the outputs of {count} invocations needs 1.0 MiB"):
        model.predict(samples)


def test_predict_fails_clearly_when_stride_is_huge():
    """A stride makes the sums before cropping large, though image and output are small."""
    outputs = 4000
    file = single(
        "TRANSPOSE_CONV",
        [constant([1, 1, 1, outputs]), weights(outputs, 1, 1, 1), image(2, 2, 1)],
        [image(1, 1, outputs)],
        {"kind": "TransposeConvOptions", "padding": SAME, "strideH": 4095, "strideW": 4095},
    )
    try:
        model = Model(parse_graph(file, "file"))
    except InputError:
        return
    with pytest.raises(InputError):
        model.predict(np.zeros((1, 2, 2, 1), np.int8))


# --- Inconsistent operators -------------------------------------------------------------------


@pytest.mark.parametrize("operator", OPERATORS)
def test_engine_refuses_file_when_operator_has_no_output(operator):
    tensors = [Tensor((1, 4, 4, 2), "int8", 0.1)]
    with pytest.raises(ModelFormatError):
        Model(parse_graph(write(tensors, [Node(operator, [0], [])], [0], [0]), "file"))


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("count", [0, 1, 2, 9])
@pytest.mark.parametrize("shape", [(), (0,), (1, 0, 3), (1, 4, 4, 2)])
def test_engine_gives_clear_error_when_inputs_are_wrong(operator, count, shape):
    """Nothing but errors of the file, whatever shapes the estimate reads."""
    tensors = [Tensor(shape, "int8", 0.1), Tensor((1, 4, 4, 2), "int8", 0.1)]
    for inputs in ([0] * count, [-1] * count):
        file = write(tensors, [Node(operator, inputs, [1])], [0], [1])
        try:
            Model(parse_graph(file, "file"))
        except ModelFormatError:
            continue


@pytest.mark.parametrize("operator", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize("filters", [(-1, 5), (-(2**31), 2**31 - 1), (0, 0), (-3, -3)])
def test_estimate_is_not_negative_when_window_is(operator, filters):
    options = {**POOL, "filterHeight": filters[0], "filterWidth": filters[1]}
    cost = estimate(unary(operator, (1, 8, 8, 1), image(8, 8, 1), options))
    assert cost.macs >= 64
    assert cost.bytes_held > 0


# --- Memory of runtimes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("int8", 24),
        ("uint8", 24),
        ("int16", 48),
        ("float16", 48),
        ("float32", 96),
        ("int64", 192),
        ("int4", 24),
        ("string", None),
    ],
)
def test_count_bytes_uses_size_of_type_when_it_is_known(dtype, expected):
    """A type of TFLite that NumPy does not have counts one byte an element, or more."""
    count = count_bytes(GraphTensor(0, "t", (2, 3, 4), dtype))
    assert count == 24 if expected is None else count == expected


def test_count_bytes_is_zero_when_tensor_is_empty():
    assert count_bytes(GraphTensor(0, "t", (0, 5), "float32")) == 0
    assert count_bytes(GraphTensor(0, "t", (), "float32")) == 4


def test_check_cost_counts_inputs_when_samples_are_many():
    graph = parse_graph(models.network(), "network")
    limit = Budget(bytes_held=1 << 20)
    check_cost(graph, 100, limit, "model.tflite")
    # An input has 8 x 8 x 2 values of 8 bytes: 1024 samples take the whole limit.
    with pytest.raises(BudgetError, match=r"model\.tflite with 1024 samples needs 1\.0 MiB"):
        check_cost(graph, 1024, limit, "model.tflite")


def test_check_cost_counts_all_samples_when_they_are_many():
    graph = parse_graph(models.network(), "network")
    one = sum(estimate_cost(node).macs for node in make_nodes(graph))
    limit = Budget(macs=one, total_macs=10 * one)
    check_cost(graph, 10, limit, "model.tflite")
    with pytest.raises(BudgetError, match=f"with 11 samples needs {11 * one:,} multiply-acc"):
        check_cost(graph, 11, limit, "model.tflite")


def test_check_cost_ignores_constants_when_counting():
    file = single(
        "FULLY_CONNECTED",
        [Tensor((1, 64), "int8", 0.1), weights(64, 64), bias(64)],
        [Tensor((1, 64), "int8", 0.1)],
        {"kind": "FullyConnectedOptions"},
    )
    check_cost(parse_graph(file, "file"), 1, Budget(bytes_held=2 * 64 + 8 * 64), "model.tflite")


def test_check_cost_refuses_file_when_tensors_are_huge():
    file, _ = TOO_LARGE["QUANTIZE"]
    started = time.perf_counter()
    with pytest.raises(BudgetError, match="of memory"):
        check_cost(parse_graph(file, "file"), 64, DEFAULT_BUDGET, "model.tflite")
    assert time.perf_counter() - started < SECONDS
    assert DEFAULT_BUDGET.bytes_held == 4 * GIB
