"""Checks of what a user's .tflite file takes to run, before this process runs it."""

from pathlib import Path

import numpy as np

from snugnet.core.budget import Budget, BudgetError, format_bytes
from snugnet.core.errors import InputError
from snugnet.core.inputs import join_inputs, list_graph_inputs
from snugnet.core.isolation import compute_in_child
from snugnet.core.sandbox import Rights
from snugnet.core.tflite_graph import Graph
from snugnet.int8.cost import check_cost
from snugnet.tflite.runtimes.custom_operators import refuse_tensorflow_operators
from snugnet.tflite.safe_operators import check_operators

# Start of the messages about failures of LiteRT itself.
CANNOT = "LiteRT cannot"


def check_resources(
    path: Path,
    graph: Graph,
    samples: int,
    budget: Budget,
    name: str | None = None,
    is_converted: bool = False,
) -> None:
    """Check that LiteRT can run a file of a user within a budget.

    The shapes in a file may be wrong, so LiteRT also runs it once in a child process, with zeros.
    Sizes must therefore not depend on the values of the samples. Only common operators are run.

    Args:
        path: The .tflite file.
        graph: Its graph.
        samples: Number of samples that are drawn or run at once.
        budget: Limits on work and memory.
        name: Name of the model, for messages; None for the path.
        is_converted: Whether TensorFlow's converter made the file in this process.

    Raises:
        BudgetError: If it needs more work, time or memory than the budget allows.
        InputError: If LiteRT cannot run it or crashes, or TensorFlow would run operators of it.
    """
    name = name or str(path)
    # Refused here, with advice, and not as rare operators.
    refuse_tensorflow_operators(path.read_bytes(), name)
    check_cost(graph, samples, budget, name)
    check_operators(graph, name, is_converted)

    from snugnet.tflite.runtimes.litert import BATCH_SIZE, check_shapes, predict

    def run() -> None:
        if not is_converted:
            check_shapes(path, graph)
        zeros = {
            port.name: np.zeros((BATCH_SIZE, *port.shape), np.float32)
            for port in list_graph_inputs(graph)
        }
        predict(path, join_inputs(zeros))

    try:
        what = f"{name}: running it with LiteRT"
        compute_in_child(run, budget, what, Rights(readable=(path,)))
    except BudgetError:
        raise
    except InputError as error:
        if CANNOT not in str(error):
            raise
        # LiteRT does not say that it needs more memory.
        limit = format_bytes(budget.bytes_held)
        reason = str(error).rstrip(".")
        raise InputError(
            f"{reason}. It was run with at most {limit} of memory (--budget)"
        ) from None
