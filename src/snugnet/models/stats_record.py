"""The record of the size of a Keras model, which other modules read without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class LayerStats:
    """Size of a layer with weights.

    Attributes:
        name: Name of the layer.
        class_name: Name of its class.
        shapes: Shapes of its weights.
        parameters: Number of weights.
        nonzero: Number of weights that are not 0.
        macs: Multiply-accumulates of one sample; None if they are not known.
        zeros: Share of zeros in the kernel of a Conv1D, Conv2D or Dense layer, in 0..1; None for
            other layers.
        rank: Rank of that kernel as a matrix inputs x outputs; None as `zeros`.
    """

    name: str
    class_name: str
    shapes: tuple[tuple[int, ...], ...]
    parameters: int
    nonzero: int
    macs: int | None
    zeros: float | None
    rank: int | None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        return cls(
            name=values["name"],
            class_name=values["class"],
            shapes=tuple(tuple(shape) for shape in values["shapes"]),
            parameters=values["parameters"],
            nonzero=values["nonzero"],
            macs=values["macs"],
            zeros=values["zeros"],
            rank=values["rank"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "name": self.name,
            "class": self.class_name,
            "shapes": [list(shape) for shape in self.shapes],
            "parameters": self.parameters,
            "nonzero": self.nonzero,
            "macs": self.macs,
            "zeros": self.zeros,
            "rank": self.rank,
        }


@dataclass(frozen=True)
class ModelStats:
    """Size of a model: the content of stats.json.

    Attributes:
        parameters: Number of weights.
        nonzero: Number of weights that are not 0.
        macs: Multiply-accumulates of one sample; None if a layer's are not known.
        zeros: Share of zeros in the kernels of Conv1D, Conv2D and Dense layers, in 0..1; None if
            there are none.
        layers: The layers with weights.
    """

    parameters: int
    nonzero: int
    macs: int | None
    zeros: float | None
    layers: tuple[LayerStats, ...] = ()

    @property
    def dead_layers(self) -> list[str]:
        """Names of the layers whose kernel is all zero."""
        return [layer.name for layer in self.layers if layer.rank == 0]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        return cls(
            parameters=values["parameters"],
            nonzero=values["nonzero"],
            macs=values["macs"],
            zeros=values["zeros"],
            layers=tuple(LayerStats.from_json(layer) for layer in values["layers"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "parameters": self.parameters,
            "nonzero": self.nonzero,
            "macs": self.macs,
            "zeros": self.zeros,
            "dead_layers": self.dead_layers,
            "layers": [layer.to_json() for layer in self.layers],
        }
