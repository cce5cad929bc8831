"""`snugnet init`: from somebody's data, and perhaps their model, to a study of their own."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.errors import InputError

if TYPE_CHECKING:
    from snugnet.datasets.prepare import Prepared
    from snugnet.datasets.samples import Samples

# What YAML takes for something else than a name.
WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
ROLES = ("x", "y", "group", "fold", "split", "class_names", "scale")
SEED = 1

Data = Annotated[Path, typer.Option("--data", help="Your windows or images: .npz or .csv.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="Your trained Keras model; without, a network is trained."),
]
Output = Annotated[
    Path | None, typer.Option("--output", help="The file to write; config/NAME.yaml if not said.")
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Of model and dataset; that of the data's file if not said."),
]
Arrays = Annotated[
    list[str] | None,
    typer.Option("--array", help="ROLE=NAME: what your file calls x, y, group, …; repeatable."),
]
Window = Annotated[
    str | None, typer.Option("--window", help="TIME,CHANNELS: how a row of a .csv folds.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over the output.")]


@dataclass(frozen=True)
class Request:
    """What is asked for; see the options of the command."""

    data: Path
    model: Path | None
    output: Path
    name: str
    arrays: dict[str, str]
    window: list[int] | None

    @property
    def settings(self) -> dict[str, Any]:
        """The dataset's block of the configuration, but for what only the data tell."""
        return {
            "kind": "windows",
            "name": self.name,
            "datasets_dir": str(self.data.parent),
            "path": self.data.name,
            "arrays": self.arrays,
            "folds": None,
            "sample_shape": self.window,
            # A trained model wants what it was trained on; a new one is served best like this.
            "scaling": "none" if self.model is not None else "standardize",
            "val": 0.2,
            "test": 0.2,
        }


