"""What every job that makes a model leaves behind."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from snugnet.jobs import replacing, write_json
from snugnet.models.keras2 import tf_keras
from snugnet.models.stats import stats
from snugnet.models.storage import save_model


def save(
    model: tf_keras.Model, history: Sequence[Mapping[str, float]], files: Mapping[str, str]
) -> None:
    """Write a trained model with its history and its size.

    Args:
        model: The model.
        history: One mapping an epoch, as `fit` gives it.
        files: Paths by name: `model` (.h5), `history` (.csv) and `stats` (.json).
    """
    save_model(model, files["model"])
    write_history(history, files["history"])
    counted = stats(model)
    for name in counted["dead_layers"]:
        print(f"warning: all weights of layer {name!r} are zero")
    write_json(files["stats"], counted)


def write_history(history: Sequence[Mapping[str, float]], path: str | Path) -> None:
    """Write a history as .csv, an epoch a line; nothing was trained if it is empty."""
    with replacing(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(history[0]) if history else [])
        writer.writeheader()
        writer.writerows(history)
