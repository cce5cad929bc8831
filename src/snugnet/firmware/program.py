"""The program of a model: its steps, and where its tensors are in the arena."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from snugnet.core.tflite_graph import Tensor
from snugnet.firmware.lowering.table import lower
from snugnet.firmware.planner import Buffer, plan_memory
from snugnet.firmware.step import CodeStep, PreparedNode
from snugnet.int8.cost import count_bytes
from snugnet.int8.engine import Model

# Bytes after the last tensor that kernels may read, because they read words.
SLACK = 4


@dataclass(frozen=True)
class PlacedStep:
    """A step with the places of its tensors.

    Attributes:
        prepared: The operator.
        step: Its code; None if its output is its input.
        scratch: Offset of its scratch memory in the arena.
    """

    prepared: PreparedNode
    step: CodeStep | None
    scratch: int


@dataclass(frozen=True)
class FirmwareProgram:
    """What generated code does.

    Attributes:
        model: The model.
        steps: The steps, in order of execution.
        offsets: Offset in the arena of each tensor that is no constant, by tensor index.
        constants: Constant tensors that steps read or that are outputs, by tensor index.
        constant_outputs: Indices of the outputs that do not depend on the inputs.
        arena: Size of the arena in bytes.
    """

    model: Model
    steps: tuple[PlacedStep, ...]
    offsets: Mapping[int, int]
    constants: Mapping[int, Tensor]
    constant_outputs: tuple[int, ...]
    arena: int


def make_program(model: Model) -> FirmwareProgram:
    """Generate the steps of a model and place its tensors.

    Args:
        model: The model; its profile decides how the code rounds.

    Raises:
        ModelFormatError: If the code does not support an operator or a shape.
    """
    prepared_nodes: list[PreparedNode] = []
    constants: dict[int, Tensor] = {}
    for node, kernel in model.list_operations():
        if any(tensor.values is None for tensor in node.outputs):
            prepared_nodes.append(PreparedNode(node, kernel))
        tensors = (*node.inputs, *node.outputs)
        constants |= {t.index: t for t in tensors if t is not None and t.values is not None}
    constant_outputs = tuple(i for i in model.graph.outputs if i in constants)
    steps = [lower(prepared) for prepared in prepared_nodes]
    places = _share_places(model, prepared_nodes, steps) | {i: i for i in constant_outputs}
    plan = plan_memory(list(_list_buffers(model, prepared_nodes, steps, places)))
    offsets = {index: plan.offsets[f"tensor {place}"] for index, place in places.items()}
    placed = tuple(
        PlacedStep(prepared, step, plan.offsets.get(f"scratch {i}", 0))
        for i, (prepared, step) in enumerate(zip(prepared_nodes, steps, strict=True))
    )
    return FirmwareProgram(model, placed, offsets, constants, constant_outputs, plan.size + SLACK)


def _share_places(
    model: Model, prepared_nodes: Sequence[PreparedNode], steps: Sequence[CodeStep | None]
) -> dict[int, int]:
    """Return for each tensor the tensor whose place in memory it has.

    An output takes the place of an input if the step may overwrite this input, and no other step
    needs it.
    """
    places = {index: index for index in model.graph.inputs}
    last_uses = _find_last_uses(model, prepared_nodes)
    for i, (prepared, step) in enumerate(zip(prepared_nodes, steps, strict=True)):
        node = prepared.node
        for tensor in node.outputs:
            places[tensor.index] = tensor.index
        for position in (0,) if step is None else step.overwrites:
            tensor = node.input(position)
            if tensor.index not in places:  # a constant
                continue
            place = places[tensor.index]
            users = [index for index, other in places.items() if other == place]
            is_free = all(last_uses.get(index, -1) <= i for index in users)
            if step is None or (is_free and count_bytes(tensor) == count_bytes(node.output)):
                places[node.output.index] = place
                break
    return places


def _find_last_uses(model: Model, prepared_nodes: Sequence[PreparedNode]) -> dict[int, int]:
    """Return the last step that reads each tensor; outputs are needed after the last step."""
    uses = {
        tensor.index: i
        for i, prepared in enumerate(prepared_nodes)
        for tensor in prepared.node.inputs
        if tensor is not None
    }
    return uses | dict.fromkeys(model.graph.outputs, len(prepared_nodes))


def _list_buffers(
    model: Model,
    prepared_nodes: Sequence[PreparedNode],
    steps: Sequence[CodeStep | None],
    places: Mapping[int, int],
) -> Iterator[Buffer]:
    tensors = {tensor.index: tensor for tensor in model.graph.tensors}
    last_uses = _find_last_uses(model, prepared_nodes)
    first = dict.fromkeys(model.graph.outputs, len(prepared_nodes))
    first |= dict.fromkeys(model.graph.inputs, -1)
    for i, prepared in enumerate(prepared_nodes):
        first |= {tensor.index: i for tensor in prepared.node.outputs}
    for place in sorted(set(places.values())):
        users = [index for index, other in places.items() if other == place]
        yield Buffer(
            f"tensor {place}",
            max(count_bytes(tensors[index]) for index in users),
            min(first[index] for index in users),
            max(max(last_uses.get(index, -1), first[index]) for index in users),
        )
    for i, step in enumerate(steps):
        if step is not None and step.scratch:
            yield Buffer(f"scratch {i}", step.scratch, i, i)
