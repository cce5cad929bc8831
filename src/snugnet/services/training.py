"""Training settings of services that fine-tune a model which somebody has trained already."""

from typing import Any


def fine_tuning(epochs: int, learning_rate: float, batch_size: int = 32) -> dict[str, Any]:
    """Return the settings of a gentle training: small steps, no augmentation.

    Args:
        epochs: Number of epochs. The best epoch on the val samples is kept.
        learning_rate: Learning rate at the start; it falls to 0 with half a cosine.
        batch_size: Number of samples in a batch.
    """
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "decay": "cosine",
        "patience": epochs,
        "monitor": "loss",
        "class_weights": False,
        "augment": {"roll": 0, "shift": [0, 0], "gain": 0, "noise": 0},
    }
