"""Write a study for the data and, optionally, the model of a user."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.confidence import describe_few_groups
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.inputs import InputPort, has_several_inputs, list_sample_inputs
from snugnet.core.tasks import Task, choose_task, is_one_hot, is_whole
from snugnet.core.text import escape_line, list_names
from snugnet.services.arguments import ArgumentError
from snugnet.services.input_files import check_input_files
from snugnet.services.study_folder import StudyFolder, choose_study_folder, has_content, merge
from snugnet.services.study_text import VARIANTS, StudyDescription, format_study

if TYPE_CHECKING:
    from snugnet.core.samples import Samples
    from snugnet.core.settings.datasets.windows import WindowsDataset
    from snugnet.datasets.record import SplitRecord

SEED = 1
# YAML reads these as booleans or null, not as names.
YAML_KEYWORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
# The roles that arrays or columns of the data can have.
ROLES = ("x", "y", "group", "split", "class_names", "scale")


@dataclass(frozen=True)
class InitRequest:
    """A request to write a study.

    Attributes:
        data: Samples: .npz with x and y, or .csv.
        model: A trained Keras model; None to train a small network.
        output: The configuration to write; None for the default.
        name: Name of the model and the dataset; None to derive it from the name of the data file.
        arrays: Names of arrays or columns, by role: one of `ROLES`. Each input of a model with
            several inputs is a role, instead of `x`.
        window: (time, channels), the shape of one .csv row; None for other files.
        labels: Names of the classes in the order of the model's outputs; () if the labels are
            numbers, or the file has the names.
        task: The task; None to find it from the model and the labels.
        budget: Limits for the memory of the data and the model.
        force: Whether existing files of the study are replaced.
    """

    data: Path
    model: Path | None
    output: Path | None
    name: str | None
    arrays: dict[str, str]
    window: list[int] | None
    force: bool
    labels: tuple[str, ...] = ()
    task: Task | None = None
    budget: Budget = DEFAULT_BUDGET

    @property
    def study_name(self) -> str:
        """Name of the model and the dataset.

        Raises:
            ArgumentError: If the name cannot be used in a configuration and in file names.
        """
        name = self.name or _derive_name(self.data)
        if not re.fullmatch("[a-z][a-z0-9_]*", name) or name in YAML_KEYWORDS:
            raise ArgumentError(
                "name",
                name,
                "use lower-case letters, digits and _, with a letter first; "
                "YAML keywords are not allowed.",
            )
        return name


@dataclass(frozen=True)
class InitReport:
    """Result of writing a study.

    Attributes:
        output: The configuration.
        files: The written files. Files that existed with the same content are not among them.
        command: The command that runs the study.
        inputs: Shape of a sample of each input, as the model takes it.
        task: The task of the dataset.
        splits: Counts of each split, by name.
        unfit: The reason for each variant that is left out.
        possible_groups: Names of unused arrays that look like patients or subjects.
    """

    output: Path
    files: tuple[Path, ...]
    command: str
    inputs: tuple[InputPort, ...]
    task: str
    splits: Mapping[str, "SplitRecord"]
    unfit: dict[str, str]
    possible_groups: tuple[str, ...] = ()

    @property
    def _shape(self) -> Any:
        """Shape of a sample; for several inputs, a shape for each by its name."""
        shapes = {port.name: list(port.shape) for port in self.inputs}
        return shapes if len(shapes) > 1 else list(self.inputs[0].shape)

    @property
    def variants(self) -> list[str]:
        """The variants of the study."""
        return [name for name in VARIANTS if name not in self.unfit]

    @property
    def warnings(self) -> list[str]:
        """Warnings about groups: few in the test split, or probably forgotten."""
        from snugnet.services.user_data import describe_possible_group

        texts = [describe_possible_group(name) for name in self.possible_groups]
        few_groups = describe_few_groups(self.splits["test"].groups)
        return texts if few_groups is None else [*texts, few_groups]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "output": str(self.output),
            "files": [str(path) for path in self.files],
            "command": self.command,
            "shape": self._shape,
            "task": self.task,
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "variants": self.variants,
            "unfit": self.unfit,
            "possible_groups": list(self.possible_groups),
            "warnings": self.warnings,
        }


def init_study(request: InitRequest) -> InitReport:
    """Write the configuration and the other files of a study.

    Args:
        request: Data, model and files of the study.

    Returns:
        The written files, the command that runs the study, and the variants that are left out.

    Raises:
        ArgumentError: If the name or a path cannot be used.
        InputError: If the data or the model cannot be used, or if a file exists and `force` is not
            set. Nothing is written then.
        OSError: If a file cannot be read or written.
    """
    from snugnet.datasets import windows
    from snugnet.datasets.prepare import prepare

    check_input_files(request.data, request.model)
    _check_paths(request)
    folder = choose_study_folder(request.study_name, request.output)
    folder.check(request.force)
    config = folder.read_base(request.study_name)
    model = None if request.model is None else _load_model(request.model, request.budget)
    _check_roles(request, model)
    arrays = {} if request.data.suffix == ".csv" else _read_arrays(request, model)
    settings = _choose_settings(request, arrays, model)
    samples = windows.load(settings, request.data.parent, SEED, request.budget)
    if model is not None:
        layout = _choose_layout(request.data, samples, model)
        settings = settings.model_copy(update=layout)
    prepared = prepare(samples, settings, request.study_name, SEED)
    train = prepared.splits["train"]
    text, unfit = _format_fitting_study(request, folder, settings, train, model, config)
    files = {**folder.texts, folder.output: text}
    changed = {path: text for path, text in files.items() if not has_content(path, text)}
    for path, content in changed.items():
        with atomic_write(path) as partial_path:
            partial_path.write_text(content, encoding="utf-8")
    return InitReport(
        output=folder.output,
        files=tuple(changed),
        command=folder.command,
        inputs=list_sample_inputs(train.x),
        task=train.task,
        splits=prepared.record.splits,
        unfit=unfit,
        possible_groups=_find_possible_groups(request, arrays, settings),
    )


def _check_paths(request: InitRequest) -> None:
    """Check that the paths can be part of a comment in the configuration: it is one line.

    Raises:
        ArgumentError: If a path has line feeds or other control characters, or if the output would
            replace the data or the model.
    """
    inputs = [path for path in (request.data, request.model) if path is not None]
    output = request.output
    if output is not None and output.exists() and any(map(output.samefile, inputs)):
        raise ArgumentError("output", output, "an input file. Choose another path.")
    paths = {"data": request.data, "model": request.model, "output": request.output}
    for argument, path in paths.items():
        shown = escape_line(str(path))
        if path is not None and shown != str(path):
            problem = "a path with control characters is not supported. Rename the file or folder."
            raise ArgumentError(argument, shown, problem)


def _find_possible_groups(
    request: InitRequest, arrays: Mapping[str, np.ndarray], settings: "WindowsDataset"
) -> tuple[str, ...]:
    """Find unused arrays of an .npz file that look like patients or subjects."""
    from snugnet.services.user_data import find_possible_groups

    used = {role: request.arrays.get(role, role) for role in ROLES}
    if not arrays or "group" in request.arrays or used["group"] in arrays:
        return ()
    inputs = tuple(settings.arrays.inputs.values())
    taken = {*used.values(), *inputs}
    others = {name: array for name, array in arrays.items() if name not in taken}
    first = (*inputs, used["x"])[0]
    return find_possible_groups(others, len(arrays[first]))


def _derive_name(data: Path) -> str:
    """Derive a name from the name of the data file."""
    name = re.sub("[^a-z0-9]+", "_", data.stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")


def _load_model(path: Path, budget: Budget) -> Any:
    from snugnet.models.loading import keras2
    from snugnet.models.loading.keras_files import load_keras_file

    keras2.configure(seed=SEED, threads=1)
    return load_keras_file(path, budget=budget)


def _choose_settings(
    request: InitRequest, arrays: Mapping[str, np.ndarray], model: Any
) -> "WindowsDataset":
    """Choose the settings of the dataset, before the layout of a trained model is known."""
    from snugnet.core.settings.datasets.windows import WindowsDataset

    return WindowsDataset.model_validate(
        {
            "kind": "windows",
            "path": request.data.name,
            "arrays": _name_arrays(request, arrays, model),
            "sample_shape": request.window,
            "classes": list(request.labels) or None,
            # A trained model gets the values as they are in the file, as in its training.
            "scaling": "standardize" if model is None else "none",
            **_infer_task_and_layout(request, arrays, model),
        }
    )


def _name_arrays(
    request: InitRequest, arrays: Mapping[str, np.ndarray], model: Any
) -> dict[str, Any]:
    """Return the names of arrays by role; x has those of several inputs.

    Raises:
        InputError: If the array of an input is missing.
    """
    from snugnet.services.user_data import find_input_arrays

    inputs = _list_inputs(model)
    names: dict[str, Any] = dict(request.arrays)
    if len(inputs) > 1:
        ports = find_input_arrays(request.arrays, arrays, inputs, str(request.data))
        names = {"x": ports, **{r: name for r, name in names.items() if r not in ports}}
    return names


def _check_roles(request: InitRequest, model: Any) -> None:
    """Check the roles of arrays: those of every dataset, or the inputs of a model with several.

    Raises:
        InputError: If a role is unknown.
    """
    ports = tuple(port.name for port in _list_inputs(model))
    roles = (*ports, *ROLES[1:]) if len(ports) > 1 else ROLES
    if wrong := [role for role in request.arrays if role not in roles]:
        raise InputError(
            f"--array {wrong[0]}={request.arrays[wrong[0]]}: unknown role. Roles: "
            f"{', '.join(roles)}."
        )


def _list_inputs(model: Any) -> tuple[InputPort, ...]:
    """List the inputs of a trained model; () without one."""
    if model is None:  # a study without a model starts without TensorFlow
        return ()
    from snugnet.models.loading.keras_files import list_model_inputs

    return list_model_inputs(model)


def _infer_task_and_layout(
    request: InitRequest, arrays: Mapping[str, np.ndarray], model: Any
) -> dict[str, str]:
    """Infer task, layout of the samples, and whether the model's outputs are logits."""
    layout, has_names = "time_channel", False
    if request.data.suffix == ".csv":
        is_several = _has_label_columns(request)
        x, y = None, None if is_several else _read_csv_labels(request)
        task = Task.MULTILABEL if is_several else _infer_task_of_labels(y)
    else:
        x, y = (arrays.get(request.arrays.get(role, role)) for role in ("x", "y"))
        task = _infer_task_of_labels(y)
        has_names = request.arrays.get("class_names", "class_names") in arrays
        # Samples with three axes, or with two equal ones, are images.
        if x is not None and (x.ndim == 4 or (x.ndim == 3 and x.shape[1] == x.shape[2])):
            layout = "image"
    scores = "probabilities"
    if model is not None:
        task, scores = _infer_task_of_model(request, model, x, y, task)
    elif request.task is not None:
        task = request.task
    if y is None and task not in (Task.RECONSTRUCTION, Task.MULTILABEL):
        raise InputError(f"{request.data}: array y not found. Name it with --array y=NAME.")
    if model is not None and task.has_classes and y is not None and not has_names:
        _check_class_order(request, y)
    _check_label_axes(request, y, task)
    return {"task": str(task), "layout": layout, "scores": scores}


