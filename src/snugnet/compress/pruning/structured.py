"""Structured pruning: whole filters and units are removed, and the model becomes smaller.

Scores of filters and units by criterion:

- `l1`, `l2`: Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017).
- `bn_scale`: Liu et al., "Learning Efficient Convolutional Networks through Network Slimming"
  (ICCV 2017).
- `taylor`: Molchanov et al., "Importance Estimation for Neural Network Pruning" (CVPR 2019, eq. 8,
  over the weights of a filter).

The scores of each layer are divided by their mean, so that layers can be compared. The score of a
group of dependent filters is the mean of their scores.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.pruning.channel_groups import (
    ChannelGroups,
    count_remaining_parameters,
    remove_channels,
)
from snugnet.core.errors import InputError
from snugnet.core.inputs import to_keras
from snugnet.core.samples import Samples
from snugnet.core.settings.structured_pruning import StructuredPruningSettings
from snugnet.core.sparsity import SPARSITY_TOLERANCE
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.objectives import make_loss, make_targets
from snugnet.models.training.sparsity_mask import SparsityMask

# The class of the settings that `compress` takes.
SETTINGS = StructuredPruningSettings
# Number of train samples for the criterion `taylor`.
TAYLOR_SAMPLES = 1024


def compress(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: StructuredPruningSettings,
    seed: int,
    designs: str | None = None,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Remove channels in steps, and fine-tune after each step; zeros in kernels stay zero.

    Args:
        model: The trained model.
        train: Samples for fine-tuning and for the criterion `taylor`.
        val: Samples that select the best epoch.
        settings: Settings of pruning; `target` is a share of all parameters, 0..1, and `training`
            is that of the last step.
        seed: Seed of training, and of the choice of samples for `taylor`.
        designs: Not used; `compress.lowrank.factorize` reads a file of designs.

    Returns:
        The smaller model, and the training history of all epochs.

    Raises:
        InputError: If a layer does not exist, the criterion does not apply to a layer, or the
            target cannot be reached.
    """
    model = canonicalize(model)
    check(model, settings)
    before = model.count_params()
    order = np.random.default_rng(seed).permutation(len(train.x))
    taylor_samples = train.take(order[:TAYLOR_SAMPLES])
    history: list[dict[str, float]] = []
    for step in range(1, settings.steps + 1):
        groups = ChannelGroups(model)
        # Each step removes the same share of the parameters that are left.
        target = 1 - (1 - settings.target) ** (step / settings.steps)
        importance = compute_importance(groups, settings.criterion, taylor_samples)
        removed = choose_groups(
            groups,
            importance,
            settings.scope,
            parameters=before * (1 - target),
            tolerance=before * SPARSITY_TOLERANCE,
            keep=settings.keep,
        )
        model = remove_channels(groups, removed)
        print(f"step {step}: {model.count_params()} of {before} parameters left")
        is_last = step == settings.steps
        # The last training is the longest, so the result is checked before it.
        if is_last:
            _check_target(before, model.count_params(), settings.target)
        epochs = settings.training.epochs if is_last else settings.step_epochs
        training = settings.training.model_copy(update={"epochs": epochs})
        history += fit(model, train, val, training, seed + step, callbacks=[SparsityMask()])
    return model, history


def check(model: tf_keras.Model, settings: StructuredPruningSettings) -> None:
    """Check the settings of `compress` as far as the graph of the model allows.

    Args:
        model: The model in canonical form.
        settings: The settings of `compress`.

    Raises:
        InputError: If a layer to keep does not exist, the criterion does not apply to a layer, or
            fewer parameters than the target can be removed.
    """
    groups = ChannelGroups(model)
    # This raises InputError if `bn_scale` does not apply. The other criteria apply to every layer.
    criterion = settings.criterion if settings.criterion == "bn_scale" else "l1"
    compute_importance(groups, criterion)
    importance = compute_importance(groups, "l1")
    order = _order_groups(groups, importance, settings.scope, settings.keep)
    before = model.count_params()
    smallest = count_remaining_parameters(groups, _make_mask(groups, order))
    if 1 - smallest / before < settings.target - SPARSITY_TOLERANCE:
        _check_target(before, smallest, settings.target)


