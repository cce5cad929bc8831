"""The text of a study that `snugnet init` writes: YAML with comments, for people to go on with."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Of these a study has those that its model allows.
VARIANTS = ("original", "original_qat", "pruned", "pruned_qat")
NOTES = {
    "scaling": " # none: as they are; standardize, minmax, per_sample, uint8 (which Akida takes)",
    "layout": " # which comes first in a sample: time_channel, channel_time; or image",
    "shape": " # what the model takes",
    "val": " # shares of groups, or samples; a fixed split comes as an array `split`",
}
TEXT = """\
# {data}: samples of {shape}; classes {classes}.
#   {command}
# {base}
results_dir: results/{name}
datasets_dir: {folder}

study:
  - models: [{name}]
    variants: [{variants}]{unfit}
    # schemes: [float32, drq, fiq_float32, fiq_int8, fiq_uint8, int16x8, float16]
    # seeds: [1, 2, 3] # each made so often, to tell gain from luck

datasets:
  {name}:
    kind: windows
    {dataset}

models:
  {name}:
    {model}
    dataset: {name}
    training: # of variants; `original_qat` and `pruned` have fewer epochs
      epochs: 15
      # class_weights: true # if some classes are rare
    # variants:
    #   pruned: {{target: 0.5, keep: []}} # the share of parameters to remove; layers to leave alone

# analyses:
#   sensitivity: {{models: [{name}]}} # what each layer costs when it is quantized
# gates:
#   - {{schemes: [fiq_int8], max_drop: 1.0, confidence: certain}}
#   - {{schemes: [fiq_int8], max_size: 64 KiB}}
"""


def study_text(
    name: str,
    command: str,
    base: str,
    model: Path | None,
    settings: Mapping[str, Any],
    shape: Sequence[int],
    classes: Sequence[str],
    unfit: Mapping[str, str],
) -> str:
    """Write a study.

    Args:
        name: Of model and dataset.
        command: The command that runs the study.
        base: A comment about the configuration that the study is laid over.
        model: The file of a trained model; None for a network that the study trains.
        settings: The dataset's block of the configuration.
        shape: Of a sample as the model takes it.
        classes: Their names.
        unfit: Why variants are left out, by name.
    """
    told = ("path", "task", "arrays", "sample_shape", "scaling", "layout", "shape", "val", "test")
    dataset = [
        f"{key}: {_yaml(settings[key])}{NOTES.get(key, '')}" for key in told if settings[key]
    ]
    network = "cnn" if settings["layout"] == "image" else "smartwatch"
    made = f"architecture: {network} # a small network; the reference lists others"
    if model is not None:
        made = f"file: {_yaml(str(model))} # variant `original` is the model as it comes"
    return TEXT.format(
        data=_yaml(str(Path(settings["datasets_dir"]) / settings["path"])),
        command=command,
        base=base,
        name=name,
        folder=_yaml(settings["datasets_dir"]),
        shape=" x ".join(map(str, shape)),
        classes=_yaml(list(classes)),
        variants=", ".join(variant for variant in VARIANTS if variant not in unfit),
        unfit="".join(f"\n    # not {variant}: {_yaml(why)}" for variant, why in unfit.items()),
        dataset="\n    ".join(dataset),
        model=made,
    )


def _yaml(value: Any) -> str:
    import yaml

    # In brackets, since alone a scalar ends with a line of dots.
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf)[1:-2]
