"""The configuration: checked, completed with defaults, and turned into cells and settings.

Imported while Snakemake parses. Nothing here decides how work is done, only what is asked for.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from snugnet.config.validation import (
    analysis_problems,
    cross_problems,
    factorize_problems,
    gate_problems,
    key_problems,
    laid_over,
    override_problems,
    own_scheme_problems,
    schema_problems,
    training_problems,
)
from snugnet.core.akida_schemes import AKIDA_RUNTIMES, AKIDA_SCHEMES
from snugnet.core.errors import InputError
from snugnet.core.gate_entries import SIZES, parse_size
from snugnet.core.quantization_steps import RUNGS
from snugnet.core.tflite_schemes import DERIVED, FULL_INTEGER, NETWORK_SCHEME, SCHEMES
from snugnet.datasets.sources import DOWNLOAD_HINTS

# What a model's block says about steps after its training.
LATER = ("variants", "explore", "schemes")

# The module of each compression method.
METHOD_MODULES = {
    "finetune": "snugnet.compress.finetune",
    "prune_structured": "snugnet.compress.pruning.structured",
    "prune_magnitude": "snugnet.compress.pruning.magnitude",
    "factorize": "snugnet.compress.lowrank.factorize",
}

# Of which schemes each analysis looks into cells.
ANALYSES = {
    "layers": ("fiq_int8",),
    "sensitivity": ("fiq_int8",),
    "mistakes": ("fiq_int8", "fiq_uint8"),
}
ANALYSIS_STAGES = ("debugged", "traced", "sensitivity", "mistakes")
# Of which stages the report shows files beside the table.
REPORTED = (
    *("data", "records", "models", "histories", "designs"),
    *("tflite", "contracts", "certificates", "conversions", "programs", "metrics"),
    *ANALYSIS_STAGES,
    *("searches", "calibrations"),
)
# Of which stages the target `all` requires every file, and what it requires beside them.
DELIVERED = (
    *("data", "records", "models", "histories", "stats", "designs", "calibrations"),
    *("tflite", "contracts", "searches", "certificates"),
    *("conversions", "programs", "agreements"),
    *("predictions", "metrics"),
    *ANALYSIS_STAGES,
)
REPORT_FILES = (
    *("report/metrics.csv", "report/seeds.csv", "report/metrics.md", "report/index.html"),
    *("report/figures", "report/gate.json", "report/gate.passed", "manifest.json"),
)
# Methods after which a model has quantizers with ranges.
WITH_QUANTIZERS = ("qat", "calibrate")


class Cell(NamedTuple):
    """One row of the results."""

    model: str
    variant: str
    scheme: str
    runtime: str

    @property
    def path(self) -> str:
        """The cell's place below a stage's folder."""
        return "/".join(self)


class Study:
    """A checked configuration.

    Attributes:
        config: The configuration with all defaults filled in.
        cells: What `study` asks for, in its order, each once.
    """

    def __init__(self, config: dict[str, Any], schema: Mapping[str, Any]) -> None:
        """Check `config` against `schema` and itself, and fill in defaults, in place.

        Raises:
            InputError: Listing everything that is wrong: key, value and what is allowed.
        """
        # YAML's anchors share one block between keys whose defaults differ.
        config.update(_unshared(config))
        _name_files(config)
        problems = list(key_problems(config)) or list(schema_problems(config, schema))
        if not problems:
            problems = [
                *cross_problems(config),
                *override_problems(config, schema),
                *own_scheme_problems(config, schema),
            ]
        if not problems:
            problems = list(_add_seeded_models(config))
        if not problems:
            self.config = config
            self.cells = list(_cells(config))
            self._known_cells = frozenset(self.cells)
            self._asked: dict[str, dict[str, None]] = {}  # variants by model, in order
            for cell in self.cells:
                self._asked.setdefault(cell.model, {})[cell.variant] = None
            problems = [
                *self._unusable_variants(),
                *self._unusable_trainings(),
                *analysis_problems(config),
                *self._unusable_gates(),
                *self._unusable_schemes(),
            ]
        if problems:
            raise InputError("\n  ".join(["these settings are invalid:", *problems]))

    def make_results_dir(self) -> str:
        """Create the results folders and make sure that they can be written to.

        Raises:
            InputError: If they cannot.
        """
        name: str = self.config["results_dir"].rstrip("/")
        # Snakemake's provenance database is in `results`, whatever folder the study uses.
        for folder in ("results", name):
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise InputError(
                    f"results_dir: cannot write to {folder!r} ({error.strerror}); make it "
                    "writable or set results_dir to another folder"
                ) from None
        return name

    def pattern(self, block: str, **having: Collection[str]) -> str:
        """Make the regular expression of the names in a block whose entries have allowed values."""
        names = [
            name
            for name, entry in self.config[block].items()
            if all(entry[key] in values for key, values in having.items())
        ]
        # A pattern that matches nothing, where there are no names.
        return "|".join(names) or "(?!)"

    def dataset_of(self, model: str) -> str:
        """Name the dataset that a model is bound to."""
        name: str = self.config["models"][model]["dataset"]
        return name

    def settings(self, names: tuple[str, ...], wildcards: Mapping[str, str]) -> dict[str, Any]:
        """Collect what a job may know, keys sorted throughout so that their order never matters.

        Args:
            names: Which parts: a key of the configuration, or one of `dataset`, `model`, `file`,
                `variant`, `explore`, `scheme`, `scheme_training`, `cells`, `gates`, `recipes`, or
                the module that a script imports: `loader_module`, `architecture_module`,
                `method_module`.
            wildcards: Of the job.
        """
        parts: dict[str, Any] = _sorted({name: self._part(name, wildcards) for name in names})
        return parts

    def dataset_settings(self, name: str) -> dict[str, Any]:
        """Give a dataset's block, its name, and for real data the folder where paths start."""
        block = self.config["datasets"][name]
        folder = (
            {"datasets_dir": self.config["datasets_dir"]} if block["kind"] in DOWNLOAD_HINTS else {}
        )
        return {"name": name, **block, **folder}

    def variant(self, model: str, name: str) -> dict[str, Any]:
        """Give a variant's settings for a model, whose own changes go before the general ones."""
        block = self.config["models"][model]
        return laid_over(
            {"training": block["training"]},
            self.config["variants"][name],
            block["variants"].get(name, {}),
        )

    def ancestry(self, variant: str) -> list[str]:
        """List a variant and what it is made from, the first ancestor first."""
        parent = self.config["variants"][variant].get("parent")
        return [*(self.ancestry(parent) if parent else []), variant]

    def requests(self, model: str, variant: str) -> list[tuple[str, dict[str, Any]]]:
        """List what the study makes from a variant, itself included: settings, parents first.

        Returns:
            Name and settings of each variant that has a parent; nothing if nothing is made from it.
        """
        chains = map(self.ancestry, self._asked.get(model, {}))
        below = [chain[chain.index(variant) :] for chain in chains if variant in chain[:-1]]
        names = dict.fromkeys(name for chain in below for name in chain)
        made = [name for name in names if "parent" in self.config["variants"][name]]
        return [(name, self._request(model, name)) for name in made]

    def _request(self, model: str, variant: str) -> dict[str, Any]:
        explored = self._part("explore", {"model": model})["layers"]
        return {**self.variant(model, variant), "explored_layers": explored}

    def _unusable_variants(self) -> Iterator[str]:
        """Find what is wrong with the variants that the study asks for, model by model."""
        for model, asked in self._asked.items():
            names = dict.fromkeys(name for variant in asked for name in self.ancestry(variant))
            dataset = self.config["datasets"][self.dataset_of(model)]
            for name in names:
                if "parent" not in self.config["variants"][name]:
                    continue
                settings = self.variant(model, name)
                where = f"variants.{name} of {model}"
                for problem in training_problems(settings["training"], dataset):
                    yield f"{where}: training.{problem}"
                if settings["method"] == "factorize":
                    yield from factorize_problems(settings, where, model, name)
                if settings.get("point") is not None:
                    explored = self._part("explore", {"model": model})["training"]
                    for problem in training_problems(explored, dataset):
                        yield f"explore of {model}: training.{problem}"

    def _unusable_trainings(self) -> Iterator[str]:
        """Find what is wrong with the trainings of Akida's variants that the study asks for."""
        asked = {
            (cell.model, cell.scheme)
            for cell in self.cells
            if cell.scheme in AKIDA_SCHEMES and self.akida_network(cell.variant) != cell.variant
        }
        for model, scheme in sorted(asked):
            training = self._part("scheme_training", {"model": model, "scheme": scheme})
            dataset = self.config["datasets"][self.dataset_of(model)]
            for problem in training_problems(training, dataset):
                yield f"schemes.{scheme} of {model}: training.{problem}"

    def _unusable_gates(self) -> Iterator[str]:
        """Find what is wrong with the entries of the gates."""
        cells = [self._describe(cell) for cell in self.cells] if self.config["gates"] else []
        timed = self.config["evaluation"]["latency_runs"] > 0
        for i, entry in enumerate(self.config["gates"]):
            for problem in gate_problems(entry, cells):
                yield f"gates[{i}]{problem}"
            if entry["max_latency_us"] is not None and not timed:
                yield (
                    f"gates[{i}].max_latency_us: latency is not measured because "
                    "evaluation.latency_runs is 0; set it above 0"
                )

    def _unusable_schemes(self) -> Iterator[str]:
        """Find cells of a scheme that their variant cannot have."""
        for cell in self.cells:
            if cell.scheme == "mixed" and self.has_quantizers(cell.variant):
                plain = ", ".join(v for v in self.config["variants"] if not self.has_quantizers(v))
                yield (
                    f"study: variant {cell.variant} of {cell.model} cannot use scheme "
                    f"{cell.scheme}: it has its own quantizer ranges; allowed: {plain}"
                )

    def _part(self, name: str, wildcards: Mapping[str, str]) -> Any:
        if name == "dataset":
            block = self.config["datasets"][wildcards["dataset"]]
            return {"name": wildcards["dataset"], **block}
        if name == "model":
            block = self.config["models"][wildcards["model"]]
            return {key: value for key, value in block.items() if key not in LATER}
        if name == "file":
            return self.config["models"][wildcards["model"]]["file"]
        if name == "variant":
            return self.variant(wildcards["model"], wildcards["variant"])
        if name == "loader_module":
            return f"snugnet.datasets.{self.config['datasets'][wildcards['dataset']]['kind']}"
        if name == "architecture_module":
            architecture = self.config["models"][wildcards["model"]]["architecture"]
            module = "pretrained" if architecture == "file" else architecture
            return f"snugnet.models.architectures.{module}"
        if name == "method_module":
            return METHOD_MODULES[self.config["variants"][wildcards["variant"]]["method"]]
        if name == "explore":
            block = self.config["models"][wildcards["model"]]
            start = {"training": block["training"]}
            return laid_over(start, self.config["explore"], block["explore"])
        if name == "scheme":
            block = self._scheme(wildcards["model"], wildcards["scheme"])
            settings = {key: value for key, value in block.items() if key != "training"}
            return {"name": wildcards["scheme"], **settings}
        if name == "scheme_training":
            own = {"training": self.config["models"][wildcards["model"]]["training"]}
            return laid_over(own, self._scheme(wildcards["model"], wildcards["scheme"]))["training"]
        if name == "seed" and "model" in wildcards:
            return _seed_of(self.config, wildcards["model"])
        if name == "cells":
            return [self._describe(cell) for cell in self.cells]
        if name == "gates":
            interval = self.config["statistics"]["confidence"]
            return [{**_in_bytes(entry), "interval": interval} for entry in self.config["gates"]]
        if name == "recipes":
            return self._recipes()
        return self.config[name]

    def _scheme(self, model: str, scheme: str) -> dict[str, Any]:
        """Give a scheme's settings for a model, whose own changes go before the general ones."""
        changes = self.config["models"][model]["schemes"].get(scheme, {})
        return laid_over(self.config["schemes"][scheme], changes)

    def shares_network(self, model: str, variant: str, scheme: str) -> bool:
        """Tell whether a scheme's file is derived from that of `fiq_float32`.

        It is if both have the same settings; those of quantizers that were trained need none.
        """
        same = self._scheme(model, scheme) == self._scheme(model, NETWORK_SCHEME)
        return scheme in DERIVED and (same or self.has_quantizers(variant))

    def akida_network(self, variant: str) -> str:
        """Name the variant whose float network Akida cells compute: of a `_qat` one its parent."""
        block = self.config["variants"][variant]
        return str(block["parent"]) if block["method"] == "qat" else variant

    def _network_of(self, cell: Cell) -> str:
        return self.akida_network(cell.variant) if cell.scheme in AKIDA_SCHEMES else cell.variant

    def _family(self, model: str) -> str:
        """Name the model that another one is with another seed; else its own name."""
        families = {
            _seeded(self.config, name, seed): name
            for block in self.config["study"]
            for name, seed in product(block["models"], block["seeds"])
        }
        return families.get(model, model)

    def _describe(self, cell: Cell) -> dict[str, Any]:
        variant = self.config["variants"][cell.variant]
        return {
            **cell._asdict(),
            "family": self._family(cell.model),
            "seed": self._part("seed", {"model": cell.model}),
            "dataset": self.dataset_of(cell.model),
            "parent": variant.get("parent"),
            "method": variant["method"],
        }

    def _recipes(self) -> dict[str, Any]:
        """Say how all that the study asks for is made, by names: what a model card tells."""
        schemes = dict.fromkeys((cell.model, cell.scheme) for cell in self.cells)
        return {
            "datasets": {
                name: self.config["datasets"][name] for name in map(self.dataset_of, self._asked)
            },
            "models": {model: self._part("model", {"model": model}) for model in self._asked},
            "variants": {
                f"{model}/{step}": self.variant(model, step)
                for model, asked in self._asked.items()
                for variant in asked
                for step in self.ancestry(variant)
            },
            "schemes": {f"{model}/{name}": self._scheme(model, name) for model, name in schemes},
            "lineages": {
                step: self.ancestry(step)
                for asked in self._asked.values()
                for variant in asked
                for step in self.ancestry(variant)
            },
        }

    def _calibrations_of(self, cell: Cell) -> list[str]:
        if self.config["variants"][cell.variant]["method"] != "calibrate":
            return []
        return [f"models/{cell.model}/{cell.variant}/calibration.csv"]

    def _designs_of(self, cell: Cell) -> list[str]:
        """Name the design spaces of which a cell's variant, or an ancestor, takes a point."""
        steps = [
            self.variant(cell.model, name)
            for name in self.ancestry(cell.variant)
            if "parent" in self.config["variants"][name]
        ]
        return [
            f"models/{cell.model}/{step['parent']}/design_space.csv"
            for step in steps
            if step.get("point") is not None
        ]

    def analysed(self, name: str) -> list[Cell]:
        """List the cells of the study that an analysis is to look into."""
        wanted = self.config["analyses"][name]
        return [
            cell
            for cell in self.cells
            if cell.scheme in ANALYSES[name]
            and (
                wanted["models"] is None
                or {cell.model, self._family(cell.model)} & set(wanted["models"])
            )
            and (wanted["variants"] is None or cell.variant in wanted["variants"])
        ]

    def has_quantizers(self, variant: str) -> bool:
        """Tell whether a variant brings ranges of its own: its files need no calibration."""
        return self.config["variants"][variant]["method"] in WITH_QUANTIZERS

    def rung_below(self, cell: Cell) -> Cell | None:
        """Give the cell one rung below on the ladder, if there is one that the study asks for."""
        if cell.scheme not in RUNGS or self.has_quantizers(cell.variant):
            return None
        below = cell._replace(scheme=RUNGS[cell.scheme].below)
        return below if below in self._known_cells else None

    def has(self, cell: Cell) -> bool:
        """Tell whether the study asks for a cell."""
        return cell in self._known_cells

    def plain_variants(self) -> str:
        """Make the regular expression of the variants without quantizers."""
        names = [name for name in self.config["variants"] if not self.has_quantizers(name)]
        return "|".join(names) or "(?!)"

    def _analysis_files(self, stage: str) -> list[str]:
        """List the files of analyses, below the results folder."""
        name, file = {
            "debugged": ("layers", "layers.csv"),
            "traced": ("layers", "trace.csv"),
            "sensitivity": ("sensitivity", "sensitivity.csv"),
            "mistakes": ("mistakes", "mistakes.json"),
        }[stage]
        # TensorFlow's debugger and sweeps convert anew, which takes a model without quantizers.
        converted = stage in ("debugged", "sensitivity")
        return [
            f"debug/{cell.model}/{cell.variant}/{cell.scheme}/{file}"
            for cell in self.analysed(name)
            if not (converted and self.has_quantizers(cell.variant))
        ]

    def deliverables(self) -> list[str]:
        """List all files that the study exists for, below the results folder."""
        akida = ["report/akida.md"] if self.files("akida_metrics") else []
        stages = [path for stage in DELIVERED for path in self.files(stage)]
        return [*stages, *REPORT_FILES, *akida]

    def files(self, stage: str) -> list[str]:
        """List the files of a stage that the study asks for, below the results folder."""
        if stage in ANALYSIS_STAGES:
            return self._analysis_files(stage)
        files = {
            "data": lambda cell: [
                f"data/{self.dataset_of(cell.model)}/{split}.npz"
                for split in ("train", "val", "calib", "test")
            ],
            "records": lambda cell: [f"data/{self.dataset_of(cell.model)}/record.json"],
            "models": lambda cell: [f"models/{cell.model}/{self._network_of(cell)}/model.h5"],
            "stats": lambda cell: [f"models/{cell.model}/{self._network_of(cell)}/stats.json"],
            "histories": lambda cell: [f"models/{cell.model}/{self._network_of(cell)}/history.csv"],
            "designs": self._designs_of,
            "tflite": lambda cell: _files_of(cell, SCHEMES, "tflite", "model.tflite"),
            "contracts": lambda cell: _files_of(cell, SCHEMES, "tflite", "contract.json"),
            "certificates": lambda cell: _files_of(
                cell, FULL_INTEGER, "verify", "certificate.json"
            ),
            "searches": lambda cell: _files_of(cell, ("mixed",), "tflite", "candidates.csv"),
            "calibrations": self._calibrations_of,
            "conversions": lambda cell: _files_of(cell, AKIDA_SCHEMES, "akida", "conversion.json"),
            "programs": lambda cell: _files_of(cell, AKIDA_SCHEMES, "akida", "program"),
            "preflights": lambda cell: (
                [f"akida/{cell.model}/preflight/{cell.scheme}.json"]
                if cell.scheme in AKIDA_SCHEMES
                else []
            ),
            "akida_metrics": lambda cell: (
                [f"metrics/{cell.path}.json"] if cell.scheme in AKIDA_SCHEMES else []
            ),
            "agreements": lambda cell: _files_of(cell, AKIDA_SCHEMES, "akida", "agreement.json"),
            "predictions": lambda cell: [f"predictions/{cell.path}.npz"],
            "metrics": lambda cell: [f"metrics/{cell.path}.json"],
        }[stage]
        return list(dict.fromkeys(path for cell in self.cells for path in files(cell)))


