"""Before anything is trained: does a network fit the chip, and if not, what must change?"""

import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.akida.convert import convert
from snugnet.akida.mapping import map_on_device
from snugnet.akida.obstacles import Obstacle, find_obstacles
from snugnet.akida.quantize import quantize
from snugnet.akida.rewrite import prepare_model
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.models.loading.keras2 import tf_keras

SAMPLES = 16


def preflight(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> list[Obstacle]:
    """List what keeps a network from being converted, and from running on the chip alone.

    The vendor's own tools, run on untrained weights, decide whether there is anything.

    Args:
        model: With weights or without: they do not matter.
        scheme: What it is to become.
        device: Where it is to run.

    Returns:
        Nothing if it fits.
    """
    said = find_refusal(model, scheme, device)
    return [] if said is None else explain_refusal(model, scheme, device, said)


def explain_refusal(
    model: tf_keras.Model, scheme: AkidaScheme, device: str, said: str
) -> list[Obstacle]:
    """List all that our rules know to stand in the way, and last what the vendor's tools said.

    Args:
        model: What they refused.
        scheme: What it was to become.
        device: Where it was to run.
        said: Their message.
    """
    try:
        found = find_obstacles(prepare_model(model), scheme, device)
    except NotAkidaError:
        found = []  # of no form that the rules could read
    small = "Not enough hardware" in said or "more than" in said
    fix = (
        "make the layer smaller, or use another device"
        if small
        else "see BrainChip's documentation"
    )
    return [*found, Obstacle(_named(model, said), said, fix)]


def find_refusal(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> str | None:
    """Ask the vendor's tools, with fresh weights and random samples.

    Args:
        model: Its architecture alone matters.
        scheme: What it is to become.
        device: Where it is to run.

    Returns:
        Their first message, in one line; None if the network fits.
    """
    try:
        fresh = prepare_model(tf_keras.models.clone_model(model))
        shape = (SAMPLES, *fresh.input_shape[1:])
        samples = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        program = convert(quantize(fresh, scheme, samples), scheme)
    except NotAkidaError as error:
        return " ".join(str(error).split())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.fbz"
        program.save(str(path))
        found = map_on_device(path, device)
    return None if found["hardware"] else str(found["reason"])


def _named(model: tf_keras.Model, said: str) -> str:
    """Find the layer that a message names; if there is none, it is about the model."""
    words = set(re.findall(r"\w+", said))
    name: str = next((layer.name for layer in model.layers if layer.name in words), model.name)
    return name


def build_report(found: list[Obstacle], scheme: AkidaScheme, device: str) -> dict[str, Any]:
    """Put the findings of `preflight` in a form ready for JSON."""
    return {
        "fits": not found,
        "scheme": scheme.name,
        "device": device,
        "obstacles": [asdict(obstacle) for obstacle in found],
    }
