"""`snugnet init`: write a study for your own data and, optionally, your own model."""

import math
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.cli.study_folder import StudyFolder, study_folder
from snugnet.cli.study_text import VARIANTS, study_text
from snugnet.core.errors import InputError

if TYPE_CHECKING:
    from snugnet.core.samples import Samples

SEED = 1
# YAML reads these as booleans or null, not as names.
YAML_KEYWORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
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
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite all files of the study, also edited ones.")
]


@dataclass(frozen=True)
class Request:
    """The options of the command, checked."""

    data: Path
    model: Path | None
    folder: StudyFolder
    name: str
    arrays: dict[str, str]
    window: list[int] | None

    @property
    def settings(self) -> dict[str, Any]:
        """The dataset's block of the configuration, without task and layout."""
        return {
            "kind": "windows",
            "name": self.name,
            "datasets_dir": str(self.data.parent),
            "path": self.data.name,
            "arrays": self.arrays,
            "folds": None,
            "sample_shape": self.window,
            # A trained model gets the values as they are in the file, as in its training.
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
    if not re.fullmatch("[a-z][a-z0-9_]*", chosen) or chosen in YAML_KEYWORDS:
        raise InputError(
            f"--name {chosen}: use lower-case letters, digits and _, with a letter first; "
            "YAML keywords are not allowed."
        )
    folder = study_folder(chosen, output)
    folder.check(force)
    request = Request(data, model, folder, chosen, _arrays(array or []), _window(window))
    with working():
        summary = init(request)
    say(summary, as_json, _show)


def _name_of(data: Path) -> str:
    name = re.sub("[^a-z0-9]+", "_", data.stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")


def _arrays(options: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in options]
    for role, equals, name in pairs:
        if role not in ROLES or not equals or not name:
            raise InputError(
                f"--array {role}{equals}{name}: expected ROLE=NAME. Roles: {', '.join(ROLES)}."
            )
    return {role: name for role, _, name in pairs}


def _window(option: str | None) -> list[int] | None:
    if option is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})?", option):
        raise InputError(f"--window {option}: expected TIME,CHANNELS, for example 128,6.")
    return [int(number) for number in option.split(",")]


def init(request: Request) -> dict[str, Any]:
    """Write the configuration and the other files of a study.

    Returns:
        A summary for JSON: `output`, `files` (written files), `command` (the command to run next),
        `splits` (samples, groups and classes of each), `shape`, `task`, `variants`, and `unfit`
        (the reason for each variant that is left out).

    Raises:
        InputError: If data or model cannot be used; nothing is written.
        OSError: If a file cannot be read or written.
    """
    from snugnet.core.files import atomic_write
    from snugnet.datasets import windows
    from snugnet.datasets.prepare import prepare

    config, schema = request.folder.read_base(request.name)
    model = None if request.model is None else _model(request.model)
    settings = {**request.settings, **_form(request, model)}
    samples = windows.load(settings, SEED)
    settings |= {"shape": None} if model is None else _fold(request.data, samples, model)
    prepared = prepare(samples, settings, SEED)
    train = prepared.splits["train"]
    text, unfit = _fitting(request, settings, train, model, config, schema)
    files = {**request.folder.texts, request.folder.output: text}
    for pretrained, content in files.items():
        with atomic_write(pretrained) as path:
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
    from snugnet.models.loading import keras2
    from snugnet.models.loading.keras_files import load_keras_file

    keras2.configure(seed=SEED, threads=1)
    return load_keras_file(path)


def _form(request: Request, model: Any) -> dict[str, str]:
    """Return task and layout of the samples."""
    own = None if model is None else _task_of(request, model)
    if request.data.suffix == ".csv":
        several = _has_label_columns(request)
        task = "multilabel" if several else "multiclass"
        return {"task": own or task, "layout": "time_channel"}
    arrays = _arrays_of(request)
    x, y = arrays["x"], arrays["y"]
    if y.ndim == 2 and own != "multilabel":
        _check_label_shape(request.data, y)
    task = "multilabel" if y.ndim == 2 else "multiclass"
    # Samples with three axes, or with two equal ones, are images.
    image = x.ndim == 4 or (x.ndim == 3 and x.shape[1] == x.shape[2])
    return {"task": own or task, "layout": "image" if image else "time_channel"}


def _has_label_columns(request: Request) -> bool:
    """Return whether a .csv file has one column `y_NAME` for each label.

    Raises:
        InputError: If it has no column of labels.
    """
    from snugnet.cli.data import columns

    names = columns(request.data)
    several = any(name.startswith("y_") for name in names)
    label = request.arrays.get("y", "y")
    if not several and label not in names:
        columns_text = ", ".join([*names[:2], "…", *names[-4:]] if len(names) > 7 else names)
        raise InputError(
            f"{request.data}: column {label} not found. Found: {columns_text}. Name the labels "
            "with --array y=NAME, and patients or subjects with --array group=NAME."
        )
    return several


