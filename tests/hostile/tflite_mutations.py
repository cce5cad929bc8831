"""Mutations of .tflite files: of their bytes, and of their tables."""

from pathlib import Path
from random import Random
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.unit.int8.corrupt import damage

NUMBERS = (0, 1, -1, 2, 3, 127, 128, 255, 256, 65536, 1 << 20, 2**31 - 1, -(2**31), 10**9)
REALS = (0.0, -1.0, 1e-45, 1e-38, 3e38, float("nan"), float("inf"), 0.1, 1.0)
NAMES = (b"\x1b[2J\x1b]0;x\x07", b"[bold]x[/bold]", b"", b"x" * 300_000, b"\xff\xfe", b"a/b:0\n")


def mutate(data: bytes, random: Random) -> bytes:
    """Return a changed copy of a file."""
    if random.random() < 0.35:
        return damage(data, random.randrange(2**31))
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(data), 0))
    builder = flatbuffers.Builder(1024)
    try:
        for _ in range(random.choice((1, 1, 2, 4))):
            random.choice(CHANGES)(model, random)
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # one change removed what another one needs, or a field cannot hold a value
        return damage(data, random.randrange(2**31))
    return bytes(builder.Output())


def _graph(model: Any) -> Any:
    return model.subgraphs[0]


def _change_inputs(model: Any, random: Random) -> None:
    """Change the tensors of an operator."""
    graph = _graph(model)
    operator = random.choice(graph.operators)
    name = random.choice(("inputs", "inputs", "outputs"))
    values = np.asarray(getattr(operator, name)).copy()
    index = random.choice((-1, random.randrange(len(graph.tensors)), len(graph.tensors), 2**30))
    kind = random.randrange(4)
    if kind == 0:
        values = np.append(values, [index] * random.choice((1, 1, 500)))
    elif kind == 1 and len(values):
        values = values[:-1]
    elif len(values):
        values[random.randrange(len(values))] = index
    setattr(operator, name, values.astype(np.int32))


def _change_type(model: Any, random: Random) -> None:
    random.choice(_graph(model).tensors).type = random.randrange(20)


def _change_shape(model: Any, random: Random) -> None:
    tensor = random.choice(_graph(model).tensors)
    shape = np.atleast_1d(np.asarray(tensor.shape if tensor.shape is not None else [], np.int64))
    kind = random.randrange(6)
    if kind == 0:
        shape = np.append(shape, random.choice((*NUMBERS, 1)))
    elif kind == 1:
        shape = shape[1:]
    elif kind == 2 and len(shape):
        shape[random.randrange(len(shape))] = random.choice(NUMBERS)
    elif kind == 3:
        shape = np.ones(random.choice((9, 40, 400_000)), np.int64)
    elif kind == 4:
        shape = shape[::-1]
    else:  # a batch, in all tensors that have one
        batch = random.choice((2, 7, 1000, 10**6))
        for other in _graph(model).tensors:
            values = np.atleast_1d(np.asarray(other.shape if other.shape is not None else []))
            if len(values) > 1 and values[0] == 1:
                other.shape = np.append(batch, values[1:]).astype(np.int32)
        return
    tensor.shape = shape.astype(np.int32)


def _change_buffer(model: Any, random: Random) -> None:
    """Let a tensor use another constant, or change the length of one."""
    tensor = random.choice(_graph(model).tensors)
    if random.random() < 0.5:
        tensor.buffer = random.choice((0, random.randrange(len(model.buffers)), 10**6))
        return
    buffer = model.buffers[tensor.buffer]
    data = np.zeros(0, np.uint8) if buffer.data is None else np.asarray(buffer.data, np.uint8)
    choices = (data[:-1], data[:0], np.append(data, data), 255 - data, np.zeros(10**5, np.uint8))
    buffer.data = random.choice(choices)


