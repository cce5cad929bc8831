"""Magnitude pruning: the smallest weights become zero, the model keeps its shape.

tensorflow-model-optimization's schedules and masks (Zhu & Gupta, "To prune, or not to prune",
2017, for the polynomial one). Sparsity rises in the first part of training; only epochs after that
may be chosen as the best, or early stopping would bring back a model that is not yet sparse.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow_model_optimization.sparsity import keras as sparsity

from snugnet.compress.graph.canonicalize import standard
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit, steps_per_epoch

PRUNABLE = ("Conv2D", "Dense")
# By how much the share of zeros over all prunable weights may miss its target.
TOLERANCE = 0.005


def prunable(model: tf_keras.Model) -> list[str]:
    """Name the layers whose kernels can be pruned."""
    return [layer.name for layer in model.layers if type(layer).__name__ in PRUNABLE]


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Set the smallest weights of each kernel to zero while training goes on.

    Args:
        model: The trained model.
        train: Samples to learn from.
        val: Samples that choose the epoch.
        settings: `target` (share of zeros), `schedule` (`polynomial` or `constant`),
            `ramp_epochs` (after which the target is reached), `layers` (other targets by name; 0
            leaves a layer dense) and `training`.
        seed: Seed of training.

    Returns:
        The stripped model, which has the layers of `model`, and the history.

    Raises:
        InputError: If a layer is named that cannot be pruned, or no epoch is left after the ramp.
    """
    model = standard(model)
    targets = check(model, settings)
    training = settings["training"]
    steps = settings["ramp_epochs"] * steps_per_epoch(train, training["batch_size"])

    def wrapped(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        target = targets.get(layer.name, 0)
        if not target:
            return layer
        schedule = _schedule(settings["schedule"], target, steps)
        return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)

    pruned = tf_keras.models.clone_model(model, clone_function=wrapped)
    history = fit(
        pruned,
        train,
        val,
        training,
        seed,
        callbacks=[sparsity.UpdatePruningStep()],
        first_epoch=settings["ramp_epochs"],
    )
    model.set_weights(sparsity.strip_pruning(pruned).get_weights())
    _check_sparsity(model, targets)
    return model, history


def check(model: tf_keras.Model, settings: Mapping[str, Any]) -> dict[str, float]:
    """Give each prunable layer its target.

    Raises:
        InputError: If a layer is named that cannot be pruned, or no epoch is left after the ramp.
    """
    names = prunable(model)
    epochs = settings["training"]["epochs"]
    if settings["ramp_epochs"] >= epochs:
        raise InputError(
            f"ramp_epochs: {settings['ramp_epochs']} must be less than training.epochs "
            f"({epochs}), so that an epoch at the full target is left"
        )
    unknown = [name for name in settings["layers"] if name not in names]
    if unknown:
        raise InputError(
            f"layers: {', '.join(unknown)} cannot be pruned; allowed: {', '.join(names)}"
        )
    return {name: settings["layers"].get(name, settings["target"]) for name in names}


def _schedule(name: str, target: float, steps: int) -> Any:
    # At every step: with any other frequency the last update may come before the target is reached.
    if name == "constant":
        return sparsity.ConstantSparsity(target, begin_step=0, end_step=-1, frequency=1)
    return sparsity.PolynomialDecay(0.0, target, begin_step=0, end_step=steps, frequency=1)


def _check_sparsity(model: tf_keras.Model, targets: Mapping[str, float]) -> None:
    sizes = {name: model.get_layer(name).kernel.shape.num_elements() for name in targets}
    found = sparsities(model)
    # A share of a kernel's weights is rounded to whole ones.
    missed = sum(
        max(0.0, abs(found[name] - targets[name]) * size - 1) for name, size in sizes.items()
    )
    if missed > TOLERANCE * sum(sizes.values()):
        raise InputError(
            "target: not reached by "
            + ", ".join(
                f"{name} ({found[name]:.3f} instead of {targets[name]})" for name in targets
            )
            + "; the difference exceeds 0.5 % of all prunable weights"
        )


def sparsities(model: tf_keras.Model) -> dict[str, float]:
    """Give the share of zeros in each prunable kernel, by layer."""
    kernels = {name: model.get_layer(name).get_weights()[0] for name in prunable(model)}
    return {name: float(np.mean(kernel == 0)) for name, kernel in kernels.items()}
