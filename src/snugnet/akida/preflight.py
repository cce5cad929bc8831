"""Preflight check: whether a network fits an Akida chip, before anything is trained."""

import re
import tempfile
from pathlib import Path

import numpy as np

from snugnet.akida.convert import convert
from snugnet.akida.mapping import map_on_device
from snugnet.akida.obstacles import find_obstacles
from snugnet.akida.preflight_report import Obstacle
from snugnet.akida.quantize import quantize
from snugnet.akida.rewrite import prepare_model
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.models.loading.copy_model import copy_architecture
from snugnet.models.loading.keras2 import tf_keras

SAMPLES = 16


def preflight(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> list[Obstacle]:
    """List the obstacles to converting a network and running it on the chip alone.

    The vendor's own tools, run on untrained weights, decide whether the network fits.

    Args:
        model: Model, trained or not; its weights do not matter.
        scheme: Scheme to quantize with.
        device: Name of the device to map on.

    Returns:
        The obstacles; an empty list if the network fits.
    """
    message = find_refusal(model, scheme, device)
    return [] if message is None else explain_refusal(model, scheme, device, message)


def explain_refusal(
    model: tf_keras.Model, scheme: AkidaScheme, device: str, message: str
) -> list[Obstacle]:
    """List the obstacles that Snugnet's rules find, then the message of the vendor's tools.

    Args:
        model: Model that the vendor's tools rejected.
        scheme: Scheme to quantize with.
        device: Name of the device to map on.
        message: Error message of the vendor's tools.

    Returns:
        The obstacles. The last one holds the vendor's message.
    """
    try:
        obstacles = find_obstacles(prepare_model(model), scheme, device)
    except NotAkidaError:
        obstacles = []  # the rules cannot read such a model
    is_too_large = "Not enough hardware" in message or "more than" in message
    fix = (
        "make the layer smaller, or use another device"
        if is_too_large
        else "see BrainChip's documentation"
    )
    return [*obstacles, Obstacle(_find_named_layer(model, message), message, fix)]


def find_refusal(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> str | None:
    """Run the vendor's tools on a network with fresh weights and random samples.

    Args:
        model: Model; only its architecture matters.
        scheme: Scheme to quantize with.
        device: Name of the device to map on.

    Returns:
        The first error message of the tools, in one line; None if the network fits.
    """
    try:
        fresh = prepare_model(copy_architecture(model))
        shape = (SAMPLES, *fresh.input_shape[1:])
        samples = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        program = convert(quantize(fresh, scheme, samples), scheme)
    except NotAkidaError as error:
        return " ".join(str(error).split())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.fbz"
        program.save(str(path))
        mapping = map_on_device(path, device)
    return None if mapping.hardware else mapping.reason


def _find_named_layer(model: tf_keras.Model, message: str) -> str:
    """Find the first layer whose name is in a message; return the model's name if there is none."""
    words = set(re.findall(r"\w+", message))
    name: str = next((layer.name for layer in model.layers if layer.name in words), model.name)
    return name
