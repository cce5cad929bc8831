"""The Akida schemes, and the devices of each Akida generation."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AkidaScheme:
    """A quantization scheme of BrainChip's toolchain.

    The weights of the first layer have 8 bits in all schemes.

    Attributes:
        name: Name in the configuration, in paths and in tables.
        version: Generation of the chip.
        weight_bits: Number of bits of the weights of all layers except the first.
        activation_bits: Number of bits of the outputs of ReLUs.
    """

    name: str
    version: Literal["v1", "v2"]
    weight_bits: int
    activation_bits: int


AKIDA_SCHEMES = {
    scheme.name: scheme
    for scheme in (
        AkidaScheme("akida_v1_w4a4", "v1", 4, 4),
        AkidaScheme("akida_v2_w8a8", "v2", 8, 8),
        AkidaScheme("akida_v2_w4a4", "v2", 4, 4),
    )
}
# Runtimes that compute predictions: the quantized Keras model, and the simulator of the converted
# model.
AKIDA_RUNTIMES = ("keras", "akida")
# Virtual devices on which a model is mapped; those of `v2` from the smallest to the largest.
DEVICES = {
    "v1": ("AKD1500", "AKD1000"),
    "v2": ("TwoNodesIPv2", "FourNodesIPv2", "SixNodesIPv2", "TwelveNodesIPv2"),
}
