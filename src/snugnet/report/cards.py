"""Data of the model cards: figures, lineage, verdicts, files and limitations of each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from snugnet.core.akida_program import PROGRAM_FILE
from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.cell_network import find_network
from snugnet.core.paths import ResultPath
from snugnet.evaluation.groups import describe_accuracies, read_groups
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import describe_difference, format_accuracy
from snugnet.report.collect import ReportData
from snugnet.report.files import FileIdentity
from snugnet.report.tables import format_float_difference

# Texts of the limitations by name. Cards refer to the names; the page holds each text once.
LIMITATIONS = {
    "simulated": "The data are simulated. The figures show that the workflow works, not how well "
    "the network performs on people.",
    "few_groups": "The test split has few groups. The next group may give another result, and the "
    "interval assumes that the accuracies of the groups are roughly normal.",
    "no_groups": "Samples are treated as independent. If several samples come from one person or "
    "device, the interval is too narrow.",
    "one_seed": "The network was trained with one seed. The interval does not include the effect "
    "of another seed.",
    "same_source": "Test and training data come from one source. Another sensor, clinic or "
    "population may give other figures.",
    "folds": "The figures are those of the models of a cross-validation. The delivered file was "
    "trained on all folds, so no samples are left on which its own accuracy could be measured.",
    "host": "Latency was measured with one thread of LiteRT's default kernels on the machine that "
    "ran the study. A microcontroller has another latency, and its kernels round differently in "
    "some places.",
    "simulator": "Predictions come from Akida's simulator or from the quantized Keras model. Time "
    "and energy on a chip were not measured.",
    "selected": "If the best of many cells is chosen by its test figures, expect it to be a little "
    "worse on new data.",
}
# Fields of each JSON file that cards show; the other fields are long.
CARD_FIELDS = {
    ResultPath.CERTIFICATE: ("litert_ref", "tflm", "xnnpack"),
    ResultPath.CONTRACT: ("verdict", "findings", "input", "output", "operators"),
    ResultPath.CONVERSION: ("device", "devices"),
}
# Below this number of groups, a card warns of few groups.
FEW_GROUPS = 10
# Settings that hold paths of the machine; cards leave them out.
PATH_SETTINGS = ("path", "datasets_dir")


@dataclass(frozen=True)
class CellCard:
    """Data of one cell's card.

    Attributes:
        row: The row of the results.
        network: Name of the cell's network in `Cards.networks`.
        confusion: Confusion matrix, or one for each label of a multi-label task; None without one.
        class_names: Names of the classes or labels.
        groups: Accuracy of each group, or a summary if there are many, by heading.
        limits: Names of the limitations that apply, in `LIMITATIONS`.
    """

    row: ResultRow
    network: str
    confusion: Sequence[Any] | None
    class_names: Sequence[str]
    groups: Mapping[str, str]
    limits: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return the columns of the row that apply, their texts, and the other attributes."""
        columns = self.row.by_column
        return {
            **{name: value for name, value in columns.items() if value is not None},
            "accuracy_text": format_accuracy(columns),
            "from_float_text": format_float_difference(self.row),
            "to_parent_text": describe_difference(columns, "parent", "p_parent_holm"),
            "step_text": describe_difference(columns, "step", "p_step_holm"),
            "network": self.network,
            "confusion": self.confusion,
            "class_names": self.class_names,
            "groups": self.groups,
            "limits": self.limits,
        }


@dataclass(frozen=True)
class DatasetCard:
    """Data of a dataset.

    Attributes:
        settings: Settings of the dataset, without paths.
        splits: Counts of each split, from the dataset's record.
        files: The files of the splits.
    """

    settings: Mapping[str, Any]
    splits: Mapping[str, Any]
    files: Sequence[FileIdentity]


@dataclass(frozen=True)
class Training:
    """A training.

    Attributes:
        epochs: Number of epochs, over all phases.
    """

    epochs: int


@dataclass(frozen=True)
class CompressionStep:
    """A compression step of a network.

    Attributes:
        variant: Variant that the step makes.
        settings: Settings of the variant.
        training: Training of the step; None if it has no history.
    """

    variant: str
    settings: Mapping[str, Any]
    training: Training | None


@dataclass(frozen=True)
class NetworkCard:
    """Data of a network.

    Attributes:
        model: Settings of the model, with its architecture.
        steps: Compression steps, from the first to the variant of the network.
    """

    model: Mapping[str, Any]
    steps: Sequence[CompressionStep]


@dataclass(frozen=True)
class Cards:
    """Data of all cards; data that several cells share is stored once.

    Attributes:
        cells: Cards by address of the cell.
        datasets: Datasets by name.
        networks: Networks by model/variant.
        schemes: Settings by model/scheme, of the schemes that have any.
        files: Files by model/variant/scheme, the deployed one first.
        certificates: Parts of certificate.json by model/variant/scheme.
        contracts: Parts of contract.json by model/variant/scheme.
        conversions: Parts of conversion.json by model/variant/scheme.
        limits: Texts of the limitations by name.
    """

    cells: Mapping[str, CellCard]
    datasets: Mapping[str, DatasetCard]
    networks: Mapping[str, NetworkCard]
    schemes: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, Sequence[FileIdentity]]
    certificates: Mapping[str, Mapping[str, Any]]
    contracts: Mapping[str, Mapping[str, Any]]
    conversions: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the data for the page's script."""
        return {
            "cells": {address: card.to_json() for address, card in self.cells.items()},
            "datasets": {name: asdict(card) for name, card in self.datasets.items()},
            "networks": {name: asdict(card) for name, card in self.networks.items()},
            "schemes": self.schemes,
            "files": {
                artifact: [asdict(file) for file in files] for artifact, files in self.files.items()
            },
            "certificates": self.certificates,
            "contracts": self.contracts,
            "conversions": self.conversions,
            "limits": self.limits,
        }


