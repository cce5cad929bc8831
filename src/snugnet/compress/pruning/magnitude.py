"""Magnitude pruning: the smallest weights become zero, and the model keeps its shape.

Uses the schedules and masks of tensorflow-model-optimization; the polynomial schedule is that of
Zhu & Gupta, "To prune, or not to prune" (2017). Sparsity increases in the first part of training.
Only a later epoch can be selected as the best one. Otherwise early stopping could restore a model
that is not sparse yet.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
from snugnet.core.sparsity import SPARSITY_TOLERANCE
from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.prunable_layers import has_prunable_kernel
from snugnet.models.training.fit import count_steps_per_epoch, fit

with importing():
    from tensorflow_model_optimization.sparsity import keras as sparsity

# The class of the settings that `compress` takes.
SETTINGS = MagnitudePruningSettings


def list_prunable_layers(model: tf_keras.Model) -> list[str]:
    """List the layers whose kernels can be pruned.

    Args:
        model: The model.

    Returns:
        Names of the layers, in order.
    """
    return [layer.name for layer in model.layers if has_prunable_kernel(layer)]


def compress(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: MagnitudePruningSettings,
    seed: int,
    designs: str | None = None,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Set the smallest weights of each kernel to zero during training.

    Args:
        model: The trained model.
        train: Training samples.
        val: Samples that select the best epoch.
        settings: Settings of pruning; targets are shares of zeros, 0..1.
        seed: Seed of training.
        designs: Not used; `compress.lowrank.factorize` reads a file of designs.

    Returns:
        The pruned model, with the layers of `model`, and the training history.

    Raises:
        InputError: If a named layer cannot be pruned, no epoch is left after the ramp, or the
            target is not reached.
    """
    model = canonicalize(model)
    targets = check(model, settings)
    training = settings.training
    steps = settings.ramp_epochs * count_steps_per_epoch(train, training.batch_size)

    def wrap(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        target = targets.get(layer.name, 0)
        if not target:
            return layer
        schedule = _make_schedule(settings.schedule, target, steps)
        return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)

    pruned = tf_keras.models.clone_model(model, clone_function=wrap)
    history = fit(
        pruned,
        train,
        val,
        training,
        seed,
        callbacks=[sparsity.UpdatePruningStep()],
        first_epoch=settings.ramp_epochs,
    )
    model.set_weights(sparsity.strip_pruning(pruned).get_weights())
    _check_sparsity(model, targets)
    return model, history


def check(model: tf_keras.Model, settings: MagnitudePruningSettings) -> dict[str, float]:
    """Check the settings of `compress` and determine the target of each prunable layer.

    Args:
        model: The model in canonical form.
        settings: The settings of `compress`.

    Returns:
        Share of zeros to reach, by name of the layer.

    Raises:
        InputError: If a named layer cannot be pruned, or no epoch is left after the ramp.
    """
    names = list_prunable_layers(model)
    epochs = settings.training.epochs
    if settings.ramp_epochs >= epochs:
        raise InputError(
            f"ramp_epochs: {settings.ramp_epochs} must be less than training.epochs "
            f"({epochs}), so that an epoch at the full target is left"
        )
    unknown = [name for name in settings.layers if name not in names]
    if unknown:
        raise InputError(
            f"layers: {', '.join(unknown)} cannot be pruned; allowed: {', '.join(names)}"
        )
    return {name: settings.layers.get(name, settings.target) for name in names}


def _make_schedule(name: str, target: float, steps: int) -> Any:
    # Masks are updated at every step. With another frequency, the last update could come before the
    # target is reached.
    if name == "constant":
        return sparsity.ConstantSparsity(target, begin_step=0, end_step=-1, frequency=1)
    return sparsity.PolynomialDecay(0.0, target, begin_step=0, end_step=steps, frequency=1)


def _check_sparsity(model: tf_keras.Model, targets: Mapping[str, float]) -> None:
    """Check that the shares of zeros are near the targets."""
    sizes = {name: model.get_layer(name).kernel.shape.num_elements() for name in targets}
    shares = compute_sparsities(model)
    # The number of zeros in a kernel is a whole number, so one weight per kernel is not counted.
    deviation = sum(
        max(0.0, abs(shares[name] - targets[name]) * size - 1) for name, size in sizes.items()
    )
    if deviation > SPARSITY_TOLERANCE * sum(sizes.values()):
        layers = ", ".join(
            f"{name} ({shares[name]:.3f} instead of {targets[name]})" for name in targets
        )
        raise InputError(
            f"target: not reached by {layers}; the difference exceeds "
            f"{100 * SPARSITY_TOLERANCE:g} % of all prunable weights; "
            "set targets near the shares that were reached"
        )


def compute_sparsities(model: tf_keras.Model) -> dict[str, float]:
    """Compute the share of zeros in each prunable kernel.

    Args:
        model: The model.

    Returns:
        Share of zeros, 0..1, by name of the layer.
    """
    kernels = {name: model.get_layer(name).get_weights()[0] for name in list_prunable_layers(model)}
    return {name: float(np.mean(kernel == 0)) for name, kernel in kernels.items()}