def _infer_task_of_labels(y: np.ndarray | None) -> Task:
    """Infer the task from the labels alone, for a network that the study builds."""
    if y is None or y.dtype.kind in "US":
        return Task.MULTICLASS
    if y.dtype.kind == "f" and not is_whole(y):
        return Task.REGRESSION
    is_several = y.ndim == 2 and y.shape[1] > 1 and not is_one_hot(y)
    return Task.MULTILABEL if is_several else Task.MULTICLASS


def _infer_task_of_model(
    request: InitRequest,
    model: Any,
    x: np.ndarray | None,
    y: np.ndarray | None,
    label_task: Task,
) -> tuple[Task, str]:
    """Infer the task of a trained model, and whether its outputs are logits.

    Args:
        request: The request.
        model: The model.
        x: Samples; None for a .csv file, and for several inputs.
        y: Labels; None without labels, or for a .csv file with several labels.
        label_task: The task of the labels.
    """
    from snugnet.core.labels import are_inputs
    from snugnet.models.loading.keras_files import describe_ends

    ends = describe_ends(model)
    if label_task == Task.MULTILABEL and y is None:  # columns of a .csv file
        y = np.zeros((1, ends.classes), np.int64)
    is_input = x is not None and are_inputs(x, y)
    try:
        choice = choose_task(ends, y, request.task, is_input)
    except InputError as error:
        raise InputError(f"{request.model}: {error}") from None
    is_logit = choice.task.has_classes and ends.activation is None
    return choice.task, "logits" if is_logit else "probabilities"


