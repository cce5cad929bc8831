"""Random models with one operator, including extreme values of its options."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.tflite_files import Tensor, constant, single

SAME, VALID = 0, 1
Draw = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """A file and the arrays of its inputs."""

    file: bytes
    inputs: list[np.ndarray]


def case(operator: str, inputs: list[Tensor | None], output: Any, options: Any, draw: Draw) -> Case:
    outputs = output if isinstance(output, list) else [output]
    free = [tensor for tensor in inputs if tensor is not None and tensor.values is None]
    file = single(operator, inputs, outputs, options)
    return Case(file, [values(draw, tensor.shape, tensor.dtype) for tensor in free])


def values(draw: Draw, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Draw an array: all values alike likely, or only the ends, or few about 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["any", "any", "ends", "small", "same"]))
    if dtype == "float32":
        spread = 10.0 ** draw(st.integers(-3, 3))
        x = (rng.normal(size=shape) * spread).astype(np.float32)
        return np.round(x * 2) / np.float32(2) if kind == "ends" else x
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    if kind == "ends":
        return rng.choice(np.array([low, low + 1, 0, high], dtype), shape)
    if kind == "small":
        return rng.integers(max(low, -3), 4, shape).astype(dtype)
    if kind == "same":
        return np.full(shape, rng.integers(low, high + 1), dtype)
    return rng.integers(low, high + 1, shape).astype(dtype)


def a_scale(draw: Draw) -> float:
    """Draw a scale: mostly as converters make them, some powers of two."""
    if draw(st.integers(0, 3)) == 0:
        return 2.0 ** draw(st.integers(-12, 2))
    return float(np.float32(math.exp(draw(st.floats(-9, 1)))))


def a_point(draw: Draw, dtype: str) -> int:
    if dtype in ("int16", "int32"):
        return 0
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return draw(st.sampled_from([low, 0, high, draw(st.integers(low, high))]))


def tensor(draw: Draw, shape: Any, dtype: str = "int8", step: float | None = None) -> Tensor:
    step = a_scale(draw) if step is None else step
    return Tensor(tuple(shape), dtype, step, a_point(draw, dtype))


def like(other: Tensor, shape: Any) -> Tensor:
    return Tensor(tuple(shape), other.dtype, other.scale, other.zero_point)


def a_shape(draw: Draw, low: int = 1, high: int = 4) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 5), min_size=low, max_size=high)))


def activation(draw: Draw) -> int:
    return draw(st.sampled_from([0, 0, 1, 2, 3, 4]))


def weights(draw: Draw, shape: tuple[int, ...], axis: int, per_channel: bool) -> Tensor:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([2, 20, 128]))
    array = np.clip(rng.integers(-spread, spread, shape), -127, 127).astype(np.int8)
    count = shape[axis] if per_channel else 1
    scales = [float(np.float32(math.exp(x))) for x in rng.uniform(-7, -1, count)]
    if draw(st.integers(0, 9)) == 0:
        scales[0] = 1e-12  # so small that its multiplier becomes 0
    return Tensor(shape, "int8", scales, 0, array, axis)


def bias(draw: Draw, count: int, dtype: str) -> Tensor:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    largest = draw(st.sampled_from([1, 1000, 100_000, 2**30]))
    return constant(rng.integers(-largest, largest + 1, count), dtype, scale=1.0)


def output_scale(draw: Draw, source: Tensor, kernel: Tensor) -> float:
    """Draw an output scale with which the outputs neither vanish nor all saturate."""
    size = np.asarray(kernel.values).size / max(len(np.atleast_1d(kernel.scale)), 1)
    typical = float(source.scale) * max(np.atleast_1d(kernel.scale)) * math.sqrt(size) * 20
    return float(np.float32(typical * math.exp(draw(st.floats(-3, 3)))))


def out_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    extent = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - extent) // stride + 1


@st.composite
def windows(draw: Draw, dilations: bool = True) -> dict[str, Any]:
    """Draw image, window, strides, dilations and padding that leave an output."""
    window: dict[str, Any] = {"padding": draw(st.sampled_from([SAME, VALID]))}
    for axis in "HW":
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 3)) if dilations else 1
        least = (kernel - 1) * dilation + 1 if window["padding"] == VALID else 1
        size = draw(st.integers(least, least + 6))
        out = out_size(size, kernel, stride, dilation, window["padding"])
        window[axis] = (size, kernel, stride, dilation, out)
    return window


def steps(window: dict[str, Any]) -> dict[str, int]:
    return {"padding": window["padding"], "strideH": window["H"][2], "strideW": window["W"][2]}


def dilated(window: dict[str, Any]) -> dict[str, int]:
    return {"dilationHFactor": window["H"][3], "dilationWFactor": window["W"][3]}


BIAS_CODES = {"int32": 2, "int64": 4}


@st.composite
def conv_2d(draw: Draw, dtype: str = "int8") -> Case:
    window = draw(windows())
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, outputs = draw(st.integers(1, 5)), groups * draw(st.integers(1, 4))
    batch = draw(st.integers(1, 2))
    source = tensor(draw, (batch, window["H"][0], window["W"][0], groups * channels), dtype)
    shape = (outputs, window["H"][1], window["W"][1], channels)
    kernel = weights(draw, shape, 0, draw(st.booleans()))
    kind = "int32" if dtype == "int8" else draw(st.sampled_from(["int32", "int64"]))
    output = tensor(
        draw,
        (batch, window["H"][4], window["W"][4], outputs),
        dtype,
        output_scale(draw, source, kernel) / (1 if dtype == "int8" else 100),
    )
    options = {
        "kind": "Conv2DOptions",
        **steps(window),
        **dilated(window),
        "fusedActivationFunction": activation(draw),
        "quantizedBiasType": BIAS_CODES[kind] if dtype == "int16" else 0,
    }
    # Without one TensorFlow Lite Micro alone computes.
    added = bias(draw, outputs, kind) if draw(st.integers(0, 4)) else None
    if added is None:
        options["quantizedBiasType"] = draw(st.sampled_from([0, 2, 4]))
    return case("CONV_2D", [source, kernel, added], output, options, draw)


@st.composite
def depthwise_conv_2d(draw: Draw, dtype: str = "int8") -> Case:
    window = draw(windows())
    channels, multiplier = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    outputs = channels * multiplier
    source = tensor(draw, (1, window["H"][0], window["W"][0], channels), dtype)
    shape = (1, window["H"][1], window["W"][1], outputs)
    kernel = weights(draw, shape, 3, draw(st.booleans()))
    output = tensor(
        draw,
        (1, window["H"][4], window["W"][4], outputs),
        dtype,
        output_scale(draw, source, kernel) / (1 if dtype == "int8" else 100),
    )
    options = {
        "kind": "DepthwiseConv2DOptions",
        **steps(window),
        **dilated(window),
        "fusedActivationFunction": activation(draw),
        "depthMultiplier": multiplier,
    }
    added = bias(draw, outputs, "int32" if dtype == "int8" else "int64")
    return case("DEPTHWISE_CONV_2D", [source, kernel, added], output, options, draw)


@st.composite
def transpose_conv(draw: Draw, dtype: str = "int8") -> Case:
    window = draw(windows(dilations=False))
    # A convolution of the output: its image is what is made here.
    channels, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    output_shape = (1, window["H"][0], window["W"][0], outputs)
    source = tensor(draw, (1, window["H"][4], window["W"][4], channels), dtype)
    shape = (outputs, window["H"][1], window["W"][1], channels)
    kernel = weights(draw, shape, 0, draw(st.booleans()))
    step = output_scale(draw, source, kernel) / (1 if dtype == "int8" else 100)
    output = tensor(draw, output_shape, dtype, step)
    kind = "int32" if dtype == "int8" else "int64"
    options = {
        "kind": "TransposeConvOptions",
        **steps(window),
        "fusedActivationFunction": activation(draw),
        "quantizedBiasType": BIAS_CODES[kind] if dtype == "int16" else 0,
    }
    added = bias(draw, outputs, kind) if draw(st.integers(0, 4)) else None
    if added is None:
        options["quantizedBiasType"] = draw(st.sampled_from([0, 2, 4]))
    inputs = [constant(output_shape), kernel, source, added]
    return case("TRANSPOSE_CONV", inputs, output, options, draw)


@st.composite
def fully_connected(draw: Draw, dtype: str = "int8") -> Case:
    rows, depth, outputs = (draw(st.integers(1, n)) for n in (3, 40, 6))
    source = tensor(draw, (rows, depth), dtype)
    per_channel = draw(st.booleans()) and outputs > 1
    kernel = weights(draw, (outputs, depth), 0, per_channel)
    step = output_scale(draw, source, kernel) / (1 if dtype == "int8" else 100)
    output = tensor(draw, (rows, outputs), dtype, step)
    kind = "int32" if dtype == "int8" else draw(st.sampled_from(["int32", "int64"]))
    added = bias(draw, outputs, kind) if draw(st.booleans()) else None
    if added is not None and not per_channel:
        product = float(np.float32(source.scale) * np.float32(kernel.scale[0]))
        added = constant(added.values, kind, scale=product)
    options = {
        "kind": "FullyConnectedOptions",
        "fusedActivationFunction": draw(st.sampled_from([0, 0, 1, 2, 3])),
        "quantizedBiasType": BIAS_CODES[kind] if dtype == "int16" else 0,
    }
    return case("FULLY_CONNECTED", [source, kernel, added], output, options, draw)


@st.composite
def batch_matmul(draw: Draw, dtype: str = "int8") -> Case:
    rows, depth, columns = (draw(st.integers(1, 6)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    left = [draw(st.sampled_from([n, n, 1])) for n in batch]
    flips = draw(st.booleans()), draw(st.booleans())
    a = tensor(draw, (*left, *((depth, rows) if flips[0] else (rows, depth))), dtype)
    b = tensor(draw, (*batch, *((columns, depth) if flips[1] else (depth, columns))), dtype)
    typical = float(a.scale) * float(b.scale) * math.sqrt(depth) * 50
    step = typical * math.exp(draw(st.floats(-2, 2)))
    output = tensor(draw, (*batch, rows, columns), dtype, step)
    options = {"kind": "BatchMatMulOptions", "adjX": flips[0], "adjY": flips[1]}
    return case("BATCH_MATMUL", [a, b], output, options, draw)


def broadcast_pair(draw: Draw, dtype: str) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Draw two tensors that broadcast, and their common shape."""
    shape = a_shape(draw)
    other = tuple(draw(st.sampled_from([n, n, 1])) for n in shape)
    other = other[draw(st.integers(0, len(other) - 1)) :] if draw(st.booleans()) else other
    a, b = tensor(draw, shape, dtype), tensor(draw, other, dtype)
    return (a, b, shape) if draw(st.booleans()) else (b, a, shape)