def _change_quantization(model: Any, random: Random) -> None:
    tensor = random.choice(_graph(model).tensors)
    if tensor.quantization is None or random.random() < 0.1:
        tensor.quantization = random.choice((None, schema.QuantizationParametersT()))
        if tensor.quantization is None:
            return
    quantization = tensor.quantization
    kind = random.randrange(5)
    count = random.choice((0, 1, 1, 2, 4, 1000))
    if kind == 0:
        quantization.scale = np.full(count, random.choice(REALS), np.float32)
    elif kind == 1:
        quantization.zeroPoint = np.full(count, random.choice((*NUMBERS, 2**62)), np.int64)
    elif kind == 2:
        quantization.quantizedDimension = random.choice(NUMBERS)
    elif kind == 3 and quantization.scale is not None:
        quantization.scale = np.asarray(quantization.scale) * np.float32(random.choice(REALS))
    else:
        quantization.scale = quantization.zeroPoint = None


def _change_operator(model: Any, random: Random) -> None:
    """Turn an operator into another one."""
    code = random.choice(model.operatorCodes)
    code.builtinCode = random.randrange(-1, 210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    if random.random() < 0.3:
        code.version = random.choice((0, 1, 99))
    if random.random() < 0.1:
        code.customCode = random.choice(NAMES)[:1000]


def _change_options(model: Any, random: Random) -> None:
    operator = random.choice(_graph(model).operators)
    options = operator.builtinOptions
    if options is None or random.random() < 0.1:
        operator.builtinOptionsType = random.randrange(127)
        return
    name = random.choice(list(vars(options)) or [""])
    if not name:
        return
    value = getattr(options, name)
    if isinstance(value, bool):
        setattr(options, name, not value)
    elif isinstance(value, float):
        setattr(options, name, random.choice(REALS))
    elif isinstance(value, int):
        setattr(options, name, random.choice(NUMBERS))
    else:
        setattr(options, name, np.array(random.choices(NUMBERS, k=3)).astype(np.int32))


def _change_ends(model: Any, random: Random) -> None:
    """Change inputs and outputs of the model."""
    graph = _graph(model)
    name = random.choice(("inputs", "outputs"))
    index = random.choice((-1, random.randrange(len(graph.tensors)), 10**6))
    values = list(np.asarray(getattr(graph, name)))
    setattr(graph, name, random.choice(([], [index], [*values, index], values * 2, values * 300)))


def _rename(model: Any, random: Random) -> None:
    for tensor in random.sample(_graph(model).tensors, random.choice((1, 1, 3))):
        tensor.name = random.choice(NAMES)


def _repeat(model: Any, random: Random) -> None:
    """Repeat operators, tensors or subgraphs."""
    graph = _graph(model)
    kind = random.randrange(5)
    if kind == 0:
        graph.operators = graph.operators * random.choice((2, 50))
    elif kind == 1:
        random.shuffle(graph.operators)
    elif kind == 2:
        model.subgraphs = model.subgraphs * 2
    elif kind == 3:
        graph.tensors = graph.tensors * random.choice((2, 100))
    else:
        model.subgraphs = []


def _change_rest(model: Any, random: Random) -> None:
    kind = random.randrange(6)
    if kind == 0:
        model.version = random.choice(NUMBERS) & 0xFFFFFFFF
    elif kind == 1:
        model.description = random.choice(NAMES)
    elif kind == 2:
        random.choice(_graph(model).tensors).isVariable = True
    elif kind == 3:
        random.choice(_graph(model).tensors).sparsity = schema.SparsityParametersT()
    elif kind == 4:
        random.choice(_graph(model).operators).opcodeIndex = random.choice((0, 1, 10**6))
    else:
        buffer = random.choice(model.buffers)
        buffer.offset, buffer.size = random.choice(((1, 10), (100, 100), (2**40, 2**40)))


CHANGES = (
    *(_change_inputs, _change_type, _change_shape, _change_shape, _change_shape, _change_buffer),
    *(_change_quantization, _change_quantization, _change_operator, _change_options),
    *(_change_options, _change_ends, _rename, _repeat, _change_rest),
)


def write_mutation(path: Path, random: Random) -> None:
    """Change a file in place."""
    path.write_bytes(mutate(path.read_bytes(), random))
