"""The TFLite schemes: settings of the converter, and the types in the converted file."""

from dataclasses import dataclass
from typing import Literal

Weights = Literal["float32", "float16", "int8", "int8 or float32"]
Activations = Literal["float32", "int8", "int16", "mixed"]


@dataclass(frozen=True)
class Scheme:
    """A quantization scheme.

    Attributes:
        name: Name in the configuration, in paths and in tables.
        weights: Type of the weights of convolutions and dense layers in the file.
            `int8 or float32`: DRQ leaves tensors with fewer than 1,024 values in float32, and
            `mixed` leaves the weights of operators that compute in float32.
        activations: Type in which activations are computed; `mixed` if a search selects it for
            each operator.
        input_output: Type of the input and output tensors of the file.
        calibrated: Whether the converter estimates activation ranges from the calib split.
    """

    name: str
    weights: Weights
    activations: Activations
    input_output: Literal["float32", "int8", "uint8"]
    calibrated: bool

    @property
    def is_full_integer(self) -> bool:
        """Whether all activations are integers."""
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
# The schemes in `FULL_INT8` share one int8 network. They differ only in the types of input and
# output. The converter writes the file of `NETWORK_SCHEME`; the files of `DERIVED_SCHEMES` are
# derived from it. The file of `BARE_SCHEME` contains only the network, without QUANTIZE and
# DEQUANTIZE.
NETWORK_SCHEME = "fiq_float32"
BARE_SCHEME = "fiq_int8"
DERIVED_SCHEMES = tuple(name for name in FULL_INT8 if name != NETWORK_SCHEME)
FULL_INTEGER = tuple(name for name, scheme in SCHEMES.items() if scheme.is_full_integer)
# Schemes whose file comes from one conversion. The search of `mixed` converts many files.
CONVERTED_SCHEMES = tuple(name for name, scheme in SCHEMES.items() if scheme.activations != "mixed")
# The schemes of a study unless the configuration chooses others.
MAIN_SCHEMES = ("float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8")