def operand(draw: Draw, source: Tensor) -> Tensor:
    """Make some second operands constants."""
    if draw(st.integers(0, 3)):
        return source
    array = values(draw, source.shape, source.dtype)
    return Tensor(source.shape, source.dtype, source.scale, source.zero_point, array)


@st.composite
def shifted_sums(draw: Draw, operator: str) -> Case:
    """Draw int16 with scales that are powers of two, which LiteRT may add by shifting alone."""
    shape = a_shape(draw)
    out = draw(st.integers(-10, -2))
    powers = draw(st.permutations([out, out - draw(st.integers(0, 8))]))
    a, b = (Tensor(shape, "int16", 2.0**power) for power in powers)
    options = {
        "kind": f"{operator.title()}Options",
        "fusedActivationFunction": activation(draw),
        "potScaleInt16": True,
    }
    return case(operator, [a, operand(draw, b)], Tensor(shape, "int16", 2.0**out), options, draw)


@st.composite
def sums(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    a, b, shape = broadcast_pair(draw, dtype)
    step = max(a.scale, b.scale) * math.exp(draw(st.floats(-3, 3)))
    output = tensor(draw, shape, dtype, step)
    options = {
        "kind": f"{operator.title()}Options",
        "fusedActivationFunction": activation(draw),
        "potScaleInt16": False,
    }
    return case(operator, [a, operand(draw, b)], output, options, draw)


@st.composite
def mul(draw: Draw, dtype: str = "int8") -> Case:
    a, b, shape = broadcast_pair(draw, dtype)
    step = a.scale * b.scale * math.exp(draw(st.floats(-1, 6)))
    output = tensor(draw, shape, dtype, step)
    options = {"kind": "MulOptions", "fusedActivationFunction": activation(draw)}
    return case("MUL", [a, operand(draw, b)], output, options, draw)


@st.composite
def maximum_minimum(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    a, b, shape = broadcast_pair(draw, dtype)
    options = {"kind": "MaximumMinimumOptions"}
    return case(operator, [a, operand(draw, b)], like(a, shape), options, draw)


@st.composite
def pool(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    window = draw(windows(dilations=False))
    channels = draw(st.integers(1, 4))
    source = tensor(
        draw, (draw(st.integers(1, 2)), window["H"][0], window["W"][0], channels), dtype
    )
    output = like(source, (source.shape[0], window["H"][4], window["W"][4], channels))
    options = {
        "kind": "Pool2DOptions",
        **steps(window),
        "filterHeight": window["H"][1],
        "filterWidth": window["W"][1],
        "fusedActivationFunction": activation(draw),
    }
    return case(operator, [source], output, options, draw)


@st.composite
def reduction(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    shape = a_shape(draw, 1, 4)
    axes = sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1, max_size=2)))
    keep = draw(st.booleans())
    output_shape = [1 if i in axes else n for i, n in enumerate(shape)]
    if not keep:
        output_shape = [n for i, n in enumerate(shape) if i not in axes]
    source = tensor(draw, shape, dtype)
    factor = 1.0 if draw(st.booleans()) else math.exp(draw(st.floats(-2, 3)))
    output = tensor(draw, output_shape, dtype, source.scale * factor)
    if operator == "REDUCE_MAX":
        output = like(source, output_shape)
    written = [axis - len(shape) if draw(st.booleans()) else axis for axis in axes]
    options = {"kind": "ReducerOptions", "keepDims": keep}
    return case(operator, [source, constant(written)], output, options, draw)


def movable(draw: Draw, shape: Any, dtype: str) -> Tensor:
    """Make the input of an operator that moves elements, of real numbers too."""
    return Tensor(tuple(shape), "float32") if dtype == "float32" else tensor(draw, shape, dtype)


PAD_OPTIONS = {"PAD": "PadOptions", "PADV2": "PadV2Options"}


@st.composite
def pad(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    source = tensor(draw, a_shape(draw), dtype)
    pairs = [[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in source.shape]
    output = like(source, [n + sum(pair) for n, pair in zip(source.shape, pairs, strict=True)])
    inputs = [source, constant(pairs)]
    if operator == "PADV2":
        value = values(draw, (1,), dtype)
        inputs.append(Tensor((1,), dtype, output.scale, output.zero_point, value))
    return case(operator, inputs, output, {"kind": PAD_OPTIONS[operator]}, draw)


@st.composite
def reshape(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw), dtype)
    shape = list(draw(st.permutations(source.shape)))
    requested = list(shape)
    if draw(st.booleans()):
        requested[draw(st.integers(0, len(shape) - 1))] = -1
    options = {"kind": "ReshapeOptions", "newShape": requested}
    return case("RESHAPE", [source, constant(requested)], like(source, shape), options, draw)


@st.composite
def transpose(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw), dtype)
    order = draw(st.permutations(range(len(source.shape))))
    output = like(source, [source.shape[axis] for axis in order])
    return case("TRANSPOSE", [source, constant(order)], output, {"kind": "TransposeOptions"}, draw)


@st.composite
def concatenation(draw: Draw, dtype: str = "int8") -> Case:
    shape = a_shape(draw)
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    first = movable(draw, shape, dtype)
    source = [like(first, [*shape[:axis], n, *shape[axis + 1 :]]) for n in sizes]
    output = like(first, [*shape[:axis], sum(sizes), *shape[axis + 1 :]])
    written = axis - len(shape) if draw(st.booleans()) else axis
    options = {"kind": "ConcatenationOptions", "axis": written}
    return case("CONCATENATION", source, output, options, draw)


@st.composite
def split(draw: Draw, dtype: str = "int8") -> Case:
    shape = list(a_shape(draw))
    axis, parts = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 3))
    size = shape[axis]
    shape[axis] = size * parts
    source = movable(draw, shape, dtype)
    part = [size if i == axis else n for i, n in enumerate(shape)]
    options = {"kind": "SplitOptions", "numSplits": parts}
    where = constant(axis - len(shape) if draw(st.booleans()) else axis)
    return case("SPLIT", [where, source], [like(source, part) for _ in range(parts)], options, draw)


