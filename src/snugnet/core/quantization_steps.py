"""The ladder from float32 to full-integer files, a rung for each thing that quantization changes.

Each rung is a scheme that differs from the one below in one respect, so that a model's whole loss
falls into what weights, activations, and integer inputs and outputs cost.
"""

from typing import NamedTuple


class Rung(NamedTuple):
    """A step of the ladder: the scheme below, and what is quantized in addition."""

    below: str
    quantized: str


# Of files quantized after training: those of a model with quantizers do not come from one model.
RUNGS = {
    "drq": Rung("float32", "weights"),
    "fiq_float32": Rung("drq", "activations"),
    "fiq_int8": Rung("fiq_float32", "input and output"),
    "fiq_uint8": Rung("fiq_float32", "input and output"),
}
