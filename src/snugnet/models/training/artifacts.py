"""Output files of every job that makes a Keras model."""

from collections.abc import Mapping, Sequence

from snugnet.core.csv_files import write_rows
from snugnet.core.files import write_json
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.storage import save_model
from snugnet.models.stats import compute_stats


def save(
    model: tf_keras.Model, history: Sequence[Mapping[str, float]], files: Mapping[str, str]
) -> None:
    """Write a model, its training history and its size.

    Args:
        model: The model.
        history: One mapping per epoch, as `fit` returns it.
        files: Paths by name: `model` (.h5), `history` (.csv) and `stats` (.json).
    """
    save_model(model, files["model"])
    write_rows(history, files["history"])
    stats = compute_stats(model)
    for name in stats.dead_layers:
        print(f"warning: all weights of layer {name!r} are zero")
    write_json(files["stats"], stats.to_json())
