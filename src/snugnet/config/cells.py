"""Cells of a study: models, variants, schemes and runtimes; and models with several seeds."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, NamedTuple

from snugnet.config.schema import Configuration, StudyBlock
from snugnet.core.akida_schemes import AKIDA_RUNTIMES, AKIDA_SCHEMES


class Cell(NamedTuple):
    """One row of the results."""

    model: str
    variant: str
    scheme: str
    runtime: str


@dataclass(frozen=True)
class DescribedCell:
    """A cell, and where it comes from.

    Attributes:
        model: Model of the cell.
        variant: Variant of the cell.
        scheme: Scheme of the cell.
        runtime: Runtime of the cell.
        family: The model that `model` is but for its seed.
        seed: Random seed of the model.
        dataset: Dataset of the model.
        parent: Parent of the variant; None for a trained variant.
        method: Compression method of the variant.
        folds: Number of folds of the cross-validation; None without one.
        has_errors: Whether the task has no classes, so that cells have errors, not accuracies.
    """

    model: str
    variant: str
    scheme: str
    runtime: str
    family: str
    seed: int
    dataset: str
    parent: str | None
    method: str
    folds: int | None
    has_errors: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return asdict(self)


def list_cells(config: Configuration) -> list[Cell]:
    """List the cells of a study in their order, each once."""
    return list(dict.fromkeys(_cells(config)))


def _cells(config: Configuration) -> Iterator[Cell]:
    for block in config.study:
        for model, variant, scheme in product(
            _model_names(config, block), block.variants, block.schemes
        ):
            for runtime in AKIDA_RUNTIMES if scheme in AKIDA_SCHEMES else ("litert",):
                yield Cell(model, variant, scheme, runtime)


def _model_names(config: Configuration, block: StudyBlock) -> list[str]:
    """List the models of a block of the study, once per seed if it has seeds."""
    if not block.seeds:
        return list(block.models)
    return [
        name_with_seed(config, model, seed) for model, seed in product(block.models, block.seeds)
    ]


def seed_of(config: Configuration, model: str) -> int:
    """Return the seed of a model: its own, or else the study's."""
    own = config.models[model].seed
    return config.seed if own is None else own


def name_with_seed(config: Configuration, model: str, seed: int) -> str:
    """Name a model with a seed. With its own seed it keeps its name, and so its results."""
    return model if seed == seed_of(config, model) else f"{model}_s{seed}"


def add_seeded_models(config: Configuration) -> tuple[Configuration, list[str]]:
    """Add the models that blocks of the study train with several seeds.

    Returns:
        The configuration with them, and a problem for each name that another model has.
    """
    models, problems = dict(config.models), []
    for block in config.study:
        for model, seed in product(block.models, block.seeds):
            name = name_with_seed(config, model, seed)
            if name == model:
                continue
            seeded = models[model].model_copy(update={"seed": seed})
            if models.setdefault(name, seeded) != seeded:
                problems.append(
                    f"models.{name}: this name is taken by {model} with seed {seed}; rename it"
                )
    return config.model_copy(update={"models": models}), problems


def families(config: Configuration) -> dict[str, str]:
    """Return for each model its family: the model that it is but for its seed."""
    seeded = {
        name_with_seed(config, name, seed): name
        for block in config.study
        for name, seed in product(block.models, block.seeds)
    }
    return {model: seeded.get(model, model) for model in config.models}
