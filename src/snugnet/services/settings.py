"""Settings that are made from the arguments of a call."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from snugnet.config.messages import describe_errors
from snugnet.core.errors import InputError
from snugnet.core.settings.base import Settings
from snugnet.core.settings.training import TrainingSettings

S = TypeVar("S", bound=Settings)


def make_settings(settings: type[S], values: Mapping[str, Any]) -> S:
    """Make a record of settings from the arguments of a call.

    Args:
        settings: Class of the record.
        values: Arguments by name of the field. Numbers may also be NumPy scalars.

    Returns:
        The record.

    Raises:
        InputError: If an argument has a wrong type or is out of range; the message names it.
    """
    raw = _to_python(values)
    try:
        return settings.model_validate(raw, strict=False)
    except ValidationError as error:
        raise InputError("; ".join(describe_errors(error, settings, raw))) from None


def _to_python(value: Any) -> Any:
    """Convert NumPy scalars to numbers of Python: pydantic reads a NumPy integer as a float."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _to_python(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_to_python(item) for item in value)
    return value


def make_training(epochs: int, learning_rate: float) -> TrainingSettings:
    """Make the settings of a gentle training: small steps, no augmentation.

    Args:
        epochs: Number of epochs. The best epoch on the val samples is kept.
        learning_rate: Learning rate at the start; it falls to 0 with half a cosine.

    Returns:
        The settings, with batches of 32 samples.

    Raises:
        InputError: If an argument has a wrong type or is out of range.
    """
    training = make_settings(
        TrainingSettings,
        {
            "epochs": epochs,
            "batch_size": 32,
            "learning_rate": learning_rate,
            "decay": "cosine",
            "monitor": "loss",
        },
    )
    # Training never stops early.
    return training.model_copy(update={"patience": training.epochs})