@st.composite
def strided_slice(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw), dtype)
    begin, end, strides, index, shrink = [], [], [], [], 0
    masks = {"beginMask": 0, "endMask": 0}
    for i, n in enumerate(source.shape):
        first = draw(st.integers(0, n - 1))
        if draw(st.integers(0, 4)) == 0:
            begin.append(first - n if draw(st.booleans()) else first)
            end.append(draw(st.integers(-n, n)))
            strides.append(1)
            shrink |= 1 << i
            index.append(first)
            continue
        last = draw(st.integers(first + 1, n))
        if draw(st.integers(0, 3)) == 0:
            begin.append(last - 1)
            end.append(first - 1 if first else -n - 1)
            strides.append(-draw(st.integers(1, 3)))
            index.append(slice(last - 1, first - 1 if first else None, strides[-1]))
            continue
        step = draw(st.integers(1, 3))
        free = draw(st.booleans()), draw(st.booleans())
        masks["beginMask"] |= free[0] << i
        masks["endMask"] |= free[1] << i
        begin.append(first - n if draw(st.booleans()) else first)
        end.append(last + 5 if last == n and draw(st.booleans()) else last)
        strides.append(step)
        index.append(slice(None if free[0] else first, None if free[1] else last, step))
    shape = np.empty(source.shape)[tuple(index)].shape
    options = {"kind": "StridedSliceOptions", **masks, "shrinkAxisMask": shrink}
    inputs = [source, constant(begin), constant(end), constant(strides)]
    return case("STRIDED_SLICE", inputs, like(source, shape), options, draw)


