"""Overlays: settings of a model laid over general ones, and checked as a whole."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, TypeVar

from pydantic import ValidationError

from snugnet.config.messages import describe_errors, unknown
from snugnet.config.schema import (
    AnySchemeSettings,
    AnyVariant,
    Configuration,
    TrainableSchemeSettings,
    Variant,
)
from snugnet.core.settings.base import Settings
from snugnet.core.settings.exploration import ExplorationSettings
from snugnet.core.settings.training import TrainingSettings

Record = TypeVar("Record", bound=Settings)
# Blocks that are laid over each other key by key, not replaced as a whole.
NESTED = ("training", "augment")
# Keys of a variant that cannot be changed for one model.
FIXED = ("method", "parent")


def lay_over(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Join blocks; later ones override earlier ones, within `training` and `augment` too."""
    joined = {key: value for block in blocks for key, value in block.items()}
    for name in NESTED:
        parts = [block[name] for block in blocks if name in block]
        if parts and all(isinstance(part, Mapping) for part in parts):
            joined[name] = lay_over(*parts)
    return joined


def variant_settings(config: Configuration, model: str, name: str) -> Variant:
    """Return a variant of a model: its own changes override the general settings.

    Returns:
        An object of the variant's class, with all settings of its training.
    """
    variant: Variant = config.variants[name]
    block = config.models[model]
    blocks = [variant.changes(), block.variants.get(name, {})]
    if "training" in type(variant).model_fields:
        blocks.insert(0, {"training": block.training.to_json()})
    return _validate(type(variant), lay_over(*blocks))


def exploration_settings(config: Configuration, model: str) -> ExplorationSettings:
    """Return the settings of a model's design space: its own changes override the general ones."""
    block = config.models[model]
    general = _with_default_training(config.explore)
    merged = lay_over({"training": block.training.to_json()}, general, block.explore)
    return _validate(ExplorationSettings, merged)


def scheme_settings(config: Configuration, model: str, scheme: str) -> AnySchemeSettings:
    """Return the settings of a scheme for a model, as an object of the scheme's class."""
    block: AnySchemeSettings = getattr(config.schemes, scheme)
    changes = config.models[model].schemes.get(scheme, {})
    return _validate(type(block), lay_over(_with_default_training(block), changes))


def scheme_training(config: Configuration, model: str, scheme: str) -> TrainingSettings:
    """Return the training with the quantizers of an Akida scheme for a model."""
    settings = scheme_settings(config, model, scheme)
    assert isinstance(settings, TrainableSchemeSettings), "only Akida schemes train"
    merged = lay_over(
        {"training": config.models[model].training.to_json()},
        {"training": settings.training.changes()},
    )
    return _validate(TrainingSettings, merged["training"])


def overlay_problems(config: Configuration) -> Iterator[str]:
    """Check the changes of each model: the result must be valid."""
    for model, block in config.models.items():
        yield from _variant_problems(config, model)
        yield from _scheme_problems(config, model)
        merged = lay_over(_with_default_training(config.explore), block.explore)
        yield from _problems(ExplorationSettings, merged, f"models.{model}.explore")


def _variant_problems(config: Configuration, model: str) -> Iterator[str]:
    for name, changes in config.models[model].variants.items():
        where = f"models.{model}.variants.{name}"
        if name not in config.variants:
            yield f"{where}: {unknown('variant', name, list(config.variants))}"
            continue
        for key in FIXED:
            if key in changes:
                yield f"{where}.{key}: cannot be changed for one model; define another variant"
        general = config.variants[name]
        merged = lay_over(general.changes(), {k: v for k, v in changes.items() if k not in FIXED})
        yield from _problems(type(general), merged, where)


def _scheme_problems(config: Configuration, model: str) -> Iterator[str]:
    known = list(type(config.schemes).model_fields)
    for name, changes in config.models[model].schemes.items():
        where = f"models.{model}.schemes.{name}"
        if name not in known:
            yield f"{where}: {unknown('scheme', name, known)}"
            continue
        general = getattr(config.schemes, name)
        yield from _problems(type(general), lay_over(general.changes(), changes), where)


def _with_default_training(block: Settings) -> dict[str, Any]:
    """Return the given settings of a block, with the changes of training that are its default."""
    changes, training = block.changes(), training_of(block)
    return changes if training is None else {**changes, "training": training.changes()}


def _validate(settings: type[Record], values: Mapping[str, Any]) -> Record:
    """Make a record of values that were checked by `overlay_problems`."""
    return settings.model_validate(dict(values))


def _problems(settings: type[Settings], values: dict[str, Any], where: str) -> Iterator[str]:
    try:
        settings.model_validate(values)
    except ValidationError as error:
        yield from describe_errors(error, settings, values, where)


def training_of(settings: Settings) -> TrainingSettings | None:
    """Return the training in some settings; None if they have none."""
    training: TrainingSettings | None = getattr(settings, "training", None)
    return training


def has_parent(variant: Variant) -> TypeGuard[AnyVariant]:
    """Return whether a variant is made from another one."""
    return isinstance(variant, AnyVariant)