def command(
    data: Data,
    model: Model = None,
    output: Output = None,
    name: Name = None,
    array: Arrays = None,
    window: Window = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Look at data, and at a model if there is one, and write a study of them."""
    chosen = name or _name_of(data)
    if not re.fullmatch("[a-z][a-z0-9_]*", chosen) or chosen in WORDS:
        raise InputError(f"--name {chosen}: small letters, digits and _, and no word of YAML's")
    path = output or Path("config") / f"{chosen}.yaml"
    if path.exists() and not force:
        raise InputError(f"{path} is there already: --force writes over it, --output elsewhere")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder: run this in Snugnet's own, or give --output")
    request = Request(data, model, path, chosen, _arrays(array or []), _window(window))
    with working():
        found = init(request)
    say(found, as_json, _show)


def _name_of(data: Path) -> str:
    name = re.sub("[^a-z0-9]+", "_", data.stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")


def _arrays(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for role, equals, name in pairs:
        if role not in ROLES or not equals or not name:
            allowed = ", ".join(ROLES)
            raise InputError(
                f"--array {role}{equals}{name}: ROLE=NAME is needed, ROLE of {allowed}"
            )
    return {role: name for role, _, name in pairs}


def _window(given: str | None) -> list[int] | None:
    if given is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})?", given):
        raise InputError(f"--window {given}: TIME,CHANNELS is needed, as in 128,6")
    return [int(number) for number in given.split(",")]


def init(request: Request) -> dict[str, Any]:
    """Write a study of somebody's data.

    Returns:
        Ready for JSON: `output`, `command` (what to run next), `samples`, `groups` and `classes`
        of each split, `shape` and `task`.

    Raises:
        InputError: If data or model cannot be used; nothing is written.
        OSError: If a file cannot be read or written.
    """
    from snugnet.jobs import replacing

    model = None if request.model is None else _model(request.model)
    settings, prepared = _prepared(request, model)
    train = prepared.splits["train"]
    if request.model is not None:
        from snugnet.models import file

        # Once more as the study will do it, so that what it would refuse is refused here.
        shape, classes = train.x.shape[1:], len(train.class_names)
        file.build({"file": str(request.model)}, shape, train.task, classes)
    with replacing(request.output) as path:
        path.write_text(_study(request, settings, train))
    return {
        "output": str(request.output),
        "command": f"snakemake --cores 2 all --configfile {request.output}",
        "shape": list(train.x.shape[1:]),
        "task": train.task,
        "splits": prepared.record["splits"],
    }


def _model(path: Path) -> Any:
    from snugnet.models import keras2
    from snugnet.models.foreign import load_foreign

    keras2.configure(seed=SEED, threads=1)
    return load_foreign(path)


def _prepared(request: Request, model: Any) -> tuple[dict[str, Any], "Prepared"]:
    """Prepare the data as the study will, in the layout that the model takes."""
    from snugnet.datasets import windows
    from snugnet.datasets.prepare import prepare

    settings = {**request.settings, **_task(request, model)}
    settings["layout"] = "image" if _dimensions(request) == 4 else "time_channel"
    samples = windows.load(settings, SEED)
    settings |= {"shape": None} if model is None else _fold(samples, model, settings["layout"])
    return settings, prepare(samples, settings, SEED)


def _task(request: Request, model: Any) -> dict[str, str]:
    if model is not None:
        from snugnet.models.foreign import task_of

        task = task_of(model)
        if task is None:
            raise InputError(
                f"{request.model}: its last layer is neither softmax nor sigmoid, so it does not "
                "classify; a study compares accuracies (`snugnet quantize` takes it)"
            )
        return {"task": task}
    if request.data.suffix == ".csv":
        with request.data.open(errors="replace") as stream:
            several = any(name.strip().startswith("y_") for name in stream.readline().split(","))
        return {"task": "multilabel" if several else "multiclass"}
    return {"task": "multilabel" if _raw(request)["y"].ndim == 2 else "multiclass"}


def _dimensions(request: Request) -> int:
    """Tell images from windows: those have three dimensions a sample, or two like each other."""
    if request.data.suffix == ".csv":
        return 3
    shape = _raw(request)["x"].shape
    square = len(shape) == 3 and shape[1] == shape[2]
    return 4 if len(shape) == 4 or square else 3


def _raw(request: Request) -> dict[str, np.ndarray]:
    from snugnet.datasets.samples import read_npz, read_roles

    held = read_npz(request.data, required=())
    missing = [role for role in ROLES[:2] if request.arrays.get(role, role) not in held]
    if missing:
        raise InputError(
            f"{request.data}: it has no {' and no '.join(missing)} but {', '.join(held)}; "
            f"--array {missing[0]}=NAME says what is what"
        )
    return read_roles(request.data, request.arrays, ROLES[:2], ROLES[2:])


def _fold(samples: "Samples", model: Any, layout: str) -> dict[str, Any]:
    """Find how samples fold into what a model takes."""
    wanted, given = tuple(model.input_shape[1:]), samples.x.shape[1:]
    if layout == "image":
        made = given
    elif _narrow(wanted) == _narrow(given[::-1]) != _narrow(given):
        layout, made = "channel_time", (*given[::-1], 1)
    else:
        made = (*given, 1)
    return {"layout": layout, "shape": None if made == wanted else list(wanted)}


def _narrow(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _study(request: Request, settings: dict[str, Any], train: "Samples") -> str:
    """Give the text of the study."""
    told = ("path", "task", "arrays", "sample_shape", "scaling", "layout", "shape", "val", "test")
    dataset = [
        f"{key}: {_yaml(settings[key])}{NOTES.get(key, '')}" for key in told if settings[key]
    ]
    network = "cnn" if settings["layout"] == "image" else "smartwatch"
    model = f"architecture: {network} # a small network; docs/reference/configuration.md has others"
    if request.model is not None:
        model = f"file: {_yaml(str(request.model))} # variant `original` is the model as it comes"
    return TEXT.format(
        data=_yaml(str(request.data)),
        output=request.output,
        name=request.name,
        folder=_yaml(settings["datasets_dir"]),
        shape=" x ".join(map(str, train.x.shape[1:])),
        classes=_yaml(train.class_names),
        dataset="\n    ".join(dataset),
        model=model,
    )


def _yaml(value: Any) -> str:
    return json.dumps(value)  # all JSON is YAML


NOTES = {
    "scaling": " # none: as they are; standardize, minmax, per_sample, uint8 (which Akida takes)",
    "layout": " # which comes first in a sample: time_channel, channel_time; or image",
    "shape": " # what the model takes",
    "val": " # shares of groups, or samples; a fixed split comes as an array `split` or `fold`",
}
TEXT = """\
# {data}: samples of {shape}; classes {classes}.
#   snakemake --cores 2 all --configfile {output}
# Laid over config.yaml. What more there is to say: docs/reference/configuration.md.
results_dir: results/{name}
datasets_dir: {folder}

study:
  - models: [{name}]
    variants: [original, original_qat, pruned, pruned_qat]
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


def _show(console: Console, found: dict[str, Any]) -> None:
    shape = " x ".join(map(str, found["shape"]))
    console.print(f"samples of {shape}, {found['task']}", markup=False)
    for split, counts in found["splits"].items():
        groups = "" if counts["groups"] is None else f" of {counts['groups']} groups"
        classes = ", ".join(f"{name} {n}" for name, n in counts["classes"].items())
        console.print(f"{split}: {counts['samples']} samples{groups}: {classes}", markup=False)
    console.print(f"written: {found['output']}; next:", markup=False)
    console.print(f"  {found['command']}", markup=False)