@st.composite
def new_axes(draw: Draw) -> Case:
    """Draw slices with new dimensions, an ellipsis, and ends that count from begin."""
    source = tensor(draw, a_shape(draw, 1, 3))
    offset = draw(st.booleans())
    # Dimensions that an ellipsis stands for; with `offset` LiteRT ends the program.
    hidden = 0 if offset else draw(st.integers(0, len(source.shape)))
    first = draw(st.integers(0, len(source.shape) - hidden))
    entries: list[tuple[int, int, int, Any]] = []
    masks = {"newAxisMask": 0, "ellipsisMask": 0}
    for axis, n in enumerate(source.shape):
        if axis == first and hidden:
            masks["ellipsisMask"] = 1 << len(entries)
            entries.append((0, 0, 1, Ellipsis))
        if draw(st.integers(0, 3)) == 0 and len(source.shape) + len(entries) < 5:
            masks["newAxisMask"] |= 1 << len(entries)
            entries.append((0, 1, 1, None))
        if not first <= axis < first + hidden:
            begin = draw(st.integers(0, n - 1))
            end, stride = draw(st.integers(begin + 1, n)), draw(st.integers(1, 2))
            written = end - begin if offset else end
            entries.append((begin, written, stride, slice(begin, end, stride)))
    begin, end, stride, index = zip(*entries, strict=True)
    shape = np.empty(source.shape)[index].shape
    options = {"kind": "StridedSliceOptions", **masks, "offset": offset}
    inputs = [source, constant(begin), constant(end), constant(stride)]
    return case("STRIDED_SLICE", inputs, like(source, shape), options, draw)