def _files_of(cell: Cell, schemes: Collection[str], stage: str, name: str) -> list[str]:
    """Name a file of a cell, if its scheme is one of those that have it."""
    if cell.scheme not in schemes:
        return []
    return [f"{stage}/{cell.model}/{cell.variant}/{cell.scheme}/{name}"]


def _unshared(value: Any) -> Any:
    """Copy blocks and lists, each as often as it occurs."""
    if isinstance(value, dict):
        return {key: _unshared(entry) for key, entry in value.items()}
    return [_unshared(entry) for entry in value] if isinstance(value, list) else value


def _name_files(config: Mapping[str, Any]) -> None:
    """Say of models that come in a file that they do: their architecture is in it."""
    models = config.get("models")
    for block in models.values() if isinstance(models, dict) else ():
        if isinstance(block, dict) and "file" in block:
            block.setdefault("architecture", "file")


def _sorted(value: Any) -> Any:
    """Copy nested mappings with their keys sorted: Snakemake compares their text."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _seed_of(config: Mapping[str, Any], model: str) -> int:
    """Give the seed of a model: its own, or else the study's."""
    own = config["models"][model]["seed"]
    seed: int = config["seed"] if own is None else own
    return seed


def _seeded(config: Mapping[str, Any], model: str, seed: int) -> str:
    """Name a model with a seed: with the one that it has anyway it keeps its name and results."""
    return model if seed == _seed_of(config, model) else f"{model}_s{seed}"


