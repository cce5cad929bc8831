"""Table of the operators that the engine supports.

Each operator has a module in `ops` with a function `prepare(node)`. It checks the node and
returns its `Kernel`. It raises `ModelFormatError` if the engine or the runtime does not support the
node. To add an operator, write its module and add a line to `OPERATORS`, with the numbers of inputs
and outputs.
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
    unpack,
)

# Limit for operators with any number of inputs or outputs.
MANY = 1 << 10


@dataclass(frozen=True)
class Operation:
    """An operator type.

    Attributes:
        prepare: Checks a node and makes its kernel.
        min_inputs: Minimum number of inputs.
        max_inputs: Maximum number of inputs; 0 if it equals the minimum.
        outputs: Number of outputs; `MANY` for one or more.
    """

    prepare: Callable[[Node], Kernel]
    min_inputs: int = 1
    max_inputs: int = 0
    outputs: int = 1

    def make_kernel(self, node: Node) -> Kernel:
        """Make the kernel of a node.

        Raises:
            ModelFormatError: If the number of inputs or outputs is wrong, or if the engine or the
                runtime does not support the node.
        """
        max_inputs = max(self.min_inputs, self.max_inputs)
        node.require(
            self.min_inputs <= len(node.inputs) <= max_inputs,
            f"has {len(node.inputs)} inputs; allowed: {self.min_inputs} to {max_inputs}",
        )
        min_outputs = 1 if self.outputs == MANY else self.outputs
        node.require(
            min_outputs <= len(node.outputs) <= self.outputs,
            f"has {len(node.outputs)} outputs; allowed: {min_outputs} to {self.outputs}",
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
    "UNPACK": Operation(unpack.prepare, outputs=MANY),
}