@st.composite
def a_slice(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw), dtype)
    begin = [draw(st.integers(0, n - 1)) for n in source.shape]
    size = [draw(st.integers(1, n - b)) for n, b in zip(source.shape, begin, strict=True)]
    requested = [
        -1 if s == n - b and draw(st.booleans()) else s
        for n, b, s in zip(source.shape, begin, size, strict=True)
    ]
    inputs = [source, constant(begin), constant(requested)]
    return case("SLICE", inputs, like(source, size), {"kind": "SliceOptions"}, draw)


@st.composite
def squeeze(draw: Draw, dtype: str = "int8") -> Case:
    shape = [*a_shape(draw, 1, 2), 1, *a_shape(draw, 1, 2)]
    ones = [i for i, n in enumerate(shape) if n == 1]
    requested = draw(st.sampled_from([[], ones[:1]]))
    removed_axes = requested or ones
    source = movable(draw, shape, dtype)
    output = like(source, [n for i, n in enumerate(shape) if i not in removed_axes])
    options = {"kind": "SqueezeOptions", "squeezeDims": requested}
    return case("SQUEEZE", [source], output, options, draw)


@st.composite
def expand_dims(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw, 1, 3), dtype)
    axis = draw(st.integers(-len(source.shape) - 1, len(source.shape)))
    shape = np.expand_dims(np.empty(source.shape), axis).shape
    inputs = [source, constant([axis])]
    return case("EXPAND_DIMS", inputs, like(source, shape), {"kind": "ExpandDimsOptions"}, draw)


