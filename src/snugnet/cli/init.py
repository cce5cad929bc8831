"""`snugnet init`: from somebody's data, and perhaps their model, to a study of their own."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.cli.study_folder import StudyFolder, study_folder
from snugnet.cli.study_text import VARIANTS, study_text
from snugnet.errors import InputError

if TYPE_CHECKING:
    from snugnet.datasets.samples import Samples

SEED = 1
# What YAML takes for something else than a name.
WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
ROLES = ("x", "y", "group", "split", "class_names", "scale")

Data = Annotated[Path, typer.Option("--data", help="Your samples: .npz with x and y, or .csv.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="Your trained Keras model (default: train a small network)."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", help="Study to write (default: config/NAME.yaml in a clone, else config.yaml)."
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Name of model and dataset (default: from the data file)."),
]
Arrays = Annotated[
    list[str] | None,
    typer.Option(
        "--array",
        help="ROLE=NAME: name of the array or column for x, y, group, … Repeatable.",
    ),
]
Window = Annotated[
    str | None, typer.Option("--window", help="TIME,CHANNELS: shape of one .csv row.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


@dataclass(frozen=True)
class Request:
    """What is asked for; see the options of the command."""

    data: Path
    model: Path | None
    folder: StudyFolder
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
    """Write a study for your own data, with or without your own model."""
    chosen = name or _name_of(data)
    if not re.fullmatch("[a-z][a-z0-9_]*", chosen) or chosen in WORDS:
        raise InputError(f"--name {chosen}: small letters, digits and _, and no word of YAML's")
    folder = study_folder(chosen, output)
    folder.check(force)
    request = Request(data, model, folder, chosen, _arrays(array or []), _window(window))
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
        Ready for JSON: `output`, `files` (all that were written), `command` (what to run next),
        `splits` (samples, groups and classes of each), `shape`, `task`, `variants`, and `unfit`
        (why others are left out).

    Raises:
        InputError: If data or model cannot be used; nothing is written.
        OSError: If a file cannot be read or written.
    """
    from snugnet.datasets import windows
    from snugnet.datasets.prepare import prepare
    from snugnet.jobs import replacing

    config, schema = request.folder.read_base(request.name)
    model = None if request.model is None else _model(request.model)
    settings = {**request.settings, **_form(request, model)}
    samples = windows.load(settings, SEED)
    settings |= {"shape": None} if model is None else _fold(request.data, samples, model)
    prepared = prepare(samples, settings, SEED)
    train = prepared.splits["train"]
    text, unfit = _fitting(request, settings, train, model, config, schema)
    files = {**request.folder.texts, request.folder.output: text}
    for file, content in files.items():
        with replacing(file) as path:
            path.write_text(content, encoding="utf-8")
    return {
        "output": str(request.folder.output),
        "files": list(map(str, files)),
        "command": request.folder.command,
        "shape": list(train.x.shape[1:]),
        "task": train.task,
        "splits": prepared.record["splits"],
        "variants": [name for name in VARIANTS if name not in unfit],
        "unfit": unfit,
    }


def _model(path: Path) -> Any:
    from snugnet.models import keras2
    from snugnet.models.foreign import load_foreign

    keras2.configure(seed=SEED, threads=1)
    return load_foreign(path)


def _form(request: Request, model: Any) -> dict[str, str]:
    """Find task and layout of samples."""
    own = None if model is None else _task_of(request, model)
    if request.data.suffix == ".csv":
        several = _has_several(request)
        task = "multilabel" if several else "multiclass"
        return {"task": own or task, "layout": "time_channel"}
    arrays = _arrays_of(request)
    x, y = arrays["x"], arrays["y"]
    if y.ndim == 2 and own != "multilabel":
        _check_several(request.data, y)
    task = "multilabel" if y.ndim == 2 else "multiclass"
    # An image has colours, or sides that are alike.
    image = x.ndim == 4 or (x.ndim == 3 and x.shape[1] == x.shape[2])
    return {"task": own or task, "layout": "image" if image else "time_channel"}


def _has_several(request: Request) -> bool:
    """Tell whether a .csv has several labels a sample."""
    from snugnet.cli.data import columns

    names = columns(request.data)
    several = any(name.startswith("y_") for name in names)
    if not several and request.arrays.get("y", "y") not in names:
        held = ", ".join([*names[:2], "…", *names[-4:]] if len(names) > 7 else names)
        raise InputError(
            f"{request.data}: it has no column {request.arrays.get('y', 'y')} but {held}; "
            "--array y=NAME says which has the labels, and --array group=NAME whose they are"
        )
    return several


