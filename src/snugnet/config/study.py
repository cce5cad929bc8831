"""A study: a checked configuration with its cells, its targets, and the settings of its jobs."""

import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from snugnet.config import lineage
from snugnet.config.cells import Cell, add_seeded_models, list_cells
from snugnet.config.checks import (
    key_problems,
    model_file_problems,
    model_scheme_problems,
    name_problems,
    source_problems,
    study_problems,
)
from snugnet.config.folds import (
    add_folds,
    fold_problems,
    is_fold,
    list_fold_models,
    resolve_folds,
)
from snugnet.config.job_settings import JobSettings
from snugnet.config.messages import describe_errors
from snugnet.config.overlay import overlay_problems
from snugnet.config.schema import Configuration
from snugnet.config.targets import Targets
from snugnet.core.errors import InputError
from snugnet.core.quantization_steps import STEPS


class Study:
    """A checked study.

    Attributes:
        config: The configuration, with defaults, and with the models and datasets that seeds and
            folds add.
        cells: The cells, in their order, each once.
        targets: The files of the study.
        settings: The settings of its jobs.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Check a configuration.

        Args:
            config: The configuration as YAML has it. It is not changed.

        Raises:
            InputError: If settings are invalid; each line has a place, what is wrong, and what is
                allowed.
        """
        self.config = _check(config)
        self.cells = list_cells(self.config)
        self._known_cells = frozenset(self.cells)
        self.targets = Targets(self.config, self.cells)
        self.settings = JobSettings(self.config, self.cells)
        described = self.settings.described_cells() if self.config.gates else []
        _raise_if(list(study_problems(self.config, self.cells, described)))

    def make_results_dir(self) -> str:
        """Create the results folders, and check that files can be written there.

        Raises:
            InputError: If they cannot.
        """
        name = self.config.results_dir.rstrip("/")
        # Snakemake's records are in `results`, whatever folder the study uses.
        for folder in ("results", name):
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                other = (
                    "start Snakemake in another folder (--directory)"
                    if folder == "results"
                    else "set results_dir to another folder"
                )
                raise InputError(
                    f"results_dir: cannot write to {folder!r} ({error.strerror}); make it "
                    f"writable, or {other}"
                ) from None
        return name

    def check_sources(self, datasets: Iterable[str], models: Iterable[str] = ()) -> None:
        """Check that the source files of datasets and models exist.

        A study needs them only if it reads them: the results of a complete study stay up to date
        without them.

        Args:
            datasets: The datasets to prepare.
            models: The models to take from a file, if they come from one.

        Raises:
            InputError: If files do not exist.
        """
        problems = [*source_problems(self.config, datasets)]
        _raise_if([*problems, *model_file_problems(self.config, models)])

    def pattern(self, block: str, **values: Collection[str]) -> str:
        """Return the regular expression of names in a block whose settings have allowed values."""
        entries = getattr(self.config, block)
        if not isinstance(entries, Mapping):  # the schemes, which are fixed
            return "|".join(type(entries).model_fields)
        names = [
            name
            for name, entry in entries.items()
            if all(getattr(entry, key) in allowed for key, allowed in values.items())
        ]
        # Without names, a pattern that matches nothing.
        return "|".join(map(re.escape, names)) or "(?!)"

    def dataset_of(self, model: str) -> str:
        """Return the dataset of a model."""
        name: str = self.config.models[model].dataset
        return name

    def is_fold(self, model: str) -> bool:
        """Return whether a model is one that was added for a fold."""
        return is_fold(self.config, model)

    def fold_models(self, model: str) -> list[str]:
        """Return the models of all folds of a model; none without cross-validation."""
        return list_fold_models(self.config, model)

    def parent_of(self, variant: str) -> str | None:
        """Return the variant that another one is made from; None for a trained variant."""
        return lineage.parent_of(self.config, variant)

    def network_of(self, variant: str, scheme: str) -> str:
        """Return the variant whose float network the cells of a variant and a scheme compute."""
        return lineage.network_of(self.config, variant, scheme)

    def shares_network(self, model: str, variant: str, scheme: str) -> bool:
        """Return whether a scheme's file is derived from the file of scheme `fiq_float32`."""
        return lineage.shares_network(self.config, model, variant, scheme)

    def variants_without_quantizers(self) -> str:
        """Return the regular expression of the variants whose files need calibration."""
        return "|".join(lineage.variants_without_quantizers(self.config)) or "(?!)"

    def has(self, cell: Cell) -> bool:
        """Return whether a cell is one of the study's."""
        return cell in self._known_cells

    def find_previous_step(self, cell: Cell) -> Cell | None:
        """Return the cell one quantization step before; None if the study has none."""
        is_first = cell.scheme not in STEPS
        if is_first or lineage.has_quantizers(self.config, cell.variant):
            return None
        previous = cell._replace(scheme=STEPS[cell.scheme].previous)
        return previous if self.has(previous) else None


def _check(raw: Mapping[str, Any]) -> Configuration:
    """Check a configuration as far as that is possible without its cells."""
    # YAML's anchors share one block between keys.
    values = deepcopy(dict(raw))
    _raise_if([*key_problems(values), *fold_problems(values)])
    _name_file_models(values)
    try:
        config = Configuration.model_validate(values)
    except ValidationError as error:
        _raise_if(list(describe_errors(error, Configuration, values)))
        raise
    _raise_if([*name_problems(config), *overlay_problems(config)])
    _raise_if(list(model_scheme_problems(config)))
    for extend in (add_seeded_models, resolve_folds, add_folds):
        config, problems = extend(config)
        _raise_if(problems)
    return config


def _name_file_models(values: dict[str, Any]) -> None:
    """Set the architecture of models that come in a file."""
    models = values.get("models")
    for block in models.values() if isinstance(models, dict) else ():
        if isinstance(block, dict) and "file" in block:
            block.setdefault("architecture", "file")


def _raise_if(problems: list[str]) -> None:
    """Raise an error that lists all problems, if there are any."""
    if problems:
        raise InputError("\n  ".join(["these settings are invalid:", *problems]))
