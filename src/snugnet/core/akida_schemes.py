"""The Akida schemes as data, and the devices of each generation."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AkidaScheme:
    """A named recipe of BrainChip's toolchain; the first layer has weights of 8 bits in each.

    Attributes:
        name: As in configuration, paths and tables.
        version: The generation of the chip.
        weight_bits: Of the weights of all layers but the first.
        activation_bits: Of what ReLUs give.
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
# What computes predictions: the quantized Keras model, and the simulator of the converted one.
AKIDA_RUNTIMES = ("keras", "akida")
# Virtual devices that a model is mapped on, from the smallest where there is an order.
DEVICES = {
    "v1": ("AKD1500", "AKD1000"),
    "v2": ("TwoNodesIPv2", "FourNodesIPv2", "SixNodesIPv2", "TwelveNodesIPv2"),
}
