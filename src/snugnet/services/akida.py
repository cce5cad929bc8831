"""Check and convert Keras models for BrainChip's Akida."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.config.messages import unknown
from snugnet.core.akida_schemes import AKIDA_SCHEMES, DEVICES
from snugnet.core.budget import DEFAULT_BUDGET, Budget, as_budget
from snugnet.core.errors import InputError
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError, check_scheme_name, check_type
from snugnet.services.float_model import open_keras
from snugnet.services.output_files import save_file
from snugnet.services.result_table import html_table, text_table

if TYPE_CHECKING:
    from snugnet.akida.preflight_report import Obstacle


@dataclass(frozen=True)
class AkidaCheck:
    """Result of checking a model for one scheme and device.

    Attributes:
        scheme: Name of the scheme.
        device: Name of the device.
        obstacles: The layers that do not run; empty if the model fits.
    """

    scheme: str
    device: str
    obstacles: tuple["Obstacle", ...]

    @property
    def fits(self) -> bool:
        """Whether the whole model runs on the device."""
        return not self.obstacles

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "fits": self.fits,
            "scheme": self.scheme,
            "device": self.device,
            "obstacles": [asdict(obstacle) for obstacle in self.obstacles],
        }


@dataclass(frozen=True, eq=False)
class AkidaProgram:
    """A model that was converted for Akida.

    In a notebook, it is shown as a table.

    Attributes:
        program: The `akida.Model`, not mapped on a device.
        quantized: The quantized Keras model from which the program was converted.
        scheme: Quantization scheme.
        device: Virtual device that the model was converted for.
    """

    program: Any = field(repr=False)
    quantized: Any = field(repr=False)
    scheme: str
    device: str

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Compute integer potentials with Akida's simulator.

        Args:
            x: Samples, (n, height, width, channels), in the units that the model was trained on.

        Returns:
            Potentials, int32 (n, classes). The class with the largest potential is the prediction.

        Raises:
            InputError: If the shape of x is not the input shape of the program.
        """
        from snugnet.akida.simulate import simulate_potentials

        return simulate_potentials(self.program, np.asarray(x))

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the program.

        Args:
            path: Path that ends in .fbz.
            overwrite: Whether to replace an existing file.

        Returns:
            The path.

        Raises:
            InputError: If the path does not end in .fbz, or if the file exists and `overwrite` is
                False.
            OSError: If the file cannot be written.
        """
        return save_file(path, ".fbz", overwrite, lambda partial: self.program.save(str(partial)))

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        layers = ", ".join(layer.name for layer in self.program.layers)
        return {"scheme": self.scheme, "device": self.device, "layers": layers}

    def to_json(self) -> dict[str, Any]:
        """Return scheme, device and names of the layers as a mapping that JSON can represent."""
        layers = [str(layer.name) for layer in self.program.layers]
        return {"scheme": self.scheme, "device": self.device, "layers": layers}

    def __repr__(self) -> str:
        return text_table("AkidaProgram", self.summary())

    def _repr_html_(self) -> str:
        return html_table("Akida program", self.summary())


def check(
    model: Any,
    schemes: list[str],
    device: str | None = None,
    budget: Budget = DEFAULT_BUDGET,
) -> list[AkidaCheck]:
    """Check a model against Akida schemes with the vendor's tools; weights do not matter.

    Args:
        model: A tf_keras model, or the path of a model file.
        schemes: Names of the schemes.
        device: Name of the device; None for the largest one of each scheme.
        budget: Limits on the work and memory for the file, and for the random samples that are
            computed.

    Raises:
        InputError: If the model is not supported, or a scheme does not have the device.
        BudgetError: If the model needs more work or memory than the budget allows.
        OSError: If the file cannot be read.
    """
    devices = [_device(scheme, device) for scheme in schemes]
    from snugnet.akida.preflight import SAMPLES, preflight
    from snugnet.models.cost import check_cost
    from snugnet.models.loading import keras2

    keras2.configure(seed=0, threads=1)
    keras = open_keras(model, budget=budget).model
    check_cost(keras, budget, SAMPLES)
    checks = []
    for scheme, name in zip(schemes, devices, strict=True):
        obstacles = preflight(keras, AKIDA_SCHEMES[scheme], name)
        checks.append(AkidaCheck(scheme, name, tuple(obstacles)))
    return checks


def to_akida(
    model: Any,
    scheme: str = "akida_v2_w8a8",
    calibration: np.ndarray | None = None,
    device: str | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> AkidaProgram:
    """Quantize a trained model for BrainChip's Akida, and convert it.

    Args:
        model: A tf_keras model, or the path of a .h5 or .keras file or a SavedModel folder.
        scheme: Quantization scheme: `akida_v1_w4a4`, `akida_v2_w8a8` or `akida_v2_w4a4`.
        calibration: Calibration samples, (n, height, width, channels), in the units that the model
            was trained on. Required. Take them from the train split. All samples are used.
        device: Virtual device: `AKD1500` or `AKD1000` for `akida_v1`; `TwoNodesIPv2`,
            `FourNodesIPv2`, `SixNodesIPv2` or `TwelveNodesIPv2` for `akida_v2`. None: the largest
            device of the scheme.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        The program, with a simulator to compute predictions.

    Raises:
        InputError: If the model or an argument is not supported.
        NotAkidaError: If the model does not fit Akida; the message names the layer.
        OSError: If a file cannot be read.
    """
    check_scheme_name(scheme, "akida_v2_w8a8")
    check_type("device", device, str | None, "the name of a device")
    name = _device(scheme, device)
    if calibration is None:
        raise InputError("calibration is missing. Give calibration=x, an array of train samples.")
    from snugnet.akida.convert import convert
    from snugnet.akida.quantize import quantize
    from snugnet.models.loading.keras_files import list_model_inputs

    keras = open_keras(model, budget=as_budget(budget)).model
    x = user_data.from_arrays(calibration, inputs=list_model_inputs(keras)).x
    quantized = quantize(keras, AKIDA_SCHEMES[scheme], x)
    return AkidaProgram(convert(quantized, AKIDA_SCHEMES[scheme]), quantized, scheme, name)


def _device(scheme: str, device: str | None) -> str:
    """Return a device of a scheme.

    Raises:
        InputError: If the scheme is unknown, or does not have the device.
    """
    if scheme not in AKIDA_SCHEMES:
        raise InputError(unknown("scheme", scheme, list(AKIDA_SCHEMES)))
    devices = DEVICES[AKIDA_SCHEMES[scheme].version]
    if device is not None and device not in devices:
        known = ", ".join(devices)
        raise ArgumentError(
            "device", device, f"unknown device for scheme {scheme}. Known: {known}."
        )
    return device or devices[-1]