def _task_of(request: Request, model: Any) -> str:
    from snugnet.models.loading.keras_files import infer_task

    task = infer_task(model)
    if task is None:
        raise InputError(
            f"{request.model}: the last layer is neither softmax nor sigmoid. A study needs a "
            "classifier; use `snugnet quantize` for this model."
        )
    return task


def _arrays_of(request: Request) -> dict[str, np.ndarray]:
    """Read x and y of an .npz file."""
    from snugnet.core.samples import read_npz

    if request.data.suffix != ".npz":
        raise InputError(f"{request.data}: unsupported file type. Supported: .npz, .csv.")
    if request.window is not None:
        raise InputError(
            "--window is for .csv files only. Save x in the .npz file with shape "
            "(samples, time, channels)."
        )
    arrays = read_npz(request.data, required=())
    names = {role: request.arrays.get(role, role) for role in ("x", "y")}
    missing = [role for role, name in names.items() if name not in arrays]
    if missing:
        role = missing[0]
        raise InputError(
            f"{request.data}: array {names[role]} not found. Found: {', '.join(arrays)}. "
            f"Name it with --array {role}=NAME."
        )
    return {role: arrays[name] for role, name in names.items()}


def _check_label_shape(path: Path, y: np.ndarray) -> None:
    """Check that a matrix of labels is multi-label.

    Raises:
        InputError: If it has one column, or is one-hot.
    """
    if y.shape[1] == 1:
        raise InputError(f"{path}: y has shape {y.shape}. Save y[:, 0]: one class for each sample.")
    if y.dtype.kind in "iufb" and (y.sum(axis=1) == 1).all():
        raise InputError(f"{path}: y is one-hot. Save y.argmax(axis=1): one class for each sample.")


def _fold(path: Path, samples: "Samples", model: Any) -> dict[str, Any]:
    """Choose the layout and shape that turn samples into the model's input.

    The order of the values is kept.

    Raises:
        InputError: If samples have another size, or another order.
    """
    input_shape, sample_shape = tuple(model.input_shape[1:]), samples.x.shape[1:]
    layouts = {"image": sample_shape}
    if len(sample_shape) == 2:
        layouts = {"time_channel": (*sample_shape, 1), "channel_time": (*sample_shape[::-1], 1)}
    for layout, shape in layouts.items():
        if shape == input_shape:
            return {"layout": layout, "shape": None}
    same_size = math.prod(sample_shape) == math.prod(input_shape)
    flat = len(_without_ones(sample_shape)) == 1 and same_size
    for layout, shape in layouts.items():
        if flat or _without_ones(shape) == _without_ones(input_shape):
            return {"layout": layout, "shape": list(input_shape)}
    raise InputError(
        f"{path}: samples have shape {sample_shape}, but the model takes {input_shape}. "
        "Reshape or transpose x."
    )


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _fitting(
    request: Request,
    settings: dict[str, Any],
    train: "Samples",
    model: Any,
    config: dict[str, Any],
    schema: dict[str, Any],
) -> tuple[str, dict[str, str]]:
    """Write the configuration with the variants that the model allows.

    Returns:
        The text, and the reason for each variant that is left out.
    """
    import yaml
    from snakemake.utils import update_config

    from snugnet.config.study import Study

    shape, classes = train.x.shape[1:], train.class_names
    folder = request.folder
    write = partial(
        study_text,
        name=request.name,
        command=folder.command,
        base=folder.base,
        model=request.model,
        settings=settings,
        shape=shape,
        classes=classes,
    )
    text = write(unfit={})
    update_config(config, yaml.safe_load(text))
    study = Study(config, schema)
    if model is None:
        return text, {}
    from snugnet.models.architectures import pretrained

    assert request.model is not None
    pretrained.check(model, request.model, shape, train.task, len(classes))
    unfit = _unfit(model, study, request.name)
    return write(unfit=unfit), unfit


def _unfit(model: Any, study: Any, name: str) -> dict[str, str]:
    """Return the reason for each variant that the model does not allow."""
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.compress.requests import check

    try:
        plain = canonicalize(model)
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


def _show(console: Console, summary: dict[str, Any]) -> None:
    shape = " x ".join(map(str, summary["shape"]))
    console.print(f"sample shape: {shape}, task: {summary['task']}", markup=False)
    for split, counts in summary["splits"].items():
        groups = "" if counts["groups"] is None else f" from {counts['groups']} groups"
        classes = ", ".join(f"{name} {n}" for name, n in counts["classes"].items())
        console.print(f"{split}: {counts['samples']} samples{groups}: {classes}", markup=False)
    for name, reason in summary["unfit"].items():
        console.print(f"variant {name} is left out: {reason}", markup=False)
    console.print(f"written: {', '.join(summary['files'])}", markup=False)
    console.print("run the study with:", markup=False)
    console.print(f"  {summary['command']}", markup=False)
