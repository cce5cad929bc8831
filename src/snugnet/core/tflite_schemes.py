"""The TFLite schemes as data: what each asks of the converter and promises of the file."""

from dataclasses import dataclass
from typing import Literal

Weights = Literal["float32", "float16", "int8", "int8 or float32"]
Activations = Literal["float32", "int8", "int16", "mixed"]


@dataclass(frozen=True)
class Scheme:
    """A named recipe.

    Attributes:
        name: As in configuration, paths and tables.
        weights: Type of the weights of convolutions and dense layers in the file. DRQ leaves
            tensors of fewer than 1,024 values in float32, and `mixed` those of operators that
            compute in float, hence `int8 or float32`.
        activations: Type in which activations are computed; `mixed` where a search decides.
        input_output: Type of the file's input and output tensors.
        calibrated: Whether activation ranges are estimated from the calib split.
    """

    name: str
    weights: Weights
    activations: Activations
    input_output: Literal["float32", "int8", "uint8"]
    calibrated: bool

    @property
    def full_integer(self) -> bool:
        """Whether the file computes in integers throughout."""
        return self.activations in ("int8", "int16")


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("float32", "float32", "float32", "float32", calibrated=False),
        Scheme("drq", "int8 or float32", "float32", "float32", calibrated=False),
        Scheme("fiq_float32", "int8", "int8", "float32", calibrated=True),
        Scheme("fiq_int8", "int8", "int8", "int8", calibrated=True),
        Scheme("fiq_uint8", "int8", "int8", "uint8", calibrated=True),
        Scheme("float16", "float16", "float32", "float32", calibrated=False),
        Scheme("int16x8", "int8", "int16", "float32", calibrated=True),
        Scheme("mixed", "int8 or float32", "mixed", "float32", calibrated=True),
    )
}
FULL_INT8 = tuple(name for name, scheme in SCHEMES.items() if scheme.activations == "int8")
# Schemes of one int8 network that differ in the types of input and output alone. The first is
# converted, the others are derived from its file. The file of `BARE_SCHEME` holds nothing else.
NETWORK_SCHEME = "fiq_float32"
BARE_SCHEME = "fiq_int8"
DERIVED = tuple(name for name in FULL_INT8 if name != NETWORK_SCHEME)
FULL_INTEGER = tuple(name for name, scheme in SCHEMES.items() if scheme.full_integer)
# What one conversion makes; of `mixed` a search makes many.
CONVERTED = tuple(name for name, scheme in SCHEMES.items() if scheme.activations != "mixed")
FIVE = ("float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8")