def _check_label_axes(request: InitRequest, y: np.ndarray | None, task: Task) -> None:
    if y is not None and y.shape[1:] == (1,) and task in (Task.MULTICLASS, Task.BINARY):
        raise InputError(
            f"{request.data}: y has shape {y.shape}. Save y[:, 0]: one class for each sample."
        )


def _has_label_columns(request: InitRequest) -> bool:
    """Check whether a .csv file has one column `y_NAME` for each label.

    Raises:
        InputError: If it has no label column.
    """
    from snugnet.datasets.windows import read_columns

    names = read_columns(request.data)
    has_label_columns = any(name.startswith("y_") for name in names)
    label = request.arrays.get("y", "y")
    if not has_label_columns and label not in names:
        columns_text = list_names([*names[:2], "…", *names[-4:]] if len(names) > 7 else names)
        raise InputError(
            f"{request.data}: column {label} not found. Found: {columns_text}. Name the labels "
            "with --array y=NAME, and patients or subjects with --array group=NAME."
        )
    return has_label_columns


def _read_arrays(request: InitRequest, model: Any) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file by name, with x among them, and y if it is named.

    The arrays of a model with several inputs have other names than x.
    """
    from snugnet.core.samples import read_npz

    if request.data.suffix != ".npz":
        raise InputError(f"{request.data}: unsupported file type. Supported: .npz, .csv.")
    if request.window is not None:
        raise InputError(
            "--window is for .csv files only. Save x in the .npz file with shape "
            "(samples, time, channels)."
        )
    arrays = read_npz(request.data, required=(), budget=request.budget)
    names = {role: request.arrays.get(role, role) for role in ("x", "y")}
    needed = [role for role in names if role == "x" or role in request.arrays]
    if request.model is None and request.task != Task.RECONSTRUCTION:
        needed = list(names)
    if len(_list_inputs(model)) > 1:
        needed.remove("x")
    missing = [role for role in needed if names[role] not in arrays]
    if missing:
        role = missing[0]
        raise InputError(
            f"{request.data}: array {names[role]} not found. Found: {list_names(arrays)}. "
            f"Name it with --array {role}=NAME."
        )
    return arrays


def _check_class_order(request: InitRequest, y: np.ndarray) -> None:
    """Check that the order of named classes is known: the outputs of a trained model have one.

    Raises:
        ArgumentError: If y holds names, and the request does not have them in their order.
    """
    if request.labels or y.dtype.kind not in "US":
        return
    names = sorted({str(label) for label in y.ravel()})
    raise ArgumentError(
        "labels",
        None,
        f"{request.data}: y holds names ({list_names(names[:8])}). Which one is output 0 of the "
        "model is not known: give all names in the order of the model's outputs, "
        "--labels NAME,NAME,…",
    )


def _read_csv_labels(request: InitRequest) -> np.ndarray:
    from snugnet.core.settings.datasets.windows import WindowsDataset
    from snugnet.datasets.windows import read_table

    settings = WindowsDataset.model_validate(
        {"kind": "windows", "path": request.data.name, "arrays": request.arrays}
    )
    return read_table(request.data, settings, request.budget)["y"]


def _choose_layout(path: Path, samples: "Samples", model: Any) -> dict[str, Any]:
    """Choose the layout and shape that convert samples to the model's input.

    The order of the values is kept.

    Raises:
        InputError: If the samples have another size or order than the model's input.
    """
    if has_several_inputs(samples.x):
        return {"shape": {port.name: port.shape for port in _list_inputs(model)}}
    input_shape, sample_shape = tuple(model.input_shape[1:]), samples.x.shape[1:]
    layouts = {"image": sample_shape}
    if len(sample_shape) == 2:
        layouts = {"time_channel": (*sample_shape, 1), "channel_time": (*sample_shape[::-1], 1)}
    for layout, shape in layouts.items():
        if shape == input_shape:
            return {"layout": layout, "shape": None}
    same_size = math.prod(sample_shape) == math.prod(input_shape)
    is_flat = len(_drop_ones(sample_shape)) == 1 and same_size
    for layout, shape in layouts.items():
        if is_flat or _drop_ones(shape) == _drop_ones(input_shape):
            return {"layout": layout, "shape": input_shape}
    raise InputError(
        f"{path}: samples have shape {sample_shape}, but the model takes {input_shape}. "
        "Reshape or transpose x."
    )


def _drop_ones(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _format_fitting_study(
    request: InitRequest,
    folder: StudyFolder,
    settings: "WindowsDataset",
    train: "Samples",
    model: Any,
    config: dict[str, Any],
) -> tuple[str, dict[str, str]]:
    """Format the configuration with the variants that the model allows.

    Returns:
        The text, and the reason for each variant that is left out.
    """
    import yaml

    from snugnet.config.study import Study

    inputs, classes = list_sample_inputs(train.x), train.class_names
    description = StudyDescription(
        name=request.study_name,
        command=folder.command,
        base=folder.base,
        model=request.model,
        data=request.data,
        settings=settings,
        inputs=inputs,
        classes=classes,
    )
    text = format_study(description, unfit={})
    merge(config, yaml.safe_load(text))
    study = Study(config)
    if model is None:
        return text, {}
    from snugnet.models.architectures import pretrained

    assert request.model is not None
    pretrained.check(model, request.model, inputs, train.task, len(classes))
    pretrained.check_scores(model, request.model, train)
    unfit = _find_unfit_variants(model, study, request.study_name)
    return format_study(description, unfit), unfit


def _find_unfit_variants(model: Any, study: Any, name: str) -> dict[str, str]:
    """Return the reason for each variant that the model does not allow."""
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.compress.requests import check, read_requests
    from snugnet.config.lineage import ancestry

    try:
        canonical = canonicalize(model)
    except InputError as error:
        return dict.fromkeys(VARIANTS[1:], str(error))
    requests = {
        request.name: request
        for request in read_requests(study.settings.requests(name, VARIANTS[0]))
    }
    explored_layers = study.settings.explored_layers(name)
    unfit = {}
    for variant in VARIANTS[1:]:
        chain = [step for step in ancestry(study.config, variant) if step in requests]
        try:
            check(canonical, [requests[step] for step in chain], explored_layers)
        except InputError as error:
            unfit[variant] = " ".join(str(error).split())
    return unfit
