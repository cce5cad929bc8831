"""The operators that the engine knows: one line each, and one module.

To add one, write its module in `ops` with `prepare(node) -> Kernel` and add it here, with how many
inputs and outputs it has.
"""

from collections.abc import Callable
from dataclasses import dataclass

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops import (
    add,
    average_pool_2d,
    batch_matmul,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    dequantize,
    expand_dims,
    fully_connected,
    hard_swish,
    leaky_relu,
    logistic,
    max_pool_2d,
    maximum,
    mean,
    minimum,
    mul,
    pack,
    pad,
    padv2,
    prelu,
    quantize,
    reduce_max,
    relu,
    relu6,
    relu_n1_to_1,
    reshape,
    shape,
    slice,
    softmax,
    split,
    squeeze,
    strided_slice,
    sub,
    sum,
    tanh,
    transpose,
    transpose_conv,
)

MANY = 1 << 10


@dataclass(frozen=True)
class Operation:
    """How an operator is made ready.

    Attributes:
        prepare: Makes the kernel.
        least: How many inputs it has at least.
        most: How many at most; 0 for no more than that.
        outputs: How many outputs it has, `MANY` for one or more.
    """

    prepare: Callable[[Node], Kernel]
    least: int = 1
    most: int = 0
    outputs: int = 1

    def kernel(self, node: Node) -> Kernel:
        """Make the kernel of a node.

        Raises:
            ModelFormatError: If it has another number of inputs or outputs, or does not hold what
                the kernels need.
        """
        most = max(self.least, self.most)
        node.require(
            self.least <= len(node.inputs) <= most,
            f"has {len(node.inputs)} inputs; allowed: {self.least} to {most}",
        )
        fewest = 1 if self.outputs == MANY else self.outputs
        node.require(
            fewest <= len(node.outputs) <= self.outputs,
            f"has {len(node.outputs)} outputs; allowed: {fewest} to {self.outputs}",
        )
        return self.prepare(node)


OPERATORS: dict[str, Operation] = {
    "ADD": Operation(add.prepare, 2),
    "AVERAGE_POOL_2D": Operation(average_pool_2d.prepare),
    "BATCH_MATMUL": Operation(batch_matmul.prepare, 2),
    "CONCATENATION": Operation(concatenation.prepare, 1, MANY),
    "CONV_2D": Operation(conv_2d.prepare, 2, 3),
    "DEPTHWISE_CONV_2D": Operation(depthwise_conv_2d.prepare, 2, 3),
    "DEQUANTIZE": Operation(dequantize.prepare),
    "EXPAND_DIMS": Operation(expand_dims.prepare, 2),
    "FULLY_CONNECTED": Operation(fully_connected.prepare, 2, 3),
    "HARD_SWISH": Operation(hard_swish.prepare),
    "LEAKY_RELU": Operation(leaky_relu.prepare),
    "LOGISTIC": Operation(logistic.prepare),
    "MAXIMUM": Operation(maximum.prepare, 2),
    "MAX_POOL_2D": Operation(max_pool_2d.prepare),
    "MEAN": Operation(mean.prepare, 2),
    "MINIMUM": Operation(minimum.prepare, 2),
    "MUL": Operation(mul.prepare, 2),
    "PACK": Operation(pack.prepare, 1, MANY),
    "PAD": Operation(pad.prepare, 2),
    "PADV2": Operation(padv2.prepare, 3),
    "PRELU": Operation(prelu.prepare, 2),
    "QUANTIZE": Operation(quantize.prepare),
    "REDUCE_MAX": Operation(reduce_max.prepare, 2),
    "RELU": Operation(relu.prepare),
    "RELU6": Operation(relu6.prepare),
    "RELU_N1_TO_1": Operation(relu_n1_to_1.prepare),
    "RESHAPE": Operation(reshape.prepare, 1, 2),
    "SHAPE": Operation(shape.prepare),
    "SLICE": Operation(slice.prepare, 3),
    "SOFTMAX": Operation(softmax.prepare),
    "SPLIT": Operation(split.prepare, 2, outputs=MANY),
    "SQUEEZE": Operation(squeeze.prepare),
    "STRIDED_SLICE": Operation(strided_slice.prepare, 4),
    "SUB": Operation(sub.prepare, 2),
    "SUM": Operation(sum.prepare, 2),
    "TANH": Operation(tanh.prepare),
    "TRANSPOSE": Operation(transpose.prepare, 2),
    "TRANSPOSE_CONV": Operation(transpose_conv.prepare, 3, 4),
}
