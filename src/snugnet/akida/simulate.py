"""Akida's simulator as a runtime: integer potentials of a program."""

import hashlib
from pathlib import Path

import akida
import numpy as np

from snugnet.akida.inputs import check_shape
from snugnet.core.errors import InputError
from snugnet.core.progress import progress

BATCH = 256


def load_program(path: str | Path, sha256: str) -> akida.Model:
    """Load an Akida program.

    Args:
        path: The .fbz file.
        sha256: SHA-256 sum from the record of the conversion. A truncated file crashes akida
            2.19.3, so only the recorded file is loaded.

    Returns:
        The Akida model, not mapped on a device.

    Raises:
        InputError: If the file does not exist, its SHA-256 sum differs from the recorded one, or a
            newer version of akida wrote it.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such program; see conversion.json in the same folder")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if digest != sha256:
        raise InputError(
            f"{path}: damaged: SHA-256 sum {digest}, recorded {sha256}; delete the file and "
            "convert again"
        )
    try:
        return akida.Model(str(path))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: akida {akida.__version__} cannot read the file: {error}"
        ) from None


def simulate_potentials(model: akida.Model, x: np.ndarray) -> np.ndarray:
    """Compute the integer potentials of a program: outputs before the last activation, with bias.

    Args:
        model: Model that is not mapped on a device: virtual devices cannot compute.
        x: Inputs, (n, height, width, channels), scaled like the training data.

    Returns:
        Potentials, int32 (n, k).

    Raises:
        InputError: If the shape of x differs from the model's input shape.
    """
    check_shape(x, model.input_shape)
    # An Akida 2 model ends with a layer that converts its potentials to real numbers.
    is_v2 = model.layers[-1].parameters.layer_type == akida.LayerType.Dequantizer
    core = akida.Model(layers=model.layers[:-1]) if is_v2 else model
    # Akida 1 does not add the bias to its sums; it stores the bias as a threshold.
    threshold = 0 if is_v2 else model.layers[-1].variables["threshold"]
    parts = []
    with progress(len(x), "simulating") as meter:
        for start in range(0, len(x), BATCH):
            batch = x[start : start + BATCH].astype(np.float32)
            sums = core.forward(batch).reshape(len(batch), -1)
            parts.append(sums.astype(np.int64) - threshold)
            meter.update(len(batch))
    return np.concatenate(parts).astype(np.int32)