@st.composite
def pack(draw: Draw, dtype: str = "int8") -> Case:
    first = movable(draw, a_shape(draw, 1, 3), dtype)
    count = draw(st.integers(1, 3))
    axis = draw(st.integers(-len(first.shape) - 1, len(first.shape)))
    shape = np.stack([np.empty(first.shape)] * count, axis).shape
    options = {"kind": "PackOptions", "valuesCount": count, "axis": axis}
    source = [like(first, first.shape) for _ in range(count)]
    return case("PACK", source, like(first, shape), options, draw)


@st.composite
def unpack(draw: Draw, dtype: str = "int8") -> Case:
    source = movable(draw, a_shape(draw), dtype)
    axis = draw(st.integers(-len(source.shape), len(source.shape) - 1))
    count = source.shape[axis]
    shape = np.delete(source.shape, axis).tolist()
    options = {"kind": "UnpackOptions", "num": count, "axis": axis}
    return case("UNPACK", [source], [like(source, shape) for _ in range(count)], options, draw)


@st.composite
def a_shape_of(draw: Draw) -> Case:
    source = tensor(draw, a_shape(draw))
    output = Tensor((len(source.shape),), "int32")
    return case("SHAPE", [source], output, {"kind": "ShapeOptions", "outType": 2}, draw)


@st.composite
def softmax(draw: Draw, dtype: str = "int8", wide: bool = False) -> Case:
    source = tensor(draw, (*a_shape(draw, 1, 2), draw(st.integers(1, 30))), dtype)
    output = Tensor(source.shape, "int8", 1 / 256, -128)
    if dtype == "int16":
        output = Tensor(source.shape, "int16", 1 / 32768, 0)
    if wide:
        output = Tensor(source.shape, "int16", 1 / 65536, -32768)
    beta = draw(st.sampled_from([1.0, 0.5, 2.5]))
    return case("SOFTMAX", [source], output, {"kind": "SoftmaxOptions", "beta": beta}, draw)


