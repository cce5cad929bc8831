"""Model cards: what each cell is, how it was made, what was found and what that leaves open."""

from collections.abc import Mapping
from typing import Any

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.evaluation.table import accuracy_text, points
from snugnet.report.collect import Study, address
from snugnet.report.tables import from_float

# What figures do not say, by the name that cards use; said once in the page.
LIMITS = {
    "simulated": "The data are simulated: the figures show that the workflow works, not how good "
    "the network is on people.",
    "few_groups": "Few groups were tested: what holds for them may not hold for the next one, and "
    "the interval relies on their accuracies being roughly normal.",
    "no_groups": "Samples count as independent. If several come from one person or device, the "
    "interval is too narrow.",
    "one_seed": "It was trained once. How much another seed would change is not in the interval.",
    "same_source": "Test and training data come from one source: another sensor, clinic or "
    "population may give other figures.",
    "host": "Latency is that of one thread of LiteRT's default kernels on the machine that ran the "
    "study. A microcontroller takes another time, and its kernels round otherwise here and there.",
    "simulator": "Predictions are of Akida's simulator or of the quantized Keras model; time and "
    "energy on a chip were not measured.",
    "selected": "Whoever picks the best of many cells by their test figures finds it a little "
    "worse on new data.",
}
# What cards show of each file; the rest is long.
SHOWN = {
    "certificate.json": ("litert_ref", "tflm", "xnnpack"),
    "contract.json": ("verdict", "findings", "input", "output", "operators"),
    "conversion.json": ("device", "devices"),
}
# Fewer are few.
FEW_GROUPS = 10
# Of settings, what tells where files lie on somebody's machine.
PLACES = ("path", "datasets_dir")


def cards(study: Study) -> dict[str, Any]:
    """Give the data of all cards; what cells share stands in it once.

    Returns:
        `cells` by address, and what they refer to: `datasets`, `networks`, `files`,
        `certificates`, `contracts`, `conversions`, `schemes`, `limits`.
    """
    deployed = {_place(row): row for row in study.rows}
    return {
        "cells": {address(row): _cell(study, row) for row in study.rows},
        "datasets": {name: _dataset(study, name) for name in study.datasets},
        "networks": _networks(study),
        "schemes": _schemes(study),
        "files": {name: _files(study, row) for name, row in deployed.items()},
        "certificates": _found(study, deployed, "verify", "certificate.json"),
        "contracts": _found(study, deployed, "tflite", "contract.json"),
        "conversions": _found(study, deployed, "akida", "conversion.json"),
        "limits": LIMITS,
    }


def _place(row: Mapping[str, Any]) -> str:
    """Name what is deployed: a cell without its runtime."""
    return f"{row['model']}/{row['variant']}/{row['scheme']}"


def _network(row: Mapping[str, Any]) -> str:
    """Name the network of a cell: Akida's quantizers are trained from that of the parent."""
    trained = row["scheme"] in AKIDA_SCHEMES and row["method"] == "qat"
    return f"{row['model']}/{row['parent' if trained else 'variant']}"


def _schemes(study: Study) -> dict[str, Any]:
    """Give the schemes that have settings."""
    return {name: settings for name, settings in study.recipes["schemes"].items() if settings}


def _cell(study: Study, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a cell's figures, those that apply, and what goes with them."""
    scored = study.files.json(f"metrics/{address(row)}.json") or {}
    return {
        **{name: value for name, value in row.items() if value is not None},
        "accuracy_text": accuracy_text(row),
        "from_float_text": from_float(row),
        "to_parent_text": points(row, "parent", "p_parent_holm"),
        "rung_text": points(row, "rung", "p_rung_holm"),
        "network": _network(row),
        "confusion": scored.get("confusion"),
        "class_names": scored.get("class_names", []),
        "limits": limits(study, row),
    }


def limits(study: Study, row: Mapping[str, Any]) -> list[str]:
    """Name what a cell's figures leave open."""
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
    return [name for name, does in applies.items() if does]


def _dataset(study: Study, name: str) -> dict[str, Any]:
    record = study.files.json(f"data/{name}/record.json") or {}
    splits = ("train", "val", "calib", "test")
    files = [study.files.identity(f"data/{name}/{split}.npz") for split in splits]
    return {
        "settings": _without_places(study.recipes["datasets"][name]),
        "splits": record.get("splits", {}),
        "files": [file for file in files if file],
    }


def _without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in PLACES}


def _networks(study: Study) -> dict[str, Any]:
    """Tell how each network was made, each history read once."""
    histories = study.files.named("models", "history.csv")
    trainings = {path: _training(study, path) for path in histories}
    networks = dict.fromkeys(map(_network, study.rows))
    return {name: _made(study, name, trainings) for name in networks}


def _made(study: Study, network: str, trainings: Mapping[str, Any]) -> dict[str, Any]:
    """Give a network's architecture, and each step with its settings."""
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


def _training(study: Study, path: str) -> dict[str, Any] | None:
    """Count the epochs of a training, of all its steps if it had several."""
    history = study.files.table(path)
    return None if history is None or history.empty else {"epochs": len(history)}


def _files(study: Study, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the files of a cell, the deployed one first."""
    place, files = _place(row), study.files
    found = [
        files.identity(f"tflite/{place}/model.tflite"),
        files.identity(f"akida/{place}/program", "model.fbz"),
        files.identity(f"models/{_network(row)}/model.h5"),
    ]
    return [file for file in found if file]


def _found(
    study: Study, deployed: Mapping[str, Any], stage: str, name: str
) -> dict[str, dict[str, Any]]:
    """Read the verdicts of a stage on what is deployed."""
    found = {place: study.files.json(f"{stage}/{place}/{name}") for place in deployed}
    return {
        place: {key: value[key] for key in SHOWN[name] if key in value}
        for place, value in found.items()
        if value is not None
    }
