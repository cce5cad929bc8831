"""Scheme of a model file, and the check that a file is full-integer."""

from snugnet.core.errors import InputError
from snugnet.core.text import format_count
from snugnet.core.tflite_graph import Graph
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES

# Schemes by the types that they allow. A file without weights keeps the promises of `float32` and,
# if it computes in integers, those of `fiq_float32`.
STRICT_FIRST = (*FULL_INTEGER, "float32", "float16", "mixed", "drq")


def find_scheme(graph: Graph) -> str | None:
    """Find the strictest scheme whose promises a file keeps; None if it keeps none."""
    from snugnet.tflite.contract import check_contract

    if not graph.inputs or len(graph.outputs) != 1:
        return None
    kept = (name for name in STRICT_FIRST if check_contract(graph, SCHEMES[name]).is_kept)
    return next(kept, None)


def check_full_integer(graph: Graph, name: str, command: str, scheme: str | None = None) -> None:
    """Check that a file computes in integers alone.

    Operators that the integer engine does not support are not checked.

    Args:
        graph: Graph of the file.
        name: Path or name of the file, for messages.
        command: Name of the function that needs a full-integer file.
        scheme: Scheme of the file; None to find it.

    Raises:
        InputError: If the file is of another scheme, or computes tensors in float32.
    """
    from snugnet.tflite.layers import list_float_tensors, list_operators

    floats = list_float_tensors(graph)
    if not floats:
        return
    scheme = scheme or find_scheme(graph)
    reason = f"scheme {scheme}"
    if scheme is None:
        total = format_count(len(list_operators(graph)), "operator")
        reason = f"{len(floats)} of {total} compute in float32, first {floats[0]}"
    raise InputError(
        f"{name} is not a full-integer file ({reason}). {command} needs fiq_* or int16x8; use "
        "benchmark for other files."
    )