def _add_seeded_models(config: dict[str, Any]) -> Iterator[str]:
    """Add the models that blocks of the study ask for with several seeds; find names in use."""
    models = config["models"]
    for block in config["study"]:
        for model, seed in product(block["models"], block["seeds"]):
            name = _seeded(config, model, seed)
            if name == model:
                continue
            wanted = {**deepcopy(models[model]), "seed": seed}
            if models.setdefault(name, wanted) != wanted:
                yield f"models.{name}: this name is taken by {model} with seed {seed}; rename it"


def _names(config: Mapping[str, Any], block: Mapping[str, Any]) -> list[str]:
    """List the models of a block of the study, with their seeds if it has any."""
    if not block["seeds"]:
        return list(block["models"])
    return [
        _seeded(config, model, seed) for model, seed in product(block["models"], block["seeds"])
    ]


def _cells(config: Mapping[str, Any]) -> Iterator[Cell]:
    seen = set()
    for block in config["study"]:
        for model in _names(config, block):
            for variant in block["variants"]:
                for scheme in block["schemes"]:
                    for runtime in AKIDA_RUNTIMES if scheme in AKIDA_SCHEMES else ("litert",):
                        cell = Cell(model, variant, scheme, runtime)
                        if cell not in seen:
                            seen.add(cell)
                            yield cell


def _in_bytes(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give an entry of the gates with its sizes as numbers."""
    sizes = {name: parse_size(entry[name]) for name in SIZES if entry[name] is not None}
    return {**entry, **sizes}