def _task_of(request: Request, model: Any) -> str:
    from snugnet.models.foreign import task_of

    task = task_of(model)
    if task is None:
        raise InputError(
            f"{request.model}: its last layer is neither softmax nor sigmoid, so it does not "
            "classify; a study compares accuracies (`snugnet quantize` takes it)"
        )
    return task


def _arrays_of(request: Request) -> dict[str, np.ndarray]:
    """Read x and y of an .npz."""
    from snugnet.datasets.samples import read_npz

    if request.data.suffix != ".npz":
        raise InputError(f"{request.data}: data end in .npz or .csv")
    if request.window is not None:
        raise InputError("--window folds the rows of a .csv; an .npz has x of (n, time, channels)")
    held = read_npz(request.data, required=())
    missing = [role for role in ("x", "y") if request.arrays.get(role, role) not in held]
    if missing:
        raise InputError(
            f"{request.data}: it has no {' and no '.join(missing)} but {', '.join(held)}; "
            f"--array {missing[0]}=NAME says what is what"
        )
    return {role: held[request.arrays.get(role, role)] for role in ("x", "y")}


def _check_several(path: Path, y: np.ndarray) -> None:
    """Refuse what looks like several labels a sample, and is one."""
    if y.shape[1] == 1:
        raise InputError(f"{path}: y has shape {y.shape}; save y[:, 0], a number or name a sample")
    if y.dtype.kind in "iufb" and (y.sum(axis=1) == 1).all():
        raise InputError(f"{path}: y is one-hot; save y.argmax(axis=1), a number a sample")


def _fold(path: Path, samples: "Samples", model: Any) -> dict[str, Any]:
    """Find how samples become what a model takes, without changing the order of anything.

    Raises:
        InputError: If they are of another size, or in another order.
    """
    wanted, given = tuple(model.input_shape[1:]), samples.x.shape[1:]
    layouts = {"image": given}
    if len(given) == 2:
        layouts = {"time_channel": (*given, 1), "channel_time": (*given[::-1], 1)}
    for layout, made in layouts.items():
        if made == wanted:
            return {"layout": layout, "shape": None}
    flat = len(_narrow(given)) == 1 and math.prod(given) == math.prod(wanted)
    for layout, made in layouts.items():
        if flat or _narrow(made) == _narrow(wanted):
            return {"layout": layout, "shape": list(wanted)}
    raise InputError(f"{path}: samples of {given}; the model takes {wanted}")


def _narrow(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _fitting(
    request: Request,
    settings: dict[str, Any],
    train: "Samples",
    model: Any,
    config: dict[str, Any],
    schema: dict[str, Any],
) -> tuple[str, dict[str, str]]:
    """Give the text of a study with what a model allows, and why the rest is left out."""
    import yaml
    from snakemake.utils import update_config

    from snugnet.study import Study

    shape, classes = train.x.shape[1:], train.class_names
    folder = request.folder
    told = (request.name, folder.command, folder.base, request.model, settings, shape, classes)
    text = study_text(*told, unfit={})
    update_config(config, yaml.safe_load(text))
    study = Study(config, schema)
    if model is None:
        return text, {}
    from snugnet.models import file

    assert request.model is not None
    file.check(model, request.model, shape, train.task, len(classes))
    unfit = _unfit(model, study, request.name)
    return study_text(*told, unfit=unfit), unfit


def _unfit(model: Any, study: Any, name: str) -> dict[str, str]:
    """Find the variants that a model does not allow, as the study would find them."""
    from snugnet.compress.requests import check
    from snugnet.compress.standard import standard

    try:
        plain = standard(model)
    except InputError as error:
        return dict.fromkeys(VARIANTS[1:], str(error))
    requests, unfit = dict(study.requests(name, VARIANTS[0])), {}
    for variant in VARIANTS[1:]:
        chain = [step for step in study.ancestry(variant) if step in requests]
        try:
            check(plain, [(step, requests[step]) for step in chain])
        except InputError as error:
            unfit[variant] = " ".join(str(error).split())
    return unfit


def _show(console: Console, found: dict[str, Any]) -> None:
    shape = " x ".join(map(str, found["shape"]))
    console.print(f"samples of {shape}, {found['task']}", markup=False)
    for split, counts in found["splits"].items():
        groups = "" if counts["groups"] is None else f" of {counts['groups']} groups"
        classes = ", ".join(f"{name} {n}" for name, n in counts["classes"].items())
        console.print(f"{split}: {counts['samples']} samples{groups}: {classes}", markup=False)
    for name, reason in found["unfit"].items():
        console.print(f"not {name}: {reason}", markup=False)
    console.print(f"written: {', '.join(found['files'])}; next:", markup=False)
    console.print(f"  {found['command']}", markup=False)
