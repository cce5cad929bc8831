"""Akida's own simulator: integer potentials of a program."""

import hashlib
from pathlib import Path

import akida
import numpy as np

from snugnet.akida.inputs import check_shape
from snugnet.core.errors import InputError
from snugnet.core.progress import progress

BATCH = 256


def load_program(path: str | Path, sha256: str) -> akida.Model:
    """Read a program.

    Args:
        path: The .fbz file.
        sha256: What its conversion recorded. akida 2.19.3 ends the process that reads a file cut
            short, so nothing else is read.

    Raises:
        InputError: If there is none, it is not the one that was recorded, or it was made by a
            newer akida.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such program; see conversion.json in the same folder")
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != sha256:
        raise InputError(
            f"{path}: damaged: SHA-256 sum {found}, recorded {sha256}; delete the file and convert "
            "again"
        )
    try:
        return akida.Model(str(path))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: akida {akida.__version__} cannot read the file: {error}"
        ) from None


def simulate_potentials(model: akida.Model, x: np.ndarray) -> np.ndarray:
    """Compute potentials before the last activation, bias included, int32 (n, k).

    Args:
        model: Not mapped: virtual devices cannot compute.
        x: Inputs, (n, height, width, channels), in the numbers that the model was trained on.

    Raises:
        InputError: If x has another shape.
    """
    check_shape(x, model.input_shape)
    # The second generation ends with a layer that makes real numbers of its potentials.
    second = model.layers[-1].parameters.layer_type == akida.LayerType.Dequantizer
    core = akida.Model(layers=model.layers[:-1]) if second else model
    # The first one's sums lack the bias, which it keeps as a threshold.
    threshold = 0 if second else model.layers[-1].variables["threshold"]
    parts = []
    with progress(len(x), "simulating") as meter:
        for start in range(0, len(x), BATCH):
            batch = x[start : start + BATCH].astype(np.float32)
            made = core.forward(batch).reshape(len(batch), -1)
            parts.append(made.astype(np.int64) - threshold)
            meter.update(len(batch))
    return np.concatenate(parts).astype(np.int32)
