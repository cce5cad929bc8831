"""What a conversion leaves behind: a program for the chip, or why there is none."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.akida.convert import convert, describe_layers
from snugnet.akida.mapping import map_on_device
from snugnet.akida.preflight import explain_refusal
from snugnet.akida.quantize import get_input_range, get_potential_scale
from snugnet.akida.rewrite import get_head_activation
from snugnet.core.akida_schemes import DEVICES, AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.core.files import atomic_write, write_json
from snugnet.models.loading.keras2 import tf_keras

PROGRAM = "model.fbz"
PACKAGES = ("akida", "cnn2snn", "quantizeml", "tensorflow")
SPARSITY_SAMPLES = 100


def write_program(
    quantized: tf_keras.Model,
    scheme: AkidaScheme,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
    samples: np.ndarray,
    files: Mapping[str, str],
) -> None:
    """Convert a quantized model, map it on every device of its generation, and record it all.

    Args:
        quantized: As `quantize` gives it.
        scheme: What it was quantized for.
        settings: The scheme's block: `device`.
        about: What the record says besides, as `about` gives it.
        samples: Train samples on which the zeros of activations are counted.
        files: Paths of `quantized`, `conversion` and the folder `program`.

    Raises:
        NotAkidaError: If cnn2snn refuses the model.
    """
    program = convert(quantized, scheme)
    folder = Path(files["program"])
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / PROGRAM) as path:
        program.save(str(path))
    devices = {name: map_on_device(folder / PROGRAM, name) for name in DEVICES[scheme.version]}
    holding = [name for name, found in devices.items() if found["hardware"]]
    with atomic_write(files["quantized"]) as path:
        quantized.save(path, include_optimizer=False, save_format="h5")
    digest = hashlib.sha256((folder / PROGRAM).read_bytes()).hexdigest()
    scale = get_potential_scale(quantized)
    record = {
        "status": "ok",
        "reason": None,
        "layer": None,
        "scheme": scheme.name,
        "device": settings["device"],
        "devices": devices,
        # Neither chip of the first generation holds all that the other does.
        "smallest_device": holding[0] if holding else None,
        "layers": describe_layers(program, samples[:SPARSITY_SAMPLES].astype(np.float32)),
        "input_range": get_input_range(quantized),
        "potential_scale": scale.tolist(),
        "sha256": digest,
        "versions": {name: version(name) for name in PACKAGES},
        **about,
    }
    write_json(files["conversion"], record)
    # Beside the program, so that it can be deployed without this folder.
    write_json(folder / "deployment.json", {k: record[k] for k in DEPLOYED})


DEPLOYED = (
    "scheme",
    "head",
    "input",
    "input_range",
    "class_names",
    "potential_scale",
    "sha256",
    "versions",
)


def write_refusal(
    model: tf_keras.Model,
    scheme: AkidaScheme,
    settings: Mapping[str, Any],
    error: NotAkidaError,
    files: Mapping[str, str],
) -> None:
    """Record why a model cannot become a program; the program's folder stays empty.

    Args:
        model: The float model.
        scheme: What it was to become.
        settings: The scheme's block: `device`.
        error: What the vendor's tools said.
        files: As for `write_program`.
    """
    *ours, said = explain_refusal(model, scheme, settings["device"], " ".join(str(error).split()))
    # Where our rules know what is wrong, they say it better.
    reasons = ours or [said]
    Path(files["program"]).mkdir(parents=True, exist_ok=True)
    Path(files["quantized"]).write_bytes(b"")
    write_json(
        files["conversion"],
        {
            "status": "incompatible",
            "layer": reasons[0].layer,
            "reason": "; ".join(f"{obstacle.layer}: {obstacle.rule}" for obstacle in reasons),
            "obstacles": [asdict(obstacle) for obstacle in (*ours, said)],
            "scheme": scheme.name,
            "device": settings["device"],
            "versions": {name: version(name) for name in PACKAGES},
        },
    )


def describe_deployment(
    model: tf_keras.Model,
    record: Mapping[str, Any],
    class_names: tuple[str, ...],
    trained: bool,
) -> dict[str, Any]:
    """Collect what a deployed program needs to know: its ends, and the classes.

    Args:
        model: The float model.
        record: What was recorded of its dataset.
        class_names: In the order of the outputs.
        trained: Whether it is trained on with its quantizers.

    Returns:
        Ready for JSON: `head`, `input` (shape, scaling, and how many values of each split lie
        beyond train's range), `class_names` and `trained`.
    """
    outside = {name: split["outside_range"] for name, split in record["splits"].items()}
    return {
        "head": get_head_activation(model),
        "input": {
            "shape": list(model.input_shape[1:]),
            **record["scaling"],
            "outside_range": outside,
        },
        "class_names": list(class_names),
        "trained": trained,
    }
