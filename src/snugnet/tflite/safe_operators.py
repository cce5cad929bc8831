"""Operators of .tflite files that LiteRT may run, although a stranger made the file.

LiteRT checks much of a file, but not all: kernels of rare operators trust their options, and some
write past the end of a tensor. So only operators that converters produce for common layers are run,
and what gives a tensor its shape must be constant and plausible.
"""

import math
from collections.abc import Callable

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.tflite_graph import Graph, Operator, Tensor

# Operators without an input that decides on shapes or places.
PLAIN = frozenset(
    (
        "ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS "
        "DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EQUAL EXP FLOOR FULLY_CONNECTED "
        "GATHER GELU GREATER GREATER_EQUAL HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS "
        "LESS_EQUAL LOG LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAX_POOL_2D "
        "MAXIMUM MINIMUM MUL NEG NOT_EQUAL PACK POW PRELU QUANTIZE RANK RELU RELU6 "
        "RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SELECT SELECT_V2 SHAPE SIGN SIN SOFTMAX "
        "SPACE_TO_DEPTH SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE SUB TANH "
        "UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK ZEROS_LIKE"
    ).split()
)
# Positions of the inputs that decide on shapes or places. They may not depend on the samples.
STRUCTURAL: dict[str, tuple[int, ...]] = {
    "ARG_MAX": (1,),
    "ARG_MIN": (1,),
    "BATCH_TO_SPACE_ND": (1, 2),
    "BROADCAST_TO": (1,),
    "CUMSUM": (1,),
    "EXPAND_DIMS": (1,),
    "FILL": (0,),
    "MEAN": (1,),
    "MIRROR_PAD": (1,),
    "ONE_HOT": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RANGE": (0, 1, 2),
    "REDUCE_ALL": (1,),
    "REDUCE_ANY": (1,),
    "REDUCE_MAX": (1,),
    "REDUCE_MIN": (1,),
    "REDUCE_PROD": (1,),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "REVERSE_V2": (1,),
    "SLICE": (1, 2),
    "SPACE_TO_BATCH_ND": (1, 2),
    "SPLIT": (0,),
    "SPLIT_V": (1, 2),
    "STRIDED_SLICE": (1, 2, 3),
    "SUM": (1,),
    "TILE": (1,),
    "TRANSPOSE": (1,),
    "TRANSPOSE_CONV": (0,),
}
# Operators whose output depends on the shape of the input only.
SHAPE_OPERATORS = ("RANK", "SHAPE", "ZEROS_LIKE")
# Operators whose output may have another type than their input; LiteRT checks these types itself.
FREE_TYPES = frozenset(
    (
        "ARG_MAX ARG_MIN CAST DEQUANTIZE EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND "
        "LOGICAL_NOT LOGICAL_OR NOT_EQUAL ONE_HOT QUANTIZE RANGE RANK SHAPE"
    ).split()
)
# Positions of the inputs that have the type of the output, if it is not the first.
DATA_POSITIONS = {"FILL": 1, "SELECT": 1, "SELECT_V2": 1, "SPLIT": 1, "TRANSPOSE_CONV": 2}
# Ranges of options; an option that is not listed decides on no shape and no place.
SIZES = (
    *("strideH", "strideW", "filterHeight", "filterWidth", "blockSize"),
    *("dilationHFactor", "dilationWFactor"),
)
MAX_SIZE = 1 << 16
MAX_RANK = 8
INTEGERS = ("int4", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def check_operators(graph: Graph, name: str, is_converted: bool = False) -> None:
    """Check that LiteRT runs a file of a stranger without reading or writing at wrong places.

    Args:
        graph: Graph of the file.
        name: Name of the file, for messages.
        is_converted: Whether TensorFlow's converter made the file in this process. Its operators
            and options are right then, but sizes may still depend on the samples.

    Raises:
        InputError: If an operator is unknown, or if its options or its constants are implausible.
    """
    if not is_converted:
        _check_order(graph, name)
    varying = set(graph.inputs)
    for position, operator in enumerate(graph.operators):
        where = f"{name}: operator {position} {operator.name}"
        if not is_converted:
            _check_operator(graph, operator, where)
        structural = {_input(operator, i) for i in STRUCTURAL.get(operator.name, ())} - {-1}
        if varying & structural:
            raise InputError(
                f"{where}: the size of its output, or the place of its input, depends on the "
                "values of the samples, which is not supported"
            )
        if operator.name not in SHAPE_OPERATORS and varying & set(operator.inputs):
            varying |= set(operator.outputs)


def _check_operator(graph: Graph, operator: Operator, where: str) -> None:
    """Check that an operator is a common one, and that its options are plausible."""
    if operator.name not in PLAIN and operator.name not in STRUCTURAL:
        raise InputError(
            f"{where} is not among the operators that Snugnet runs, because files can make rare "
            "operators damage memory. `snugnet inspect` shows the file."
        )
    if problem := _find_problem(graph, operator) or _find_wrong_type(graph, operator):
        raise InputError(f"{where} {problem}; the file is damaged")


def _check_order(graph: Graph, name: str) -> None:
    """Check that each tensor is written once, and before it is read.

    A tensor that is read earlier has the values of the sample before, which no trial sees.
    """
    known = {tensor.index for tensor in graph.tensors if tensor.values is not None}
    known |= {tensor.index for tensor in graph.tensors if tensor.variable} | set(graph.inputs)
    for position, operator in enumerate(graph.operators):
        where = f"{name}: operator {position} {operator.name}"
        missing = [i for i in operator.inputs if i >= 0 and i not in known and _has_bytes(graph, i)]
        if missing:
            raise InputError(f"{where} reads tensor {missing[0]} before it is written")
        if written := known & set(operator.outputs):
            raise InputError(f"{where} writes tensor {min(written)}, which has its values already")
        known |= set(operator.outputs)


def _has_bytes(graph: Graph, index: int) -> bool:
    """Return whether a tensor has elements; an empty constant has no values in a file."""
    return 0 not in graph.tensors[index].shape


def _find_wrong_type(graph: Graph, operator: Operator) -> str | None:
    """Return which output has another type than the input that it is computed from, if any."""
    if operator.name in FREE_TYPES:
        return None
    source = _tensor(graph, operator, DATA_POSITIONS.get(operator.name, 0))
    for index in operator.outputs:
        dtype = graph.tensors[index].dtype
        if source is None or dtype == source.dtype:
            continue
        if (operator.name, source.dtype, dtype) != ("SOFTMAX", "int8", "int16"):
            return f"computes {dtype} from {source.dtype}"
    return None


def _find_problem(graph: Graph, operator: Operator) -> str | None:
    """Return what is implausible about the options of an operator; None if nothing is."""
    options = operator.options
    for key in SIZES:
        if key in options and not 1 <= options[key] <= MAX_SIZE:
            return f"has {key} {options[key]}"
    for key in ("axis", "batchDims", "seqDim", "batchDim"):
        if key in options and not -MAX_RANK <= options[key] <= MAX_RANK:
            return f"has {key} {options[key]}"
    counts = {"numSplits": operator.outputs, "valuesCount": operator.inputs}
    if operator.name == "UNPACK":
        counts["num"] = operator.outputs
    for key, tensors in counts.items():
        if key in options and options[key] != len(tensors):
            return f"has {key} {options[key]}, but {len(tensors)} tensors"
    check = CHECKS.get(operator.name)
    return None if check is None else check(graph, operator)


def _check_permutation(graph: Graph, operator: Operator) -> str | None:
    perm, source = _constant(graph, operator, 1), _tensor(graph, operator, 0)
    if perm is None or source is None:
        return "has no constant permutation"
    axes = sorted(int(axis) % max(len(source.shape), 1) for axis in perm.ravel())
    return None if axes == list(range(len(source.shape))) else "has a wrong permutation"


def _check_slice(graph: Graph, operator: Operator) -> str | None:
    """Check that each index that is taken out of an axis is inside of it."""
    mask = int(operator.options.get("shrinkAxisMask", 0))
    source = _tensor(graph, operator, 0)
    if operator.options.get("offset"):
        return "takes a size instead of an end"
    if not mask or source is None:
        return None
    begin = _constant(graph, operator, 1)
    if begin is None:
        return None if _is_shape_vector(graph, operator) else "takes an index that is not constant"
    for axis, index in enumerate(begin.ravel().tolist()):
        size = source.shape[axis] if axis < len(source.shape) else 0
        if mask >> axis & 1 and not -size <= index < size:
            return f"takes index {index} of an axis of {size}"
    return None


def _check_range(graph: Graph, operator: Operator) -> str | None:
    """Check that a constant slice is inside of its input; TensorFlow Lite Micro trusts it."""
    source = _tensor(graph, operator, 0)
    begin, size = (_constant(graph, operator, position) for position in (1, 2))
    if source is None or begin is None or size is None:
        return "has no constant range"
    pairs = list(zip(begin.ravel().tolist(), size.ravel().tolist(), strict=False))
    is_inside = len(pairs) == len(source.shape) and all(
        first >= 0 and count >= -1 and first + max(count, 0) <= length
        for (first, count), length in zip(pairs, source.shape, strict=True)
    )
    return None if is_inside else "takes a range outside of its input"


def _is_shape_vector(graph: Graph, operator: Operator) -> bool:
    """Return whether an operator slices the result of SHAPE."""
    producers = {index: other.name for other in graph.operators for index in other.outputs}
    return producers.get(_input(operator, 0)) in SHAPE_OPERATORS


def _check_states(graph: Graph, operator: Operator) -> str | None:
    """Check the types of an LSTM: kernels of one type write states of fixed types."""
    source = _tensor(graph, operator, 0)
    states = [_tensor(graph, operator, position) for position in (18, 19)]
    expected = {"float32": ("float32", "float32"), "int8": ("int8", "int16")}
    types = tuple(state.dtype for state in states if state is not None)
    if source is None or types != expected.get(source.dtype):
        return "has states of wrong types"
    return None


def _check_channels(graph: Graph, operator: Operator) -> str | None:
    """Check that weights have their scales along the output channels, as kernels read them."""
    weights = _tensor(graph, operator, 1)
    axis = 3 if operator.name == "DEPTHWISE_CONV_2D" else 0
    if weights is not None and len(weights.scales) > 1 and weights.axis != axis:
        return f"has scales along axis {weights.axis} of its weights"
    return None


def _check_scales(graph: Graph, operator: Operator) -> str | None:
    """Check that what is quantized or dequantized has one scale: LiteRT changes the batch."""
    for position in (operator.inputs[:1], operator.outputs[:1]):
        if any(
            len(graph.tensors[i].scales) > 1 and graph.tensors[i].values is None for i in position
        ):
            return "has several scales"
    return None


def _check_division(graph: Graph, operator: Operator) -> str | None:
    """Integers cannot be divided by 0, and the processor stops the program."""
    source = _tensor(graph, operator, 0)
    return "divides integers" if source is not None and source.dtype in INTEGERS else None


def _check_block(graph: Graph, operator: Operator) -> str | None:
    values = [_constant(graph, operator, position) for position in (1, 2)]
    if any(value is None for value in values):
        return "has a block or paddings that are not constant"
    plain = [value for value in values if value is not None]
    is_plausible = (plain[0] >= 1).all() and all(
        ((value >= 0) & (value <= MAX_SIZE)).all() for value in plain
    )
    return None if is_plausible else "has an implausible block or padding"


def _check_paddings(graph: Graph, operator: Operator) -> str | None:
    widths = _constant(graph, operator, 1)
    is_plausible = widths is None or bool(((widths >= 0) & (widths <= 1 << 30)).all())
    return None if is_plausible else "has a negative or implausible padding"


def _check_size(graph: Graph, operator: Operator) -> str | None:
    """Check that a constant size has no implausible numbers; -1 is a size to be computed."""
    size = _constant(graph, operator, 0 if operator.name in ("FILL", "TRANSPOSE_CONV") else 1)
    if size is None or size.dtype.kind not in "iu":
        return None
    positive = [int(number) for number in size.ravel().tolist() if number != -1]
    is_plausible = all(0 <= number < 1 << 31 for number in positive)
    return None if is_plausible and math.prod(positive) < 1 << 40 else "has an implausible size"


CHECKS: dict[str, Callable[[Graph, Operator], str | None]] = {
    "BATCH_TO_SPACE_ND": _check_block,
    "BROADCAST_TO": _check_size,
    "CONV_2D": _check_channels,
    "DEPTHWISE_CONV_2D": _check_channels,
    "DEQUANTIZE": _check_scales,
    "DIV": _check_division,
    "FILL": _check_size,
    "FULLY_CONNECTED": _check_channels,
    "MIRROR_PAD": _check_paddings,
    "PAD": _check_paddings,
    "PADV2": _check_paddings,
    "QUANTIZE": _check_scales,
    "RESHAPE": _check_size,
    "RESIZE_BILINEAR": _check_size,
    "RESIZE_NEAREST_NEIGHBOR": _check_size,
    "SLICE": _check_range,
    "SPACE_TO_BATCH_ND": _check_block,
    "STRIDED_SLICE": _check_slice,
    "TILE": _check_size,
    "TRANSPOSE": _check_permutation,
    "TRANSPOSE_CONV": _check_size,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _check_states,
}


def _input(operator: Operator, position: int) -> int:
    """Return the index of an input; -1 if there is none."""
    return operator.inputs[position] if position < len(operator.inputs) else -1


def _tensor(graph: Graph, operator: Operator, position: int) -> Tensor | None:
    index = _input(operator, position)
    return None if index < 0 else graph.tensors[index]


def _constant(graph: Graph, operator: Operator, position: int) -> np.ndarray | None:
    tensor = _tensor(graph, operator, position)
    return None if tensor is None else tensor.values
