"""Compress a trained model: prune it, or replace layers by low-rank factors, and fine-tune it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget, as_budget
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.services.arguments import check_pair, check_type
from snugnet.services.float_model import open_keras
from snugnet.services.quantize import training_parts

PRUNING_METHODS = ("structured", "magnitude")
Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SVD:
    """Factorize a Dense layer, or a 1x1 convolution, with a truncated singular value decomposition.

    Two smaller layers replace the layer. The full rank is the smaller number of inputs and outputs.

    Attributes:
        rank: Rank: an integer of 1 or more, or a float below 1 as a fraction of the full rank.
    """

    rank: float


@dataclass(frozen=True)
class Tucker2:
    """Factorize a Conv2D layer with a Tucker-2 decomposition.

    Three convolutions replace the layer: 1x1, a small core with the original kernel size, and 1x1.
    Source: Kim et al., "Compression of Deep Convolutional Neural Networks for Fast and Low Power
    Mobile Applications" (ICLR 2016).

    Attributes:
        rank: One rank for input and output channels, or a pair (input, output). Each is an integer
            of 1 or more, or a float below 1 as a fraction of the full rank.
    """

    rank: float | tuple[float, float]


@dataclass(frozen=True)
class TensorTrain:
    """Factorize a Dense layer with a tensor-train decomposition.

    A chain of Reshape, Permute and small Dense layers replaces the layer. Source: Novikov et al.,
    "Tensorizing Neural Networks" (NeurIPS 2015).

    Attributes:
        rank: One rank for all pairs of neighbouring cores, or one rank for each pair. Each is an
            integer of 1 or more, or a float below 1 as a fraction of the full rank.
        inputs: Integers whose product is the number of inputs, one for each core. None: two factors
            of nearly equal size.
        outputs: Integers whose product is the number of outputs, as many as `inputs`. None: two
            factors of nearly equal size.
    """

    rank: float | tuple[float, ...]
    inputs: tuple[int, ...] | None = None
    outputs: tuple[int, ...] | None = None


# The `method` of each decomposition in the settings.
METHODS = {SVD: "svd", Tucker2: "tucker2", TensorTrain: "tt"}
KINDS = "a decomposition: SVD, Tucker2 or TensorTrain"


def prune(
    model: Any,
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    target: float,
    method: str = "structured",
    criterion: str = "l2",
    scope: str = "layer",
    keep: Sequence[str] = (),
    epochs: int = 5,
    learning_rate: float = 1e-3,
    seed: int = 0,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Any:
    """Prune a trained classifier and fine-tune it.

    Args:
        model: A tf_keras model, or the path of a .h5 or .keras file or a SavedModel folder.
        train: Training samples x and labels y. x: numbers of shape (n, ...) in the units that the
            model was trained on. y: classes (n,), or 0 and 1 of shape (n, labels).
        val: Validation samples and labels, of the same form as `train`. They select the best epoch.
        target: With `structured`, the fraction of all parameters to remove. With `magnitude`, the
            fraction of each kernel's weights to set to zero. In (0, 1).
        method: `structured` removes filters and units, so the model becomes smaller.
            `magnitude` sets the smallest weights to zero and keeps all shapes.
        criterion: How the importance of a filter is measured: `l1`, `l2`, `bn_scale` or `taylor`.
            Used only by `structured`.
        scope: `layer` removes the same fraction of each layer. `global` ranks the filters of all
            layers together. Used only by `structured`.
        keep: Names of layers to leave unpruned.
        epochs: Number of fine-tuning epochs. `magnitude` needs at least 2.
        learning_rate: Learning rate of the first step. It falls to 0 along half a cosine.
        seed: Random seed of Python, NumPy and TensorFlow.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        The pruned tf_keras model. `model` does not change.

    Raises:
        InputError: If the model or an argument is not supported, or the target cannot be reached.
        OSError: If a file cannot be read.
    """
    check_pair("train", train)
    check_pair("val", val)
    check_type("target", target, Real, "a fraction between 0 and 1")
    check_type("method", method, str, " or ".join(PRUNING_METHODS))
    check_type("keep", keep, list | tuple, "a list of names of layers")
    if method not in PRUNING_METHODS:
        raise InputError(f"method {method!r} is unknown. Use {' or '.join(PRUNING_METHODS)}.")
    if not 0 < target < 1:
        raise InputError(f"target {target} is out of range. Use a fraction between 0 and 1.")
    from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
    from snugnet.core.settings.structured_pruning import StructuredPruningSettings
    from snugnet.services.settings import make_settings, make_training

    training = make_training(epochs, learning_rate)
    if method == "magnitude" and training.epochs < 2:
        raise InputError("epochs: magnitude pruning needs at least 2 epochs.")
    common = {"target": target, "training": training}
    if method == "structured":
        from snugnet.compress.pruning import structured

        choice = {"steps": 1, "criterion": criterion, "scope": scope, "keep": list(keep)}
        structured_settings = make_settings(StructuredPruningSettings, {**common, **choice})
        keras, train_samples, val_samples = _open(model, train, val, seed, budget)
        pruned, _ = structured.compress(
            keras, train_samples, val_samples, structured_settings, seed
        )
        return pruned
    from snugnet.compress.pruning import magnitude

    ramp = {"schedule": "polynomial", "ramp_epochs": training.epochs // 2}
    layers = dict.fromkeys(keep, 0.0)
    magnitude_settings = make_settings(
        MagnitudePruningSettings, {**common, **ramp, "layers": layers}
    )
    keras, train_samples, val_samples = _open(model, train, val, seed, budget)
    pruned, _ = magnitude.compress(keras, train_samples, val_samples, magnitude_settings, seed)
    return pruned


def factorize(
    model: Any,
    layers: Mapping[str, SVD | Tucker2 | TensorTrain],
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    epochs: int = 5,
    learning_rate: float = 1e-3,
    seed: int = 0,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Any:
    """Replace layers of a trained classifier by low-rank factors, and fine-tune it.

    Args:
        model: A tf_keras model, or the path of a .h5 or .keras file or a SavedModel folder.
        layers: Decomposition of each layer to replace, by the name of the layer. For example
            `{"conv_3": Tucker2(0.5)}`.
        train: Training samples x and labels y. x: numbers of shape (n, ...) in the units that the
            model was trained on. y: classes (n,), or 0 and 1 of shape (n, labels).
        val: Validation samples and labels, of the same form as `train`. They select the best epoch.
        epochs: Number of fine-tuning epochs.
        learning_rate: Learning rate of the first step. It falls to 0 along half a cosine.
        seed: Random seed of Python, NumPy and TensorFlow.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

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

    example = '{"conv_3": Tucker2(0.5)}'
    expected = f"a mapping from names of layers to decompositions, for example {example}"
    check_type("layers", layers, Mapping, expected)
    for name, decomposition in layers.items():
        check_type(f"layers[{name!r}]", decomposition, SVD | Tucker2 | TensorTrain, KINDS)
    check_pair("train", train)
    check_pair("val", val)
    if not layers:
        raise InputError(f"layers is empty. Name layers, for example {example}.")
    requests = {
        name: {"method": METHODS[type(decomposition)], **asdict(decomposition)}
        for name, decomposition in layers.items()
    }
    training = make_training(epochs, learning_rate)
    settings = make_settings(FactorizationSettings, {"layers": requests, "training": training})
    keras, train_samples, val_samples = _open(model, train, val, seed, budget)
    factorized, _ = compress(keras, train_samples, val_samples, settings, seed)
    return factorized


def _open(
    model: Any, train: Arrays, val: Arrays, seed: int, budget: float | Budget
) -> tuple[Any, Samples, Samples]:
    """Open a model, check samples, and seed all generators."""
    check_type("seed", seed, Integral, "an integer")
    from snugnet.models.loading.keras2 import tf_keras

    keras = open_keras(model, budget=as_budget(budget)).model
    parts = training_parts(keras, train, val)
    assert parts.val is not None
    tf_keras.utils.set_random_seed(seed)
    return keras, parts.train, parts.val
