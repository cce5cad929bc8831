"""Data of the model cards: figures, lineage, verdicts, files and limitations of each cell."""

from collections.abc import Mapping
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.evaluation.table import describe_difference, format_accuracy
from snugnet.report.collect import Study, format_address
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
    "certificate.json": ("litert_ref", "tflm", "xnnpack"),
    "contract.json": ("verdict", "findings", "input", "output", "operators"),
    "conversion.json": ("device", "devices"),
}
# Below this number of groups, a card warns of few groups.
FEW_GROUPS = 10
# Settings that hold paths of the machine; cards leave them out.
PATH_SETTINGS = ("path", "datasets_dir")


def build_cards(study: Study) -> dict[str, Any]:
    """Build the data of all cards; data that several cells share is stored once.

    Returns:
        `cells` by address, and the data that they refer to: `datasets`, `networks`, `files`,
        `certificates`, `contracts`, `conversions`, `schemes`, `limits`.
    """
    artifacts = {_name_artifact(row): row for row in study.rows}
    return {
        "cells": {format_address(row): _build_cell(study, row) for row in study.rows},
        "datasets": {name: _describe_dataset(study, name) for name in study.datasets},
        "networks": _describe_networks(study),
        "schemes": _list_schemes(study),
        "files": {name: _list_files(study, row) for name, row in artifacts.items()},
        "certificates": _read_verdicts(study, artifacts, "verify", "certificate.json"),
        "contracts": _read_verdicts(study, artifacts, "tflite", "contract.json"),
        "conversions": _read_verdicts(study, artifacts, "akida", "conversion.json"),
        "limits": LIMITATIONS,
    }


def _name_artifact(row: Mapping[str, Any]) -> str:
    """Return model/variant/scheme: the deployed file, which all runtimes of a cell share."""
    return f"{row['model']}/{row['variant']}/{row['scheme']}"


def _name_network(row: Mapping[str, Any]) -> str:
    """Return model/variant of a cell's network; Akida's QAT starts from the parent's network."""
    is_akida_qat = row["scheme"] in AKIDA_SCHEMES and row["method"] == "qat"
    return f"{row['model']}/{row['parent' if is_akida_qat else 'variant']}"


def _list_schemes(study: Study) -> dict[str, Any]:
    """Return the settings of the schemes that have any."""
    return {name: settings for name, settings in study.recipes["schemes"].items() if settings}


def _build_cell(study: Study, row: Mapping[str, Any]) -> dict[str, Any]:
    """Build a cell's figures that apply, their texts and references to shared data."""
    metrics = study.files.read_json(f"metrics/{format_address(row)}.json") or {}
    return {
        **{name: value for name, value in row.items() if value is not None},
        "accuracy_text": format_accuracy(row),
        "from_float_text": format_float_difference(row),
        "to_parent_text": describe_difference(row, "parent", "p_parent_holm"),
        "step_text": describe_difference(row, "rung", "p_rung_holm"),
        "network": _name_network(row),
        "confusion": metrics.get("confusion"),
        "class_names": metrics.get("class_names", []),
        "limits": list_limitations(study, row),
    }


def list_limitations(study: Study, row: Mapping[str, Any]) -> list[str]:
    """List the limitations of a cell's figures.

    Args:
        study: The study.
        row: The row of the cell.

    Returns:
        Names in `LIMITATIONS`; empty for a cell without figures.
    """
    if row["status"] != "ok":
        return []
    family = [other for other in study.rows if other["family"] == row["family"]]
    simulated = study.recipes["datasets"][row["dataset"]]["kind"].startswith("synthetic")
    applies = {
        "simulated": simulated,
        "few_groups": row["n_groups"] is not None and row["n_groups"] < FEW_GROUPS,
        "no_groups": row["n_groups"] is None,
        "one_seed": len({other["seed"] for other in family}) == 1,
        "same_source": not simulated,
        "host": row["latency_us_median"] is not None,
        "simulator": row["scheme"] in AKIDA_SCHEMES,
        "selected": True,
    }
    return [name for name, is_limited in applies.items() if is_limited]


def _describe_dataset(study: Study, name: str) -> dict[str, Any]:
    record = study.files.read_json(f"data/{name}/record.json") or {}
    splits = ("train", "val", "calib", "test")
    files = [study.files.identify(f"data/{name}/{split}.npz") for split in splits]
    return {
        "settings": _remove_paths(study.recipes["datasets"][name]),
        "splits": record.get("splits", {}),
        "files": [file for file in files if file],
    }


def _remove_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in PATH_SETTINGS}


def _describe_networks(study: Study) -> dict[str, Any]:
    """Describe each network once; each training history is read once."""
    histories = study.files.find("models", "history.csv")
    trainings = {path: _describe_training(study, path) for path in histories}
    networks = dict.fromkeys(map(_name_network, study.rows))
    return {name: _describe_network(study, name, trainings) for name in networks}


def _describe_network(study: Study, network: str, trainings: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a network: its architecture, and each compression step with its settings."""
    model, _, variant = network.partition("/")
    recipes = study.recipes
    steps = [
        {
            "variant": step,
            "settings": recipes["variants"][f"{model}/{step}"],
            "training": trainings.get(f"models/{model}/{step}/history.csv"),
        }
        for step in recipes["lineages"][variant]
    ]
    return {"model": recipes["models"][model], "steps": steps}


def _describe_training(study: Study, path: str) -> dict[str, Any] | None:
    """Count the epochs of a training, over all of its phases; None if it has no history."""
    history = study.files.read_table(path)
    return None if history is None or history.empty else {"epochs": len(history)}


def _list_files(study: Study, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the files of a cell, the deployed one first."""
    artifact, files = _name_artifact(row), study.files
    identities = [
        files.identify(f"tflite/{artifact}/model.tflite"),
        files.identify(f"akida/{artifact}/program", "model.fbz"),
        files.identify(f"models/{_name_network(row)}/model.h5"),
    ]
    return [identity for identity in identities if identity]


def _read_verdicts(
    study: Study, artifacts: Mapping[str, Any], stage: str, name: str
) -> dict[str, dict[str, Any]]:
    """Read the JSON files of a stage about deployed files, with the fields that cards show."""
    verdicts = {
        artifact: study.files.read_json(f"{stage}/{artifact}/{name}") for artifact in artifacts
    }
    return {
        artifact: {key: verdict[key] for key in CARD_FIELDS[name] if key in verdict}
        for artifact, verdict in verdicts.items()
        if verdict is not None
    }
