"""SUM: the sum over some dimensions."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.mean import ratio, reduction, summing


def prepare(node: Node) -> Kernel:
    """Prepare a sum.

    Real meaning: out = sum of in over the given dimensions.

    The int32 sum, less the zero point as often as there are elements, is rounded twice.
    Saturation: at the limits of the type. int32 sums wrap.
    `litert_ref`: the reference kernel of ai-edge-litert 2.3.0 reads and writes the bytes of int8 as
    if they were uint8 (its own optimized one does not), and is reproduced with that; of int16 it
    reads only some bytes, so this is refused.

    Kernel: `reference_ops::QuantizedMeanOrSum`.

    Args:
        node: Inputs: int8, in `tflm` also int16, of any shape; dimensions (int32).
    """
    node.require_types(node.input(0), *(("int8", "int16") if node.tflm else ("int8",)))
    axes, count = reduction(node)
    return summing(node, axes, count, *ratio(node), read_as=None if node.tflm else "uint8")
