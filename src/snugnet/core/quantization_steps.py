"""The quantization steps from a float32 file to a full-integer file.

Each step leads from one scheme to the next, which differs from it in one respect. The steps divide
the total loss of accuracy into the cost of quantized weights, of quantized activations, and of
integer inputs and outputs.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """A quantization step.

    Attributes:
        previous: Scheme before the step.
        quantized: Part of the model that the step quantizes.
    """

    previous: str
    quantized: str


# Steps by the scheme that they lead to. They apply to PTQ only: the float32 file of a variant with
# quantizers contains no quantizers, so it does not compute the network of the integer files.
STEPS = {
    "drq": Step("float32", "weights"),
    "fiq_float32": Step("drq", "activations"),
    "fiq_int8": Step("fiq_float32", "input and output"),
    "fiq_uint8": Step("fiq_float32", "input and output"),
}