def _check_target(before: int, after: int, target: float) -> None:
    """Check that the share of removed parameters is near the target; raise InputError otherwise."""
    if abs(1 - after / before - target) > SPARSITY_TOLERANCE:
        raise InputError(
            f"target: cannot remove a fraction of {target} of all parameters within "
            f"{SPARSITY_TOLERANCE}; the nearest possible is {1 - after / before:.3f}"
        )


def compute_importance(
    groups: ChannelGroups, criterion: str, taylor_samples: Samples | None = None
) -> np.ndarray:
    """Compute the importance of each channel group.

    Args:
        groups: The channel groups of the model.
        criterion: `l1`, `l2`, `bn_scale` or `taylor`.
        taylor_samples: Train samples; only for `taylor`.

    Returns:
        float64 (numbers,); inf for groups that must stay and for numbers that are not a group.

    Raises:
        InputError: If `bn_scale` does not apply to a layer.
    """
    if criterion == "taylor":
        assert taylor_samples is not None
        scores = _score_taylor(groups, taylor_samples)
    else:
        score = {"l1": _score_l1, "l2": _score_l2, "bn_scale": _score_bn_scale}[criterion]
        scores = score(groups)
    total, count = np.zeros(len(groups.frozen)), np.zeros(len(groups.frozen))
    for name, channels in groups.producers.items():
        np.add.at(total, channels.outputs, scores[name] / max(scores[name].mean(), 1e-12))
        np.add.at(count, channels.outputs, 1)
    mean = np.divide(total, count, out=np.full(len(total), np.inf), where=count > 0)
    return np.where(groups.frozen, np.inf, mean)


def _get_kernels(groups: ChannelGroups) -> dict[str, np.ndarray]:
    """Return the kernels of the producers as (weights of a channel, channels)."""
    kernels = {name: groups.model.get_layer(name).get_weights()[0] for name in groups.producers}
    return {name: kernel.reshape(-1, kernel.shape[-1]) for name, kernel in kernels.items()}


def _score_l1(groups: ChannelGroups) -> dict[str, np.ndarray]:
    return {name: np.abs(kernel).sum(axis=0) for name, kernel in _get_kernels(groups).items()}


def _score_l2(groups: ChannelGroups) -> dict[str, np.ndarray]:
    return {name: np.sqrt((kernel**2).sum(axis=0)) for name, kernel in _get_kernels(groups).items()}


def _score_bn_scale(groups: ChannelGroups) -> dict[str, np.ndarray]:
    """Return the absolute scales (gamma) of the batch normalization after each producer."""
    scales = np.full(len(groups.frozen), np.nan)
    for name, channels in groups.layers.items():
        layer = groups.model.get_layer(name)
        if isinstance(layer, tf_keras.layers.BatchNormalization) and layer.scale:
            scales[channels.outputs] = np.abs(layer.get_weights()[0])
    scores = {}
    for name, channels in groups.producers.items():
        scores[name] = scales[channels.outputs]
        if not groups.frozen[channels.outputs].all() and np.isnan(scores[name]).any():
            raise InputError(
                f"criterion: 'bn_scale' requires batch normalization after layer {name!r}; "
                "allowed here: l1, l2, taylor"
            )
    return {name: np.nan_to_num(values, nan=1.0) for name, values in scores.items()}


def _score_taylor(groups: ChannelGroups, samples: Samples) -> dict[str, np.ndarray]:
    """Estimate the change of the loss: (sum of gradient x weight)^2, summed over batches."""
    kernels = {name: groups.model.get_layer(name).kernel for name in groups.producers}
    output_shape = tuple(groups.model.output_shape[1:])
    loss = tf_keras.losses.get(make_loss(samples, output_shape[-1]))
    targets = make_targets(samples, output_shape)
    total = {name: np.zeros(kernel.shape[-1]) for name, kernel in kernels.items()}
    for start in range(0, len(samples.x), 64):
        part = slice(start, start + 64)
        x, y = to_keras(samples.x[part]), targets[part]
        y = y.reshape(len(y), -1) if samples.task == "binary" else y
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss(y, groups.model(x, training=False)))
        gradients = tape.gradient(value, list(kernels.values()))
        for (name, kernel), gradient in zip(kernels.items(), gradients, strict=True):
            product = (gradient * kernel).numpy()
            total[name] += product.reshape(-1, product.shape[-1]).sum(axis=0) ** 2
    return total


