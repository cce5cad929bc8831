"""Output files of a conversion: an Akida program, or a record of why there is none."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.akida.convert import convert, list_program_layers
from snugnet.akida.mapping import map_on_device
from snugnet.akida.preflight import explain_refusal
from snugnet.akida.quantize import get_input_range, get_potential_scale
from snugnet.akida.rewrite import get_head_activation
from snugnet.core.akida_program import PROGRAM_FILE
from snugnet.core.akida_schemes import DEVICES, AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.core.files import atomic_write, write_json
from snugnet.core.samples import Samples
from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
from snugnet.datasets.record import DatasetRecord
from snugnet.models.loading.keras2 import tf_keras

PACKAGES = ("akida", "cnn2snn", "quantizeml", "tensorflow")
SPARSITY_SAMPLES = 100
# Keys of the conversion record that `deployment.json` repeats.
DEPLOYMENT_KEYS = (
    "scheme",
    "head",
    "input",
    "input_range",
    "class_names",
    "potential_scale",
    "sha256",
    "versions",
)

History = list[dict[str, float]]
# Quantizes a model with calibration samples, or with None for the random samples of quantizeml.
# Returns the quantized model and the history of its training, which is empty without training.
Quantize = Callable[[np.ndarray | None], tuple[tf_keras.Model, History]]


@dataclass(frozen=True)
class Deployment:
    """Input, last activation and classes of a program: entries of its conversion record.

    Attributes:
        head: Name of the last activation, such as `softmax`, `sigmoid` or `linear`.
        input_shape: Shape of a sample.
        scaling: Kind and parameters of the scaling of samples, as in the record of the dataset.
        outside_range: Number of values of each split beyond the range of train.
        class_names: Class names in the order of the outputs.
        is_trained: Whether the model was fine-tuned with its quantizers (QAT).
    """

    head: str
    input_shape: tuple[int, ...]
    scaling: Mapping[str, Any]
    outside_range: Mapping[str, int]
    class_names: tuple[str, ...]
    is_trained: bool

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "head": self.head,
            "input": {
                "shape": list(self.input_shape),
                **self.scaling,
                "outside_range": dict(self.outside_range),
            },
            "class_names": list(self.class_names),
            "trained": self.is_trained,
        }


def make_program(
    model: tf_keras.Model,
    quantize: Quantize,
    scheme: AkidaScheme,
    settings: AkidaSchemeSettings,
    calib: Samples,
    record: DatasetRecord,
    files: Mapping[str, str],
    *,
    trained: bool = False,
) -> History:
    """Quantize a model, convert it and write its program, or record why that is not possible.

    Args:
        model: The float model.
        quantize: Function that quantizes the model.
        scheme: Scheme to quantize with.
        settings: Settings of the scheme.
        calib: The calib split.
        record: Record of the dataset.
        files: Paths, as for `write_program`.
        trained: Whether `quantize` trains the model with its quantizers (QAT).

    Returns:
        The history of training; empty without training, or if there is no program.
    """
    samples = calib.x[: settings.calibration_samples] if settings.calibrated else None
    deployment = describe_deployment(model, record, calib.class_names, trained)
    try:
        quantized, history = quantize(samples)
        write_program(quantized, scheme, settings.device, deployment, calib.x, files)
    except NotAkidaError as error:
        print(error)
        write_refusal(model, scheme, settings.device, error, files)
        return []
    return history


def write_program(
    quantized: tf_keras.Model,
    scheme: AkidaScheme,
    device: str,
    deployment: Deployment,
    samples: np.ndarray,
    files: Mapping[str, str],
) -> None:
    """Convert a quantized model, map it on every device of its generation, and write the record.

    Args:
        quantized: Model from `quantize`.
        scheme: Scheme that the model was quantized with.
        device: Name of the target device.
        deployment: Description of the program for its deployment.
        samples: Train samples for measuring activation sparsity, (n, ...).
        files: Paths of the files `quantized` and `conversion`, and of the folder `program`.

    Raises:
        NotAkidaError: If cnn2snn rejects the model.
    """
    program = convert(quantized, scheme)
    folder = Path(files["program"])
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / PROGRAM_FILE) as path:
        program.save(str(path))
    mappings = {
        name: map_on_device(folder / PROGRAM_FILE, name) for name in DEVICES[scheme.version]
    }
    suitable_devices = [name for name, mapping in mappings.items() if mapping.hardware]
    with atomic_write(files["quantized"]) as path:
        quantized.save(path, include_optimizer=False, save_format="h5")
    digest = hashlib.sha256((folder / PROGRAM_FILE).read_bytes()).hexdigest()
    scale = get_potential_scale(quantized)
    layers = list_program_layers(program, samples[:SPARSITY_SAMPLES].astype(np.float32))
    record = {
        "status": "ok",
        "reason": None,
        "layer": None,
        "scheme": scheme.name,
        "device": device,
        "devices": {name: mapping.to_json() for name, mapping in mappings.items()},
        # For Akida 1, neither chip holds every model that the other holds.
        "smallest_device": suitable_devices[0] if suitable_devices else None,
        "layers": [asdict(layer) for layer in layers],
        "input_range": get_input_range(quantized),
        "potential_scale": scale.tolist(),
        "sha256": digest,
        "versions": {name: version(name) for name in PACKAGES},
        **deployment.to_json(),
    }
    write_json(files["conversion"], record)
    # Next to the program, so that the program's folder is enough for deployment.
    write_json(folder / "deployment.json", {key: record[key] for key in DEPLOYMENT_KEYS})


def write_refusal(
    model: tf_keras.Model,
    scheme: AkidaScheme,
    device: str,
    error: NotAkidaError,
    files: Mapping[str, str],
) -> None:
    """Record why a model cannot be converted; the program's folder stays empty.

    Args:
        model: The float model.
        scheme: Scheme to quantize with.
        device: Name of the target device.
        error: Error of the vendor's tools.
        files: Paths, as for `write_program`.
    """
    message = " ".join(str(error).split())
    obstacles = explain_refusal(model, scheme, device, message)
    # The last obstacle is the vendor's message. Those of Snugnet's rules are clearer.
    reasons = obstacles[:-1] or obstacles
    Path(files["program"]).mkdir(parents=True, exist_ok=True)
    Path(files["quantized"]).write_bytes(b"")
    write_json(
        files["conversion"],
        {
            "status": "incompatible",
            "layer": reasons[0].layer,
            "reason": "; ".join(f"{obstacle.layer}: {obstacle.rule}" for obstacle in reasons),
            "obstacles": [asdict(obstacle) for obstacle in obstacles],
            "scheme": scheme.name,
            "device": device,
            "versions": {name: version(name) for name in PACKAGES},
        },
    )


def describe_deployment(
    model: tf_keras.Model,
    record: DatasetRecord,
    class_names: tuple[str, ...],
    trained: bool,
) -> Deployment:
    """Describe the input, the last activation and the classes of a program for its deployment.

    Args:
        model: The float model.
        record: Record of the dataset.
        class_names: Class names in the order of the outputs.
        trained: Whether the model was fine-tuned with its quantizers (QAT).
    """
    return Deployment(
        head=get_head_activation(model),
        input_shape=tuple(model.input_shape[1:]),
        scaling=record.scaling,
        outside_range={name: split.outside_range for name, split in record.splits.items()},
        class_names=class_names,
        is_trained=trained,
    )
