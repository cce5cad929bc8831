"""Settings of jobs: the parts of a configuration that a rule tracks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from snugnet.config.cells import Cell, DescribedCell, families, seed_of
from snugnet.config.folds import count_folds, is_fold
from snugnet.config.lineage import ancestry, parent_of
from snugnet.config.overlay import (
    exploration_settings,
    has_parent,
    scheme_settings,
    scheme_training,
    training_of,
    variant_settings,
)
from snugnet.config.schema import Configuration, Dataset
from snugnet.config.tasks import task_of
from snugnet.core.gate_entries import SIZES, parse_count, parse_size
from snugnet.core.settings.base import Settings
from snugnet.core.settings.datasets.recordings import RecordingsDataset
from snugnet.core.settings.datasets.windows import WindowsDataset
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.settings.gate import Fits

Wildcards = Mapping[str, str]
# Settings of a model that are about steps after its training.
LATER = {"variants", "explore", "schemes"}
# The module of each compression method.
METHOD_MODULES = {
    "finetune": "snugnet.compress.finetune",
    "prune_structured": "snugnet.compress.pruning.structured",
    "prune_magnitude": "snugnet.compress.pruning.magnitude",
    "factorize": "snugnet.compress.lowrank.factorize",
}


class JobSettings:
    """The settings of jobs, by part and wildcards, as plain values that Snakemake compares."""

    def __init__(self, config: Configuration, cells: Sequence[Cell]) -> None:
        self._config = config
        self._cells = cells
        self._parts: dict[str, Callable[[Wildcards], Any]] = {
            "dataset": lambda w: {"name": w["dataset"], **self.dataset(w["dataset"])},
            "loader_module": lambda w: f"snugnet.datasets.{config.datasets[w['dataset']].kind}",
            "model": lambda w: config.models[w["model"]].model_dump(mode="json", exclude=LATER),
            "file": lambda w: getattr(config.models[w["model"]], "file", None),
            "architecture_module": self._architecture_module,
            "variant": lambda w: self.variant(w["model"], w["variant"]),
            "method_module": lambda w: METHOD_MODULES[config.variants[w["variant"]].method],
            "explore": lambda w: exploration_settings(config, w["model"]).to_json(),
            "scheme": self._scheme,
            "scheme_training": lambda w: scheme_training(config, w["model"], w["scheme"]).to_json(),
            "seed": lambda w: seed_of(config, w["model"]) if "model" in w else config.seed,
            "evaluation": self._evaluation,
            "cells": lambda w: [cell.to_json() for cell in self.described_cells()],
            "gates": lambda w: self._gates(),
            "recipes": lambda w: self._recipes(),
        }

    def collect(self, names: Iterable[str], wildcards: Wildcards) -> dict[str, Any]:
        """Collect parts of the configuration, with sorted keys: their order never matters.

        Args:
            names: Names of parts: a key of the configuration, or `dataset`, `model`, `file`,
                `variant`, `explore`, `scheme`, `scheme_training`, `evaluation`, `seed`, `cells`,
                `gates`, `recipes`, or the module that a script imports: `loader_module`,
                `architecture_module`, `method_module`.
            wildcards: The wildcards of the job.
        """
        parts: dict[str, Any] = _sorted({name: self._part(name, wildcards) for name in names})
        return parts

    def _part(self, name: str, wildcards: Wildcards) -> Any:
        if name in self._parts:
            return self._parts[name](wildcards)
        value = getattr(self._config, name)
        return value.to_json() if isinstance(value, Settings) else value

    def dataset(self, name: str) -> dict[str, Any]:
        """Return the settings of a dataset; `arrays` holds only the given names."""
        block: Dataset = self._config.datasets[name]
        settings = block.to_json()
        if isinstance(block, WindowsDataset | RecordingsDataset):
            settings["arrays"] = block.arrays.to_plain()
        return settings

    def variant(self, model: str, name: str) -> dict[str, Any]:
        """Return the settings of a variant for a model."""
        variant = variant_settings(self._config, model, name)
        settings = variant.to_json()
        if isinstance(variant, FactorizationSettings):
            settings["layers"] = {key: layer.to_json() for key, layer in variant.layers.items()}
        return settings

    def requests(self, model: str, variant: str) -> list[tuple[str, dict[str, Any]]]:
        """List what the study makes from a variant, itself included, parents first.

        Returns:
            Name and settings of each variant that has a parent; nothing if nothing is made from it.
            The settings include `parent` and `method`.
        """
        variants = dict.fromkeys(cell.variant for cell in self._cells if cell.model == model)
        chains = [ancestry(self._config, name) for name in variants]
        below = [chain[chain.index(variant) :] for chain in chains if variant in chain[:-1]]
        names = dict.fromkeys(name for chain in below for name in chain)
        return [
            (name, self.variant(model, name))
            for name in names
            if has_parent(self._config.variants[name])
        ]

    def explored_layers(self, model: str) -> list[str]:
        """Return the names of the layers that the design space of a model covers; empty for all."""
        return list(exploration_settings(self._config, model).layers)

    def described_cells(self) -> list[DescribedCell]:
        """Return each cell with its family, seed, dataset, parent and method."""
        family = families(self._config)
        return [
            DescribedCell(
                model=cell.model,
                variant=cell.variant,
                scheme=cell.scheme,
                runtime=cell.runtime,
                family=family[cell.model],
                seed=seed_of(self._config, cell.model),
                dataset=self._config.models[cell.model].dataset,
                parent=parent_of(self._config, cell.variant),
                method=self._config.variants[cell.variant].method,
                folds=count_folds(self._config, cell.model),
                has_errors=not task_of(self._dataset_of(cell.model)).has_classes,
            )
            for cell in self._cells
        ]

    def _dataset_of(self, model: str) -> Dataset:
        return self._config.datasets[self._config.models[model].dataset]

    def _architecture_module(self, wildcards: Wildcards) -> str:
        architecture = self._config.models[wildcards["model"]].architecture
        module = "pretrained" if architecture == "file" else architecture
        return f"snugnet.models.architectures.{module}"

    def _evaluation(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of predictions. Latency is not measured for the models of folds."""
        settings = self._config.evaluation
        if is_fold(self._config, wildcards["model"]):
            settings = settings.model_copy(update={"latency_runs": 0, "warm_up": 0})
        return settings.to_json()

    def _scheme(self, wildcards: Wildcards) -> dict[str, Any]:
        settings = scheme_settings(self._config, wildcards["model"], wildcards["scheme"])
        values = settings.model_dump(mode="json", exclude={"training"})
        return {"name": wildcards["scheme"], **values}

    def _scheme_changes(self, model: str, scheme: str) -> dict[str, Any]:
        """Return the settings of a scheme, with only the changes of the model's training."""
        settings = scheme_settings(self._config, model, scheme)
        values = settings.to_json()
        if (training := training_of(settings)) is not None:
            values["training"] = training.changes()
        return values

    def _gates(self) -> list[dict[str, Any]]:
        """Return the entries of `gates:` with sizes in bytes and the confidence of intervals."""
        interval = self._config.statistics.confidence
        entries = []
        for gate in self._config.gates:
            entry = gate.to_json()
            sizes = {name: parse_size(entry[name]) for name in SIZES if entry[name] is not None}
            fits = None if gate.fits is None else _measurable_fits(gate.fits)
            entries.append({**entry, **sizes, "fits": fits, "interval": interval})
        return entries

    def _recipes(self) -> dict[str, Any]:
        """Return the settings of everything that the study makes, by name, for model cards."""
        config = self._config
        models = dict.fromkeys(cell.model for cell in self._cells)
        schemes = dict.fromkeys((cell.model, cell.scheme) for cell in self._cells)
        steps = dict.fromkeys(
            (cell.model, step) for cell in self._cells for step in ancestry(config, cell.variant)
        )
        return {
            "datasets": {
                name: self.dataset(name) for name in (config.models[m].dataset for m in models)
            },
            "models": {model: self._part("model", {"model": model}) for model in models},
            "variants": {f"{model}/{step}": self.variant(model, step) for model, step in steps},
            "schemes": {
                f"{model}/{name}": self._scheme_changes(model, name) for model, name in schemes
            },
            "lineages": {step: ancestry(config, step) for _, step in steps},
        }


def _measurable_fits(fits: Fits) -> dict[str, Any]:
    """Return the limits of a microcontroller in bytes and instructions."""
    sizes = {name: getattr(fits, name) for name in ("flash", "ram")}
    return {
        **fits.to_json(),
        **{name: None if size is None else parse_size(size) for name, size in sizes.items()},
        "instructions": None if fits.instructions is None else parse_count(fits.instructions),
    }


def _sorted(value: Any) -> Any:
    """Copy nested mappings with their keys sorted: Snakemake compares their text."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value