@st.composite
def squashing(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    shape = (1, 300)
    source = tensor(draw, shape, dtype)
    if dtype == "int16":
        if source.scale > 0.01:
            source = Tensor(shape, "int16", 2.0**-12)
        output = Tensor(shape, "int16", 2.0**-15, 0)
    elif operator == "LOGISTIC":
        output = Tensor(shape, "int8", 1 / 256, -128)
    else:
        output = Tensor(shape, "int8", 1 / 128, 0)
    return case(operator, [source], output, None, draw)


@st.composite
def unary(draw: Draw, operator: str, dtype: str = "int8") -> Case:
    source = tensor(draw, (1, 300), dtype)
    output = tensor(draw, (1, 300), dtype, source.scale * math.exp(draw(st.floats(-3, 3))))
    options = None
    if operator == "LEAKY_RELU":
        alpha = draw(st.sampled_from([0.01, 0.1, 0.3, 1.0, 0.0, -0.5]))
        options = {"kind": "LeakyReluOptions", "alpha": alpha}
    return case(operator, [source], output, options, draw)


@st.composite
def hard_swish(draw: Draw) -> Case:
    source = tensor(draw, (1, 300), "int8", math.exp(draw(st.floats(-6, -1))))
    output = tensor(draw, (1, 300), "int8", source.scale * math.exp(draw(st.floats(-0.6, 2))))
    return case("HARD_SWISH", [source], output, {"kind": "HardSwishOptions"}, draw)


@st.composite
def prelu(draw: Draw) -> Case:
    shape = a_shape(draw, 2, 4)
    source = tensor(draw, shape)
    alpha = tensor(draw, [1] * (len(shape) - 1) + [shape[-1]], "int8", 0.01)
    alpha = operand(draw, Tensor(alpha.shape, "int8", 0.01, 3))
    output = tensor(draw, shape, "int8", source.scale * math.exp(draw(st.floats(-2, 2))))
    return case("PRELU", [source, alpha], output, None, draw)


@st.composite
def quantize(draw: Draw, input_type: str, output_type: str) -> Case:
    shape = (1, 300)
    source = (
        Tensor(shape, "float32") if input_type == "float32" else tensor(draw, shape, input_type)
    )
    step = (
        a_scale(draw)
        if input_type == "float32"
        else source.scale * math.exp(draw(st.floats(-3, 3)))
    )
    if (
        input_type != output_type
        and draw(st.booleans())
        and "float32" not in (input_type, output_type)
    ):
        step = source.scale
    output = tensor(draw, shape, output_type, step)
    return case("QUANTIZE", [source], output, None, draw)


@st.composite
def dequantize(draw: Draw, dtype: str) -> Case:
    source = tensor(draw, (1, 300), dtype)
    return case("DEQUANTIZE", [source], Tensor((1, 300), "float32"), None, draw)


CASES: dict[str, Any] = {
    "CONV_2D": conv_2d(),
    "CONV_2D int16": conv_2d("int16"),
    "DEPTHWISE_CONV_2D": depthwise_conv_2d(),
    "DEPTHWISE_CONV_2D int16": depthwise_conv_2d("int16"),
    "TRANSPOSE_CONV": transpose_conv(),
    "TRANSPOSE_CONV int16": transpose_conv("int16"),
    "FULLY_CONNECTED": fully_connected(),
    "FULLY_CONNECTED int16": fully_connected("int16"),
    "BATCH_MATMUL": batch_matmul(),
    "BATCH_MATMUL int16": batch_matmul("int16"),
    "ADD": sums("ADD"),
    "ADD int16": sums("ADD", "int16"),
    "ADD int16 shifted": shifted_sums("ADD"),
    "SUB": sums("SUB"),
    "SUB int16": sums("SUB", "int16"),
    "SUB int16 shifted": shifted_sums("SUB"),
    "MUL": mul(),
    "MUL int16": mul("int16"),
    "MAXIMUM": maximum_minimum("MAXIMUM"),
    "MAXIMUM int16": maximum_minimum("MAXIMUM", "int16"),
    "MINIMUM": maximum_minimum("MINIMUM"),
    "MINIMUM int16": maximum_minimum("MINIMUM", "int16"),
    "MAX_POOL_2D": pool("MAX_POOL_2D"),
    "MAX_POOL_2D int16": pool("MAX_POOL_2D", "int16"),
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"),
    "AVERAGE_POOL_2D int16": pool("AVERAGE_POOL_2D", "int16"),
    "MEAN": reduction("MEAN"),
    "MEAN int16": reduction("MEAN", "int16"),
    "SUM": reduction("SUM"),
    "SUM int16": reduction("SUM", "int16"),
    "REDUCE_MAX": reduction("REDUCE_MAX"),
    "REDUCE_MAX int16": reduction("REDUCE_MAX", "int16"),
    "PAD": pad("PAD"),
    "PAD int16": pad("PAD", "int16"),
    "PADV2": pad("PADV2"),
    "PADV2 int16": pad("PADV2", "int16"),
    "RESHAPE": reshape(),
    "RESHAPE int16": reshape("int16"),
    "RESHAPE float32": reshape("float32"),
    "TRANSPOSE": transpose(),
    "TRANSPOSE int16": transpose("int16"),
    "TRANSPOSE float32": transpose("float32"),
    "CONCATENATION": concatenation(),
    "CONCATENATION int16": concatenation("int16"),
    "CONCATENATION float32": concatenation("float32"),
    "SPLIT": split(),
    "SPLIT int16": split("int16"),
    "SPLIT float32": split("float32"),
    "STRIDED_SLICE": strided_slice(),
    "STRIDED_SLICE int16": strided_slice("int16"),
    "STRIDED_SLICE float32": strided_slice("float32"),
    "STRIDED_SLICE new axes": new_axes(),
    "SLICE": a_slice(),
    "SLICE int16": a_slice("int16"),
    "SLICE float32": a_slice("float32"),
    "SQUEEZE": squeeze(),
    "SQUEEZE int16": squeeze("int16"),
    "SQUEEZE float32": squeeze("float32"),
    "EXPAND_DIMS": expand_dims(),
    "EXPAND_DIMS int16": expand_dims("int16"),
    "EXPAND_DIMS float32": expand_dims("float32"),
    "PACK": pack(),
    "PACK int16": pack("int16"),
    "PACK float32": pack("float32"),
    "UNPACK": unpack(),
    "UNPACK int16": unpack("int16"),
    "UNPACK float32": unpack("float32"),
    "SHAPE": a_shape_of(),
    "SOFTMAX": softmax(),
    "SOFTMAX int16": softmax("int16"),
    "SOFTMAX int8 int16": softmax(wide=True),
    "LOGISTIC": squashing("LOGISTIC"),
    "LOGISTIC int16": squashing("LOGISTIC", "int16"),
    "TANH": squashing("TANH"),
    "TANH int16": squashing("TANH", "int16"),
    "RELU": unary("RELU"),
    "RELU int16": unary("RELU", "int16"),
    "RELU6": unary("RELU6"),
    "RELU6 int16": unary("RELU6", "int16"),
    "RELU_N1_TO_1": unary("RELU_N1_TO_1"),
    "LEAKY_RELU": unary("LEAKY_RELU"),
    "LEAKY_RELU int16": unary("LEAKY_RELU", "int16"),
    "HARD_SWISH": hard_swish(),
    "PRELU": prelu(),
    "QUANTIZE float32 int8": quantize("float32", "int8"),
    "QUANTIZE float32 uint8": quantize("float32", "uint8"),
    "QUANTIZE float32 int16": quantize("float32", "int16"),
    "QUANTIZE int8 int8": quantize("int8", "int8"),
    "QUANTIZE int8 uint8": quantize("int8", "uint8"),
    "QUANTIZE uint8 int8": quantize("uint8", "int8"),
    "QUANTIZE int16 int8": quantize("int16", "int8"),
    "QUANTIZE int16 int16": quantize("int16", "int16"),
    "QUANTIZE int16 int32": quantize("int16", "int32"),
    "QUANTIZE int32 int8": quantize("int32", "int8"),
    "QUANTIZE int32 int16": quantize("int32", "int16"),
    "QUANTIZE int8 int16": quantize("int8", "int16"),
    "QUANTIZE int8 int32": quantize("int8", "int32"),
    "DEQUANTIZE int8": dequantize("int8"),
    "DEQUANTIZE uint8": dequantize("uint8"),
    "DEQUANTIZE int16": dequantize("int16"),
}


def with_cases(name: str, examples: int, number: int) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that calls a check with random cases of an operator, always the same.

    Without a seed, Hypothesis chooses examples by the source of the check: any edit changes them.

    Args:
        name: Name of the operator in `CASES`.
        examples: Number of cases.
        number: Seed.
    """
    repeated = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    return lambda check: seed(number)(repeated(given(case=CASES[name])(check)))
