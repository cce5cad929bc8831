"""Checks of a configuration that go beyond single values: names, and settings that must fit.

Each function yields one line for each problem: where it is, what is wrong, and what is allowed.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from snugnet.config.cells import Cell, DescribedCell
from snugnet.config.folds import is_fold, name_fold
from snugnet.config.lineage import (
    ancestry,
    has_quantizers,
    network_of,
    parent_of,
    variants_without_quantizers,
)
from snugnet.config.messages import unknown
from snugnet.config.overlay import (
    exploration_settings,
    has_parent,
    scheme_settings,
    scheme_training,
    training_of,
    variant_settings,
)
from snugnet.config.schema import AnySchemeSettings, Configuration, Dataset, StudyBlock
from snugnet.config.tasks import DECISIONS, has_decisions, task_of
from snugnet.core.akida_schemes import AKIDA_SCHEMES, DEVICES
from snugnet.core.errors import InputError
from snugnet.core.gate_entries import (
    REQUIREMENTS,
    SELECTORS,
    SIZES,
    applies,
    describe_scope,
    is_selected,
    list_fits_problems,
    list_requirements,
    parse_size,
    selected_names,
)
from snugnet.core.inputs import RESERVED_NAMES
from snugnet.core.settings.architectures.pretrained import File
from snugnet.core.settings.datasets.windows import WindowsDataset
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.settings.gate import Gate
from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings
from snugnet.core.settings.training import Augmentation, TrainingSettings
from snugnet.core.tasks import Task
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.datasets.sources import DOWNLOAD_HINTS, source_files

# Scalings that do not depend on the training samples.
FIXED_SCALINGS = ("none", "per_sample")


def key_problems(value: Any, place: str = "") -> Iterator[str]:
    """Find keys that YAML reads as another type than text: 1, null, on."""
    if isinstance(value, list):
        for i, entry in enumerate(value):
            yield from key_problems(entry, f"{place}[{i}]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                yield f"{place or 'top level'}: key {key!r} must be a string; put it in quotes"
            yield from key_problems(entry, f"{place}.{key}".removeprefix("."))


def name_problems(config: Configuration) -> Iterator[str]:
    """Find names that do not exist elsewhere, and settings of one block that do not fit."""
    for name, model in config.models.items():
        if model.dataset not in config.datasets:
            problem = unknown("dataset", model.dataset, list(config.datasets))
            yield f"models.{name}.dataset: {problem}"
        else:
            dataset = config.datasets[model.dataset]
            for problem in training_problems(model.training, dataset):
                yield f"models.{name}.training.{problem}"
    for name, dataset in config.datasets.items():
        if dataset.val + dataset.test >= 1:
            yield (
                f"datasets.{name}: val {dataset.val} + test {dataset.test} must be less than 1; "
                "the rest is the train split"
            )
    yield from _parent_problems(config)
    for name in type(config.schemes).model_fields:
        block = getattr(config.schemes, name)
        yield from _scheme_problems(name, block, config, f"schemes.{name}")
    for i, study_block in enumerate(config.study):
        for key, known in (
            ("models", list(config.models)),
            ("variants", list(config.variants)),
            ("schemes", [*SCHEMES, *AKIDA_SCHEMES]),
        ):
            for name in getattr(study_block, key):
                if name not in known:
                    yield f"study[{i}].{key}: {unknown(key.removesuffix('s'), name, known)}"
        yield from _calibrated_problems(config, study_block, f"study[{i}].variants")


def source_problems(config: Configuration, names: Iterable[str]) -> Iterator[str]:
    """Find datasets whose source files do not exist.

    Args:
        config: The configuration, with the datasets that folds add.
        names: The datasets to check.
    """
    for name in dict.fromkeys(_remove_fold(config, name) for name in names):
        dataset = config.datasets[name]
        files = source_files(dataset, Path(config.datasets_dir))
        missing = [path for path in files if not path.is_file()]
        if missing:
            count = (
                "" if len(files) == 1 else f" ({len(missing)} of {len(files)} files are missing)"
            )
            hint = DOWNLOAD_HINTS[dataset.kind]
            yield f"datasets.{name}.path: no file {str(missing[0])!r}{count}; {hint}"


def model_file_problems(config: Configuration, names: Iterable[str]) -> Iterator[str]:
    """Find models that come from a file which does not exist.

    Args:
        config: The configuration.
        names: The models to check.
    """
    for name in dict.fromkeys(names):
        model = config.models[name]
        if isinstance(model, File) and not Path(model.file).exists():
            yield f"models.{name}.file: no file {model.file!r}; set `file` to where your model is"


def _remove_fold(config: Configuration, name: str) -> str:
    """Return the dataset that a dataset of a fold comes from; other datasets stay as they are."""
    fold = config.datasets[name].fold
    return name if fold is None else name.removesuffix(name_fold("", fold))


def model_scheme_problems(config: Configuration) -> Iterator[str]:
    """Find settings of schemes for single models that do not fit."""
    for model, block in config.models.items():
        for name in block.schemes:
            settings = scheme_settings(config, model, name)
            yield from _scheme_problems(name, settings, config, f"models.{model}.schemes.{name}")


def training_problems(training: TrainingSettings, dataset: Dataset) -> Iterator[str]:
    """Find settings of a training that its dataset does not allow."""
    task = task_of(dataset)
    if not task.has_classes and training.monitor != "loss":
        yield f"monitor: {training.monitor!r} requires classes; use loss for task {task}"
    if task not in DECISIONS:
        if training.class_weights:
            yield f"class_weights: not possible for task {task}; set it to false"
        if training.monitor == "auc" and task == Task.SEGMENTATION:
            yield f"monitor: 'auc' is not possible for task {task}; use loss or accuracy"
    if training.monitor == "auc" and task_of(dataset) == "multiclass":
        yield "monitor: 'auc' requires a binary or multilabel task; use loss or accuracy"
    if _list_inputs(dataset) and training.augment != Augmentation():
        yield "augment: not possible for a model with several inputs; remove it"
    for name in ("roll", "gain"):
        if getattr(training.augment, name) and dataset.layout == "time_channel":
            yield (
                f"augment.{name}: applies along the width, which is not the time axis in layout "
                "time_channel; set it to 0 or use layout channel_time"
            )


def _list_inputs(dataset: Dataset) -> list[str] | None:
    """List the inputs that a dataset names; None if it has one input without a name."""
    if isinstance(dataset, WindowsDataset) and isinstance(dataset.arrays.x, dict):
        return list(dataset.arrays.x)
    return None


def _parent_problems(config: Configuration) -> Iterator[str]:
    variants = config.variants
    for name in variants:
        parent = parent_of(config, name)
        if parent is None:
            continue
        if parent not in variants:
            others = [other for other in variants if other != name]
            yield f"variants.{name}.parent: {unknown('variant', parent, others)}"
            continue
        if variants[parent].method == "calibrate":
            yield (
                f"variants.{name}.parent: {parent!r} only calibrates quantizer ranges, which "
                f"further steps discard; use its parent {parent_of(config, parent)!r} instead"
            )
        chain = [name]
        while chain[-1] in variants and (above := parent_of(config, chain[-1])) is not None:
            if above in chain:
                yield f"variants.{name}.parent: circular chain of parents: {' -> '.join(chain)}"
                break
            chain.append(above)


def _scheme_problems(
    name: str, scheme: AnySchemeSettings, config: Configuration, where: str
) -> Iterator[str]:
    """Find more calibration samples than there are, and devices of another generation."""
    if isinstance(scheme, CalibratedSchemeSettings):
        samples, drawn = scheme.calibration_samples, config.calibration.samples
        if samples is not None and samples > drawn:
            yield (
                f"{where}.calibration_samples: {samples} exceeds calibration.samples ({drawn}); "
                "reduce it or raise the latter"
            )
    if isinstance(scheme, AkidaSchemeSettings):
        devices = DEVICES[AKIDA_SCHEMES[name].version]
        if scheme.device not in devices:
            yield f"{where}.device: {unknown('device', scheme.device, list(devices))}"


def _calibrated_problems(config: Configuration, block: StudyBlock, where: str) -> Iterator[str]:
    """Find Akida schemes of variants whose quantizers are calibrated for TFLite."""
    if AKIDA_SCHEMES.keys().isdisjoint(block.schemes):
        return
    for name in block.variants:
        if name in config.variants and config.variants[name].method == "calibrate":
            yield (
                f"{where}: {name!r} calibrates TFLite quantizers, which Akida schemes do not use; "
                f"use its parent {parent_of(config, name)!r} instead"
            )


def study_problems(
    config: Configuration, cells: Sequence[Cell], described: Sequence[DescribedCell]
) -> Iterator[str]:
    """Find settings that do not fit the cells of a study.

    Args:
        config: The configuration.
        cells: The cells.
        described: The cells with `family`, as gates select them.
    """
    variants: dict[str, dict[str, None]] = {}
    for cell in cells:
        variants.setdefault(cell.model, {})[cell.variant] = None
    for model, names in variants.items():
        yield from _used_variant_problems(config, model, names)
    yield from _task_problems(config, cells)
    yield from _score_problems(config, cells)
    yield from _fold_problems(config, cells)
    yield from _input_problems(config, cells)
    yield from _akida_training_problems(config, cells)
    yield from _analysis_problems(config)
    yield from _gate_problems(config, described)
    yield from _mixed_problems(config, cells)


def _task_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find cells that compare accuracies, although the task of their model has none."""
    models = dict.fromkeys(cell.model for cell in cells)
    for model in (name for name in models if not has_decisions(config, name)):
        task = task_of(config.datasets[config.models[model].dataset])
        own = [cell for cell in cells if cell.model == model]
        schemes = dict.fromkeys(
            cell.scheme for cell in own if cell.scheme in ("mixed", *AKIDA_SCHEMES)
        )
        steps = dict.fromkeys(step for cell in own for step in ancestry(config, cell.variant))
        methods = [
            name
            for name in steps
            if config.variants[name].method == "calibrate"
            or getattr(config.variants[name], "point", None) is not None
        ]
        for what in (*(f"scheme {name}" for name in schemes), *(f"variant {n}" for n in methods)):
            yield (
                f"study: {what} of {model} is not possible for task {task}. Possible tasks: "
                "multiclass, binary, multilabel. Remove it."
            )
        architecture = config.models[model].architecture
        if task in (Task.SEGMENTATION, Task.RECONSTRUCTION) and architecture != "file":
            yield (
                f"models.{model}: architecture {architecture} has one output vector for each "
                f"sample, which does not fit task {task}; bring your own model (`file`)"
            )


