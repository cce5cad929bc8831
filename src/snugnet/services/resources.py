"""Checks of what a user's .tflite file takes to run, before this process runs it."""

from pathlib import Path

import numpy as np

from snugnet.core.budget import Budget, BudgetError, format_bytes
from snugnet.core.errors import InputError
from snugnet.core.inputs import join_inputs, list_graph_inputs
from snugnet.core.isolation import try_in_child
from snugnet.core.tflite_graph import Graph, Operator
from snugnet.int8.cost import check_cost

# Positions of the inputs whose values are the size of the output.
SIZE_INPUTS: dict[str, tuple[int, ...]] = {
    "BROADCAST_TO": (1,),
    "FILL": (0,),
    "MIRROR_PAD": (1,),
    "MULTINOMIAL": (1,),
    "ONE_HOT": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RANDOM_STANDARD_NORMAL": (0,),
    "RANDOM_UNIFORM": (0,),
    "RANGE": (0, 1, 2),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SCATTER_ND": (2,),
    "SEGMENT_SUM": (1,),
    "SPARSE_TO_DENSE": (1,),
    "TILE": (1,),
    "TRANSPOSE_CONV": (0,),
    "UNSORTED_SEGMENT_MAX": (2,),
    "UNSORTED_SEGMENT_MIN": (2,),
    "UNSORTED_SEGMENT_PROD": (2,),
    "UNSORTED_SEGMENT_SUM": (2,),
}
# Operators whose output depends on the shape of the input only.
SHAPE_OPERATORS = ("RANK", "SHAPE")


def check_resources(
    path: Path, graph: Graph, samples: int, budget: Budget, name: str | None = None
) -> None:
    """Check that LiteRT can run a file of a user within a budget.

    The shapes in a file may be wrong, so LiteRT also runs it once in a child process, with zeros.
    Sizes must therefore not depend on the values of the samples.

    Args:
        path: The .tflite file.
        graph: Its graph.
        samples: Number of samples that are drawn or run at once.
        budget: Limits on work and memory.
        name: Name of the model, for messages; None for the path.

    Raises:
        BudgetError: If it needs more work, time or memory than the budget allows.
        InputError: If LiteRT cannot run it, or crashes.
    """
    name = name or str(path)
    check_cost(graph, samples, budget, name)
    _check_sizes(name, graph)

    def run() -> None:
        from snugnet.tflite.runtimes.litert import BATCH_SIZE, predict

        zeros = {
            port.name: np.zeros((BATCH_SIZE, *port.shape), np.float32)
            for port in list_graph_inputs(graph)
        }
        predict(path, join_inputs(zeros))

    try:
        try_in_child(run, budget, f"{name}: running it with LiteRT")
    except BudgetError:
        raise
    except InputError as error:
        # LiteRT does not say that it needs more memory.
        limit = format_bytes(budget.bytes_held)
        raise InputError(f"{error}. It was run with at most {limit} of memory (--budget)") from None


def _check_sizes(name: str, graph: Graph) -> None:
    """Check that the size of no tensor depends on the values of the inputs."""
    varying = set(graph.inputs)
    for position, operator in enumerate(graph.operators):
        if operator.name in SHAPE_OPERATORS or not varying & set(operator.inputs):
            continue
        sizes = [
            operator.inputs[i] for i in SIZE_INPUTS.get(operator.name, ()) if _has(operator, i)
        ]
        if varying & set(sizes):
            raise InputError(
                f"{name}: the size of the output of operator {position} {operator.name} depends on "
                "the values of the samples, which is not supported"
            )
        varying |= set(operator.outputs)


def _has(operator: Operator, position: int) -> bool:
    return position < len(operator.inputs)
