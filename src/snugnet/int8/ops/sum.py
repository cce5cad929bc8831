"""SUM: the sum over some dimensions."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.mean import check_reduction, make_sum_kernel, rescale_multiplier


def prepare(node: Node) -> Kernel:
    """Prepare a sum.

    Real meaning: out = sum of in over the given dimensions.

    The zero point times the number of elements is subtracted from the int32 sum, which is then
    rounded twice.
    Saturation: at the limits of the type. int32 sums wrap.
    `litert_ref`: the reference kernel of ai-edge-litert 2.3.0 reads and writes the bytes of int8 as
    uint8; its optimized kernel does not. The engine reproduces the reference kernel. For int16, the
    reference kernel reads only some of the bytes, so that int16 is refused.

    Kernel: `reference_ops::QuantizedMeanOrSum`.

    Args:
        node: Inputs: int8, in `tflm` also int16, of any shape; dimensions (int32).
    """
    allowed = ("int8", "int16") if node.is_tflm else ("int8",)
    node.require_types(node.input(0), *allowed)
    axes, count = check_reduction(node)
    q, shift = rescale_multiplier(node)
    bit_type = None if node.is_tflm else "uint8"
    return make_sum_kernel(node, axes, count, q, shift, bit_type)
