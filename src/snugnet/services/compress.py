"""Compress a trained model: prune it, or replace layers by low-rank factors, and fine-tune it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.services.float_model import open_float_model
from snugnet.services.quantize import classification_parts

PRUNING_METHODS = ("structured", "magnitude")
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SVD:
    """Factorize a Dense layer, or a 1x1 convolution, with a truncated singular value decomposition.

    Attributes:
        rank: Rank as an integer, or as a fraction below 1 of the full rank.
    """

    rank: float


@dataclass(frozen=True)
class Tucker2:
    """Factorize a convolution with a Tucker-2 decomposition.

    Attributes:
        rank: One rank for inputs and outputs, or a pair. Integers, or fractions below 1 of the
            full ranks.
    """

    rank: float | tuple[float, float]


@dataclass(frozen=True)
class TensorTrain:
    """Factorize a Dense layer with a tensor-train decomposition.

    Attributes:
        rank: One rank between all cores, or one for each pair of neighbours. Integers, or
            fractions below 1 of the full ranks.
        inputs: Factors of the number of inputs; None for two of nearly equal size.
        outputs: Factors of the number of outputs; None likewise.
    """

    rank: float | tuple[float, ...]
    inputs: tuple[int, ...] | None = None
    outputs: tuple[int, ...] | None = None


Factorization = SVD | Tucker2 | TensorTrain
# The `method` of each decomposition in the settings.
METHODS = {SVD: "svd", Tucker2: "tucker2", TensorTrain: "tt"}


def prune(
    model: Any,
    train: Arrays,
    val: Arrays,
    target: float,
    method: str = "structured",
    criterion: str = "l2",
    scope: str = "layer",
    keep: Sequence[str] = (),
    epochs: int = 5,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Any:
    """Prune a trained classifier and fine-tune it.

    Args:
        model: A tf_keras model, or the path of a model file.
        train: Samples to train on, (n, ...), and their labels.
        val: Samples that choose the best epoch, and their labels.
        target: With `structured`, the fraction of all parameters to remove; with `magnitude`, the
            fraction of each kernel's weights to set to zero. In (0, 1).
        method: `structured` removes filters and units, so that the model becomes smaller.
            `magnitude` sets the smallest weights to zero, and shapes stay as they are.
        criterion: Importance of a filter: `l1`, `l2`, `bn_scale` or `taylor`. Structured only.
        scope: `layer` removes the same fraction of each layer, `global` ranks the filters of all
            layers together. Structured only.
        keep: Names of layers that are not pruned.
        epochs: Number of epochs.
        learning_rate: Learning rate at the start; it falls to 0 with half a cosine.
        seed: Random seed. It also seeds Python, NumPy and TensorFlow.

    Returns:
        The pruned tf_keras model. `model` does not change.

    Raises:
        InputError: If the model or an argument is not supported, or the target cannot be reached.
        OSError: If a file cannot be read.
    """
    if method not in PRUNING_METHODS:
        raise InputError(f"method {method!r} is unknown. Use {' or '.join(PRUNING_METHODS)}.")
    if not 0 < target < 1:
        raise InputError(f"target {target} is out of range. Use a fraction between 0 and 1.")
    if method == "magnitude" and epochs < 2:
        raise InputError("epochs: magnitude pruning needs at least 2 epochs.")
    from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
    from snugnet.core.settings.structured_pruning import StructuredPruningSettings
    from snugnet.services.settings import make_settings, make_training

    common = {"target": target, "training": make_training(epochs, learning_rate)}
    if method == "structured":
        from snugnet.compress.pruning import structured

        choice = {"steps": 1, "criterion": criterion, "scope": scope, "keep": list(keep)}
        structured_settings = make_settings(StructuredPruningSettings, {**common, **choice})
        keras, train_samples, val_samples = _open(model, train, val, seed)
        pruned, _ = structured.compress(
            keras, train_samples, val_samples, structured_settings, seed
        )
        return pruned
    from snugnet.compress.pruning import magnitude

    ramp = {"schedule": "polynomial", "ramp_epochs": epochs // 2}
    layers = dict.fromkeys(keep, 0.0)
    magnitude_settings = make_settings(
        MagnitudePruningSettings, {**common, **ramp, "layers": layers}
    )
    keras, train_samples, val_samples = _open(model, train, val, seed)
    pruned, _ = magnitude.compress(keras, train_samples, val_samples, magnitude_settings, seed)
    return pruned


def factorize(
    model: Any,
    layers: Mapping[str, Factorization],
    train: Arrays,
    val: Arrays,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Any:
    """Replace layers of a trained classifier by low-rank factors, and fine-tune it.

    Args:
        model: A tf_keras model, or the path of a model file.
        layers: The decomposition of each layer, by name, for example `{"conv_3": Tucker2(0.5)}`.
        train: Samples to train on, (n, ...), and their labels.
        val: Samples that choose the best epoch, and their labels.
        epochs: Number of epochs.
        learning_rate: Learning rate at the start; it falls to 0 with half a cosine.
        seed: Random seed. It also seeds Python, NumPy and TensorFlow.

    Returns:
        The factorized tf_keras model. `model` does not change.

    Raises:
        InputError: If the model is not supported, a layer does not exist, or a decomposition does
            not fit its layer.
        OSError: If a file cannot be read.
    """
    from snugnet.compress.lowrank.factorize import compress
    from snugnet.core.settings.factorization import FactorizationSettings
    from snugnet.services.settings import make_settings, make_training

    if not layers:
        raise InputError('layers is empty. Name layers, for example {"conv_3": Tucker2(0.5)}.')
    requests = {
        name: {"method": METHODS[type(decomposition)], **asdict(decomposition)}
        for name, decomposition in layers.items()
    }
    training = make_training(epochs, learning_rate)
    settings = make_settings(FactorizationSettings, {"layers": requests, "training": training})
    keras, train_samples, val_samples = _open(model, train, val, seed)
    factorized, _ = compress(keras, train_samples, val_samples, settings, seed)
    return factorized


def _open(model: Any, train: Arrays, val: Arrays, seed: int) -> tuple[Any, Samples, Samples]:
    """Open a model, check samples, and seed all generators."""
    from snugnet.models.loading.keras2 import tf_keras

    float_model = open_float_model(model)
    parts = classification_parts(float_model, train, val)
    assert parts.val is not None
    tf_keras.utils.set_random_seed(seed)
    return float_model.keras, parts.train, parts.val
