"""Entries of `gates:` in a configuration."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Fraction, Names, Settings
from snugnet.core.settings.firmware import MicrocontrollerName

NamesOrAll = Names | None
Percent = Annotated[float, Field(ge=0, le=100)]


class Fits(Settings):
    """Limits of a microcontroller, which one cell of each dataset must fit."""

    target: MicrocontrollerName = Field(description="One of `firmware.targets`.")
    flash: int | str | None = Field(
        None,
        description=(
            "Maximum code and constants: bytes, or an integer with unit B, k, KiB, M or MiB; k and "
            "KiB are 1024 bytes."
        ),
    )
    ram: int | str | None = Field(
        None, description="Maximum arena, variables and stack: as `flash`."
    )
    instructions: int | str | None = Field(
        None,
        description=(
            "Maximum instructions of one inference: a number, or an integer with unit k (1000) or "
            "M (1,000,000)."
        ),
    )
    accuracy_drop: Percent | None = Field(
        None,
        description=(
            "Maximum measured accuracy drop from the float32 cell of the same network, in "
            "percentage points; for tasks with classes."
        ),
    )


class Gate(Settings):
    """Requirements for cells."""

    models: NamesOrAll = Field(
        None, description="Models, with all their seeds; null for all of the study."
    )
    variants: NamesOrAll = Field(None, description="Variants; null for all of the study.")
    schemes: NamesOrAll = Field(None, description="Schemes; null for all of the study.")
    runtimes: NamesOrAll = Field(None, description="Runtimes; null for all of the study.")
    max_drop: Percent | None = Field(
        None,
        description=(
            "Maximum accuracy drop from the float32 cell of the same network, in percentage "
            "points; for all schemes but float32."
        ),
    )
    confidence: Literal["possible", "certain"] = Field(
        "possible",
        description=(
            "When a cell fails max_drop. possible: if a larger drop cannot be ruled out (part of "
            "the interval is beyond max_drop). certain: only if the whole interval is beyond it. "
            "statistics.confidence sets the level of the interval."
        ),
    )
    min_accuracy: Percent | None = Field(None, description="Minimum measured accuracy, in percent.")
    max_mae: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description=(
            "Maximum measured mean absolute error, in the units of the targets; for regression and "
            "reconstruction."
        ),
    )
    max_size: int | str | None = Field(
        None,
        description=(
            "Maximum size of the .tflite file or the Akida program: bytes, or an integer with unit "
            "B, KiB or MiB."
        ),
    )
    max_arena: int | str | None = Field(
        None,
        description=(
            "Maximum size of the TensorFlow Lite Micro tensor arena: bytes, or an integer with "
            "unit B, KiB or MiB; for full-integer schemes."
        ),
    )
    max_latency_us: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description=(
            "Maximum median latency in microseconds, on the machine that runs the study; for "
            "TFLite schemes."
        ),
    )
    exact: bool = Field(
        False,
        description=(
            "Require bit-exactness: with LiteRT's reference kernels and TensorFlow Lite Micro for "
            "full-integer schemes; of the simulator with quantized Keras for Akida schemes."
        ),
    )
    hardware: bool = Field(
        False,
        description=(
            "Require that all layers run in the hardware of the device; for Akida schemes."
        ),
    )
    fits: Fits | None = Field(
        None,
        description=(
            "Require that at least one cell of each dataset fits a microcontroller. All other "
            "requirements are for each cell."
        ),
    )


class MeasurableFits(Fits):
    """Limits of a microcontroller in the units of the results."""

    flash: int | None = Field(None, description="Maximum code and constants in bytes.")
    ram: int | None = Field(None, description="Maximum arena, variables and stack in bytes.")
    instructions: int | None = Field(None, description="Maximum instructions of one inference.")


class MeasurableGate(Gate):
    """Requirements in the units of the results."""

    max_size: int | None = Field(None, description="Maximum size of the file in bytes.")
    max_arena: int | None = Field(None, description="Maximum size of the tensor arena in bytes.")
    fits: MeasurableFits | None = Field(None, description="Limits of a microcontroller.")
    interval: Fraction = Field(description="Confidence level of intervals.")