def build_cards(study: ReportData) -> Cards:
    """Build the data of all cards."""
    artifacts = {_name_artifact(row): row for row in study.rows}
    schemes = study.recipes.schemes
    return Cards(
        cells={row.address: _build_cell(study, row) for row in study.rows},
        datasets={name: _build_dataset(study, name) for name in study.datasets},
        networks=_build_networks(study),
        schemes={name: settings for name, settings in schemes.items() if settings},
        files={name: _list_files(study, row) for name, row in artifacts.items()},
        certificates=_read_verdicts(study, artifacts, ResultPath.CERTIFICATE),
        contracts=_read_verdicts(study, artifacts, ResultPath.CONTRACT),
        conversions=_read_verdicts(study, artifacts, ResultPath.CONVERSION),
        limits=LIMITATIONS,
    )


def _name_artifact(row: ResultRow) -> str:
    """Return model/variant/scheme: the deployed file, which all runtimes of a cell share."""
    return f"{row.model}/{row.variant}/{row.scheme}"


def _name_network(row: ResultRow) -> str:
    """Return model/variant of the network that a cell computes."""
    return f"{row.model}/{_find_network_variant(row)}"


def _find_network_variant(row: ResultRow) -> str:
    """Find the variant of the network that a cell computes."""
    return find_network(row.scheme, row.variant, row.method, row.parent)


def _build_cell(study: ReportData, row: ResultRow) -> CellCard:
    """Build a cell's card from its row and its metrics."""
    metrics = study.files.read_json(ResultPath.METRICS.of_cell(row)) or {}
    return CellCard(
        row=row,
        network=_name_network(row),
        confusion=metrics.get("confusion"),
        class_names=metrics.get("class_names", []),
        groups=describe_accuracies(read_groups(metrics)),
        limits=list_limitations(study, row),
    )


def list_limitations(study: ReportData, row: ResultRow) -> list[str]:
    """List the limitations of a cell's figures.

    Args:
        study: The study.
        row: The row of the cell.

    Returns:
        Names in `LIMITATIONS`; empty for a cell without figures.
    """
    if not row.is_measured:
        return []
    family = [other for other in study.rows if other.family == row.family]
    simulated = study.recipes.datasets[row.dataset]["kind"].startswith("synthetic")
    applies = {
        "simulated": simulated,
        "few_groups": row.n_groups is not None and row.n_groups < FEW_GROUPS,
        "no_groups": row.n_groups is None,
        "one_seed": len({other.seed for other in family}) == 1,
        "same_source": not simulated,
        "folds": row.folds is not None,
        "host": row.latency_us_median is not None,
        "simulator": row.scheme in AKIDA_SCHEMES,
        "selected": True,
    }
    return [name for name, is_limited in applies.items() if is_limited]


def _build_dataset(study: ReportData, name: str) -> DatasetCard:
    record = study.files.read_json(ResultPath.RECORD.of(dataset=name)) or {}
    splits = ("train", "val", "calib", "test")
    files = [
        study.files.identify(ResultPath.SPLIT.of(dataset=name, split=split)) for split in splits
    ]
    return DatasetCard(
        settings=_remove_paths(study.recipes.datasets[name]),
        splits=record.get("splits", {}),
        files=[file for file in files if file],
    )


def _remove_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in PATH_SETTINGS}


def _build_networks(study: ReportData) -> dict[str, NetworkCard]:
    """Build the data of each network once; each training history is read once."""
    histories = study.files.find(ResultPath.HISTORY)
    trainings = {path: _read_training(study, path) for path in histories}
    networks = dict.fromkeys(map(_name_network, study.rows))
    return {name: _build_network(study, name, trainings) for name in networks}


def _build_network(
    study: ReportData, network: str, trainings: Mapping[str, Training | None]
) -> NetworkCard:
    """Build the data of a network: its architecture, and each compression step."""
    model, _, variant = network.partition("/")
    recipes = study.recipes
    steps = [
        CompressionStep(
            variant=step,
            settings=recipes.variants[f"{model}/{step}"],
            training=trainings.get(ResultPath.HISTORY.of(model=model, variant=step)),
        )
        for step in recipes.lineages[variant]
    ]
    return NetworkCard(recipes.models[model], steps)


def _read_training(study: ReportData, path: str) -> Training | None:
    """Count the epochs of a training; None if it has no history."""
    history = study.files.read_table(path)
    return None if history is None or history.empty else Training(len(history))


def _list_files(study: ReportData, row: ResultRow) -> list[FileIdentity]:
    """List the files of a cell, the deployed one first."""
    files, variant = study.files, _find_network_variant(row)
    identities = [
        files.identify(ResultPath.TFLITE.of_cell(row)),
        files.identify(ResultPath.PROGRAM.of_cell(row), PROGRAM_FILE),
        files.identify(ResultPath.MODEL.of(model=row.model, variant=variant)),
    ]
    return [identity for identity in identities if identity]


def _read_verdicts(
    study: ReportData, artifacts: Mapping[str, ResultRow], path: ResultPath
) -> dict[str, dict[str, Any]]:
    """Read the JSON files of a kind about deployed files, with the fields that cards show."""
    verdicts = {
        artifact: study.files.read_json(path.of_cell(row)) for artifact, row in artifacts.items()
    }
    return {
        artifact: {key: verdict[key] for key in CARD_FIELDS[path] if key in verdict}
        for artifact, verdict in verdicts.items()
        if verdict is not None
    }
