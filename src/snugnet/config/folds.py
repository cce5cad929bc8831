"""Cross-validation: the datasets and models that a study has once for each fold."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snugnet.config.schema import Configuration
from snugnet.core.errors import InputError
from snugnet.core.settings.datasets.folds import LEAVE_ONE_GROUP_OUT, MAX_FOLDS, MIN_FOLDS
from snugnet.core.settings.datasets.windows import WindowsDataset


def count_folds(config: Configuration, model: str) -> int | None:
    """Return the number of folds of a model; None if its dataset has no cross-validation."""
    return config.datasets[config.models[model].dataset].cross_validation


def is_fold(config: Configuration, model: str) -> bool:
    """Return whether a model is one that was added for a fold."""
    return config.datasets[config.models[model].dataset].fold is not None


def name_fold(name: str, fold: int) -> str:
    """Name a model or a dataset of a fold, which counts from 1."""
    return f"{name}_fold{fold}"


def list_fold_models(config: Configuration, model: str) -> list[str]:
    """List the models of all folds of a model; none for other models."""
    folds = count_folds(config, model)
    if folds is None or is_fold(config, model):
        return []
    return [name_fold(model, fold) for fold in range(1, folds + 1)]


def resolve_folds(config: Configuration) -> tuple[Configuration, list[str]]:
    """Replace `leave_one_group_out` by the number of groups, for the datasets of the study.

    Returns:
        The configuration with numbers of folds, and a problem for each dataset whose folds are not
        possible.
    """
    datasets, problems = dict(config.datasets), []
    models = [config.models[name] for block in config.study for name in block.models]
    for name in dict.fromkeys(model.dataset for model in models):
        dataset, place = datasets[name], f"datasets.{name}.folds"
        if dataset.folds != LEAVE_ONE_GROUP_OUT:
            continue
        if not isinstance(dataset, WindowsDataset):
            problems.append(
                f"{place}: {LEAVE_ONE_GROUP_OUT} is only possible for kind windows; give a number"
            )
            continue
        try:
            groups = _count_groups(dataset, config)
        except InputError as error:
            problems.append(f"{place}: {error}")
            continue
        datasets[name] = dataset.model_copy(update={"folds": groups})
    return config.model_copy(update={"datasets": datasets}), problems


def _count_groups(dataset: WindowsDataset, config: Configuration) -> int:
    from snugnet.datasets.windows import count_groups

    groups = count_groups(dataset, Path(config.datasets_dir))
    if not MIN_FOLDS <= groups <= MAX_FOLDS:
        raise InputError(
            f"{groups} groups cannot each be a fold; {MIN_FOLDS} to {MAX_FOLDS} are possible. Give "
            "a number of folds"
        )
    return groups


def fold_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    """Find keys that only `add_folds` may set, in a configuration as YAML has it."""
    datasets = raw.get("datasets")
    for name, block in datasets.items() if isinstance(datasets, dict) else ():
        if isinstance(block, dict) and "fold" in block:
            yield f"datasets.{name}: unknown key 'fold'. Did you mean 'folds'?"


def add_folds(config: Configuration) -> tuple[Configuration, list[str]]:
    """Add the datasets and the models of all folds.

    Returns:
        The configuration with them, and a problem for each name that is taken, and each model that
        Snugnet does not train.
    """
    datasets, models, problems = dict(config.datasets), dict(config.models), []
    for name, dataset in config.datasets.items():
        for fold in range(1, (dataset.cross_validation or 0) + 1):
            added = name_fold(name, fold)
            if added in datasets:
                problems.append(f"datasets.{added}: this name is taken by a fold; rename it")
            datasets[added] = dataset.model_copy(update={"fold": fold})
    for name, model in config.models.items():
        folds = count_folds(config, name)
        if folds is not None and model.architecture == "file":
            problems.append(
                f"models.{name}: dataset {model.dataset} has folds, but the model comes from a "
                "file and was already trained; remove `folds`"
            )
        for fold in range(1, (folds or 0) + 1):
            added = name_fold(name, fold)
            if added in models:
                problems.append(f"models.{added}: this name is taken by a fold; rename it")
            models[added] = model.model_copy(update={"dataset": name_fold(model.dataset, fold)})
    return config.model_copy(update={"datasets": datasets, "models": models}), problems