def _score_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find datasets with logits whose model ends in a softmax or sigmoid of Snugnet."""
    for model in dict.fromkeys(cell.model for cell in cells):
        settings = config.models[model]
        dataset = config.datasets[settings.dataset]
        is_logit = getattr(dataset, "scores", None) == "logits"
        if is_logit and settings.architecture != "file":
            yield (
                f"models.{model}: dataset {settings.dataset} has `scores: logits`, but "
                f"architecture {settings.architecture} gives probabilities; use another dataset"
            )


def _fold_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find what a cross-validation cannot have."""
    for model in dict.fromkeys(cell.model for cell in cells):
        dataset_name = config.models[model].dataset
        dataset = config.datasets[dataset_name]
        if dataset.cross_validation is None:
            continue
        variants = dict.fromkeys(cell.variant for cell in cells if cell.model == model)
        for name in dict.fromkeys(step for v in variants for step in ancestry(config, v)):
            if getattr(config.variants[name], "point", None) is not None:
                yield (
                    f"variants.{name} of {model}: point is not possible with folds, because each "
                    "fold has another design space; copy the layers of the design instead"
                )
        if task_of(dataset) == Task.RECONSTRUCTION and dataset.scaling not in FIXED_SCALINGS:
            yield (
                f"datasets.{dataset_name}.scaling: with folds, errors of a reconstruction have one "
                f"unit only if scaling is {' or '.join(FIXED_SCALINGS)}"
            )


