"""Format the commented YAML configuration that `snugnet init` writes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snugnet.core.inputs import InputPort

if TYPE_CHECKING:
    from snugnet.core.settings.datasets.windows import WindowsDataset

# A study contains the variants that its model allows.
VARIANTS = ("original", "original_qat", "pruned", "pruned_qat")
# Comments after the keys of a dataset.
NOTES = {
    "scaling": " # none, standardize, minmax, per_sample, or uint8 (required for Akida)",
    "layout": " # order of a sample's axes: time_channel, channel_time or image",
    "shape": " # input shape of the model",
    "val": " # share of groups or samples; an array `split` in the data defines a fixed split",
    "test": " # or test on every group in turn: `folds: leave_one_group_out`, or a number of folds",
}
TEXT = """\
# {data}: samples have shape {inputs}; classes {classes}.
# Run it with:
#   {command}
# {base}
results_dir: results/{name}
datasets_dir: {folder}

study:
  - models: [{name}]
    variants: [{variants}]{unfit}
    # schemes: [float32, drq, fiq_float32, fiq_int8, fiq_uint8, int16x8, float16]
    # seeds: [1, 2, 3] # Train each model once per seed.

datasets:
  {name}:
    kind: windows
    {dataset}

models:
  {name}:
    {model}
    dataset: {name}
    training: # `original_qat` and `pruned` train for fewer epochs
      epochs: 15
      # class_weights: true # Use this if some classes are rare.
    # variants:
    #   pruned: {{target: 0.5, keep: []}} # share of parameters to remove; layers to keep

# analyses:
#   sensitivity: {{models: [{name}]}} # accuracy lost by quantizing each layer alone
# gates:
#   - {{schemes: [fiq_int8], max_drop: 1.0, confidence: certain}}
#   - {{schemes: [fiq_int8], max_size: 64 KiB}}
"""


# Keys of a dataset in the file, in this order.
KEYS = (
    "path",
    "task",
    "scores",
    "arrays",
    "classes",
    "sample_shape",
    "scaling",
    "layout",
    "shape",
    "val",
    "test",
)


@dataclass(frozen=True)
class StudyDescription:
    """Parts of a study with one model and one dataset.

    Attributes:
        name: Name of the model and the dataset.
        command: The command that runs the study.
        base: A comment about the base configuration.
        model: The file of a trained model; None for a network that the study trains.
        data: The file of the data.
        settings: The settings of the dataset.
        inputs: The inputs of the model, with the shape of a sample of each.
        classes: Names of the classes.
    """

    name: str
    command: str
    base: str
    model: Path | None
    data: Path
    settings: "WindowsDataset"
    inputs: Sequence[InputPort]
    classes: Sequence[str]


def format_study(study: StudyDescription, unfit: Mapping[str, str]) -> str:
    """Format the configuration of a study.

    Args:
        study: The parts of the study.
        unfit: Reason for each variant that is left out.
    """
    return TEXT.format(
        data=_format_yaml(str(study.data)),
        command=study.command,
        base=study.base,
        name=study.name,
        folder=_format_yaml(str(study.data.parent)),
        inputs=describe_sample(study.inputs),
        classes=_format_yaml(list(study.classes)),
        variants=", ".join(variant for variant in VARIANTS if variant not in unfit),
        unfit="".join(
            f"\n    # {variant} is left out: {_format_yaml(reason)}"
            for variant, reason in unfit.items()
        ),
        dataset="\n    ".join(_list_dataset_lines(study)),
        model=_format_model(study),
    )


def _list_dataset_lines(study: StudyDescription) -> list[str]:
    """List the lines of the dataset's settings."""
    settings = study.settings
    values = {**settings.to_json(), "arrays": settings.arrays.to_plain()}
    if settings.scores == "probabilities":  # the default
        del values["scores"]
    # A model that is already trained cannot be trained once for each fold.
    notes = {key: note for key, note in NOTES.items() if key != "test" or study.model is None}
    return [
        f"{key}: {_format_yaml(values[key])}{notes.get(key, '')}" for key in KEYS if values.get(key)
    ]


def _format_model(study: StudyDescription) -> str:
    """Format the line of the model's file, or of the architecture that the study trains."""
    if study.model is not None:
        return (
            f"file: {_format_yaml(str(study.model))} # variant `original` is this model, unchanged"
        )
    network = "cnn" if study.settings.layout == "image" else "smartwatch"
    return f"architecture: {network} # small network; the configuration reference lists others"


def describe_sample(inputs: Sequence[InputPort]) -> str:
    """Describe the shape of a sample, or of each of its inputs, for people."""
    texts = [" x ".join(map(str, port.shape)) for port in inputs]
    if len(inputs) == 1:
        return texts[0]
    return ", ".join(f"{port.name} {text}" for port, text in zip(inputs, texts, strict=True))


def _format_yaml(value: Any) -> str:
    """Format a value as YAML on one line."""
    import yaml

    # A list in brackets, because YAML ends a single scalar with a line of dots.
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf, sort_keys=False)[1:-2]