def choose_groups(
    groups: ChannelGroups,
    importance: np.ndarray,
    scope: str,
    parameters: float,
    tolerance: float,
    keep: Sequence[str],
) -> np.ndarray:
    """Choose the channel groups to remove, for a given number of remaining parameters.

    Args:
        groups: The channel groups of the model.
        importance: Importance of the groups, as `compute_importance` returns it.
        scope: `global` (the least important groups of the model) or `layer` (the same share of
            every layer).
        parameters: Number of parameters that should remain.
        tolerance: Accepted deviation from `parameters`, where the layers allow it.
        keep: Layers whose channels stay.

    Returns:
        Whether to remove a group, bool (numbers,).

    Raises:
        InputError: If a layer to keep does not exist or produces no channels.
    """
    order = _order_groups(groups, importance, scope, keep)

    def count_remaining(chosen: list[int]) -> int:
        return count_remaining_parameters(groups, _make_mask(groups, chosen))

    def fill_up(chosen: list[int]) -> list[int]:
        """Add the later groups that still fit, in order, until the tolerance is reached."""
        for group in order[count:]:
            if count_remaining(chosen) - parameters <= tolerance:
                break
            if count_remaining([*chosen, group]) >= parameters - tolerance:
                chosen = [*chosen, group]
        return chosen

    # The largest number of first groups that leaves at least `parameters`.
    count = bisect_left(
        range(len(order)), -parameters, key=lambda k: -count_remaining(order[: k + 1])
    )
    best = fill_up(order[:count])
    for chosen in _iterate_reductions(groups, order[:count]):
        if count_remaining(best) - parameters <= tolerance:
            break
        best = min(best, fill_up(chosen), key=count_remaining)
    return _make_mask(groups, best)


def _iterate_reductions(groups: ChannelGroups, chosen: list[int]) -> Iterator[list[int]]:
    """Yield the chosen groups without the last ones of one layer, for each layer.

    First one group is left out, then two, and so on.
    """
    layers = {frozenset(channels.outputs.tolist()) for channels in groups.producers.values()}
    chosen_by_layer = sorted([group for group in chosen if group in layer] for layer in layers)
    for count in range(1, len(chosen) + 1):
        for layer in chosen_by_layer:
            if count <= len(layer):
                left_out = set(layer[-count:])
                yield [group for group in chosen if group not in left_out]


def _make_mask(groups: ChannelGroups, chosen: list[int]) -> np.ndarray:
    removed = np.zeros(len(groups.frozen), bool)
    removed[chosen] = True
    return removed


def _order_groups(
    groups: ChannelGroups, importance: np.ndarray, scope: str, keep: Sequence[str]
) -> list[int]:
    """List the groups that can be removed, the least important first.

    The most important group of each layer is not among them.
    """
    unknown = [name for name in keep if name not in groups.producers]
    if unknown:
        raise InputError(
            f"keep: no removable channels in {', '.join(unknown)}; allowed: "
            f"{', '.join(groups.producers)}"
        )
    stay = {group for name in keep for group in groups.producers[name].outputs.tolist()}
    rank = np.array(importance)
    for channels in groups.producers.values():
        layer_groups = np.unique(channels.outputs)
        layer_groups = layer_groups[np.argsort(importance[layer_groups], kind="stable")]
        stay.add(int(layer_groups[-1]))
        if scope == "layer":
            rank[layer_groups] = np.arange(1, len(layer_groups) + 1) / len(layer_groups)
    order = np.argsort(rank, kind="stable")
    return [int(group) for group in order if np.isfinite(importance[group]) and group not in stay]