def _input_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find what a model with several inputs cannot have."""
    for model in dict.fromkeys(cell.model for cell in cells):
        dataset_name = config.models[model].dataset
        dataset = config.datasets[dataset_name]
        inputs = _list_inputs(dataset)
        if inputs is None:
            continue
        where = f"datasets.{dataset_name}.arrays.x"
        if len(inputs) < 2:
            yield f"{where}: names {len(inputs)} inputs; name one array, or at least two inputs"
            continue
        if names := sorted(RESERVED_NAMES.intersection(inputs)):
            yield f"{where}: the input cannot have the name {names[0]!r}; rename the input layer"
        if isinstance(dataset, WindowsDataset) and not dataset.path.endswith(".npz"):
            yield f"datasets.{dataset_name}.path: several inputs need an .npz file"
        architecture = config.models[model].architecture
        if architecture != "file":
            yield (
                f"models.{model}: architecture {architecture} has one input, but "
                f"datasets.{dataset_name}.arrays.x has {len(inputs)}; bring your "
                "own model (`file`)"
            )
        if dataset.scaling != "none":
            yield (
                f"datasets.{dataset_name}.scaling: {dataset.scaling} is not possible with several "
                "inputs; scale each array in the file, and set none"
            )
        schemes = [cell.scheme for cell in cells if cell.model == model]
        for scheme in dict.fromkeys(name for name in schemes if name in AKIDA_SCHEMES):
            yield f"study: scheme {scheme} of {model} takes one input; remove it"


def _used_variant_problems(
    config: Configuration, model: str, variants: Collection[str]
) -> Iterator[str]:
    """Find problems of the variants of a model, and of the variants that they are made from."""
    dataset = config.datasets[config.models[model].dataset]
    for name in dict.fromkeys(step for variant in variants for step in ancestry(config, variant)):
        if not has_parent(config.variants[name]):
            continue
        settings = variant_settings(config, model, name)
        where = f"variants.{name} of {model}"
        if (training := training_of(settings)) is not None:
            for problem in training_problems(training, dataset):
                yield f"{where}: training.{problem}"
        if isinstance(settings, FactorizationSettings):
            yield from factorization_problems(settings, where, model, name)
            if settings.point is not None:
                training = exploration_settings(config, model).training
                for problem in training_problems(training, dataset):
                    yield f"explore of {model}: training.{problem}"


def factorization_problems(
    settings: FactorizationSettings, where: str, model: str, name: str
) -> Iterator[str]:
    """Find problems of a factorization: it needs ranks or a point, not both."""
    if bool(settings.layers) == (settings.point is not None):
        yield (
            f"{where}: set either layers or point, not both, there or in "
            f"models.{model}.variants.{name}"
        )
    for layer, request in settings.layers.items():
        for side in ("inputs", "outputs"):
            if getattr(request, side) and request.method != "tt":
                yield f"{where}: layers.{layer}.{side}: only method tt takes {side}; remove the key"


def _akida_training_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find problems of trainings with Akida's quantizers."""
    trained = {
        (cell.model, cell.scheme)
        for cell in cells
        if network_of(config, cell.variant, cell.scheme) != cell.variant
    }
    for model, scheme in sorted(trained):
        dataset = config.datasets[config.models[model].dataset]
        for problem in training_problems(scheme_training(config, model, scheme), dataset):
            yield f"schemes.{scheme} of {model}: training.{problem}"


def _analysis_problems(config: Configuration) -> Iterator[str]:
    """Find names of models, with or without seeds, and of variants that do not exist."""
    for name in type(config.analyses).model_fields:
        selection = getattr(config.analyses, name)
        models = [model for model in config.models if not is_fold(config, model)]
        for key, known in (("models", models), ("variants", list(config.variants))):
            for entry in getattr(selection, key) or ():
                if entry not in known:
                    problem = unknown(key.removesuffix("s"), entry, known)
                    yield f"analyses.{name}.{key}: {problem}"


def _gate_problems(config: Configuration, cells: Sequence[DescribedCell]) -> Iterator[str]:
    """Find problems of the entries of `gates:`."""
    for i, gate in enumerate(config.gates):
        for problem in gate_problems(gate, cells):
            yield f"gates[{i}]{problem}"
        if gate.fits is not None:
            for problem in list_fits_problems(gate.fits, config.firmware.targets):
                yield f"gates[{i}].fits{problem}"
        if gate.max_latency_us is not None and config.evaluation.latency_runs == 0:
            yield (
                f"gates[{i}].max_latency_us: latency is not measured because "
                "evaluation.latency_runs is 0; set it above 0"
            )


def gate_problems(gate: Gate, cells: Sequence[DescribedCell]) -> Iterator[str]:
    """Find why an entry of `gates:` cannot be checked on cells of the study."""
    unknown_names = list(_unknown_cells(gate, cells))
    yield from unknown_names
    selected = [
        cell
        for cell in cells
        if is_selected(
            gate,
            model=cell.model,
            family=cell.family,
            variant=cell.variant,
            scheme=cell.scheme,
            runtime=cell.runtime,
        )
    ]
    if not selected and not unknown_names:
        yield f": no cell of the study matches {describe_scope(gate)}"
    required = list_requirements(gate)
    if not required:
        yield f": has no requirement; set at least one of {', '.join(REQUIREMENTS)}"
    for name in required:
        schemes = REQUIREMENTS[name]
        if selected and not any(cell.scheme in schemes for cell in selected):
            yield f".{name}: no cell has this value; allowed schemes: {', '.join(schemes)}"
        if selected and not any(applies(name, cell.has_errors) for cell in selected):
            kind = "classes" if selected[0].has_errors else "no classes"
            yield f".{name}: no cell has this value; it needs a task with {kind}"
    for name in (name for name in SIZES if name in required):
        try:
            parse_size(getattr(gate, name))
        except InputError as error:
            yield f".{name}: {error}"
    if gate.confidence != "possible" and gate.max_drop is None:
        yield ".confidence: requires max_drop; set max_drop or remove confidence"


def _unknown_cells(gate: Gate, cells: Sequence[DescribedCell]) -> Iterator[str]:
    """Find names in an entry of `gates:` that no cell of the study has."""
    for key in SELECTORS:
        what = key.removesuffix("s")
        known = dict.fromkeys(getattr(cell, what) for cell in cells)
        if what == "model":
            known |= dict.fromkeys(cell.family for cell in cells)
        for name in selected_names(gate, key) or ():
            if name not in known:
                yield f".{key}: not in the study: {unknown(what, name, list(known))}"


def _mixed_problems(config: Configuration, cells: Sequence[Cell]) -> Iterator[str]:
    """Find cells of scheme `mixed` whose variant has quantizer ranges."""
    for cell in cells:
        if cell.scheme == "mixed" and has_quantizers(config, cell.variant):
            yield (
                f"study: variant {cell.variant} of {cell.model} cannot use scheme "
                f"{cell.scheme}: it has its own quantizer ranges; allowed: "
                f"{', '.join(variants_without_quantizers(config))}"
            )
