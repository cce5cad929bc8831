"""Structured pruning: whole filters and units go, and the model becomes smaller.

Scores follow Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017) for `l1` and `l2`,
Liu et al., "Learning Efficient Convolutional Networks through Network Slimming" (ICCV 2017) for
`bn_scale`, and Molchanov et al., "Importance Estimation for Neural Network Pruning" (CVPR 2019,
eq. 8, over the weights of a filter) for `taylor`. Filters that depend on each other share the mean
of their scores; each layer's scores are divided by their mean first, so that layers compare.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snugnet.compress.graph.canonicalize import standard
from snugnet.compress.pruning.channel_groups import Channels, parameters_without, without
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.models.training.fit import LOSS, fit
from snugnet.models.training.sparsity_mask import KeepZeros

TAYLOR_SAMPLES = 1024
# By how much the share of removed parameters may miss its target.
TOLERANCE = 0.005


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Remove channels in steps, each followed by fine-tuning; kernels keep zeros that they have.

    Args:
        model: The trained model.
        train: Samples for fine-tuning and for the criterion `taylor`.
        val: Samples that choose the epoch.
        settings: `target` (share of all parameters to remove), `steps`, `step_epochs`, `criterion`,
            `scope`, `keep` (layers whose channels stay) and `training` (of the last step).
        seed: Seed of training.

    Returns:
        The smaller model and the history of all epochs.

    Raises:
        InputError: If a layer does not exist, the criterion does not apply to one, or the target
            cannot be reached.
    """
    model = standard(model)
    check(model, settings)
    before = model.count_params()
    order = np.random.default_rng(seed).permutation(len(train.x))
    probe = train.take(order[:TAYLOR_SAMPLES])
    history: list[dict[str, float]] = []
    for step in range(1, settings["steps"] + 1):
        channels = Channels(model)
        # Each step removes the same share of what is left.
        target = 1 - (1 - settings["target"]) ** (step / settings["steps"])
        scores = importance(channels, settings["criterion"], probe)
        wanted, slack = before * (1 - target), before * TOLERANCE
        removed = choose(channels, scores, settings["scope"], wanted, slack, settings["keep"])
        model = without(channels, removed)
        print(f"step {step}: {model.count_params()} of {before} parameters left")
        last = step == settings["steps"]
        if last:  # before the longest training
            _check(before, model.count_params(), settings["target"])
        epochs = settings["training"]["epochs"] if last else settings["step_epochs"]
        training = {**settings["training"], "epochs": epochs}
        history += fit(model, train, val, training, seed + step, callbacks=[KeepZeros()])
    return model, history


def check(model: tf_keras.Model, settings: Mapping[str, Any]) -> None:
    """Refuse what the graph alone shows to be impossible.

    Raises:
        InputError: If a layer to keep does not exist, the criterion does not apply to a layer, or
            less can be removed than is asked for.
    """
    channels = Channels(model)
    importance(channels, settings["criterion"] if settings["criterion"] == "bn_scale" else "l1")
    order = _order(channels, importance(channels, "l1"), settings["scope"], settings["keep"])
    before, least = model.count_params(), parameters_without(channels, _marked(channels, order))
    if 1 - least / before < settings["target"] - TOLERANCE:
        _check(before, least, settings["target"])


def _check(before: int, after: int, target: float) -> None:
    if abs(1 - after / before - target) > TOLERANCE:
        raise InputError(
            f"target: cannot remove a fraction of {target} of all parameters within 0.005; "
            f"the nearest possible is {1 - after / before:.3f}"
        )


def importance(channels: Channels, criterion: str, probe: Samples | None = None) -> np.ndarray:
    """Score the groups of channels.

    Args:
        channels: Of the model.
        criterion: `l1`, `l2`, `bn_scale` or `taylor`.
        probe: Train samples for `taylor`; the others need none.

    Returns:
        (channels,) by number, float64; inf for what must stay and for numbers that are no group.
    """
    if criterion == "taylor":
        assert probe is not None
        scores = _taylor(channels, probe)
    else:
        scores = {"l1": _l1, "l2": _l2, "bn_scale": _bn_scale}[criterion](channels)
    total, count = np.zeros(len(channels.frozen)), np.zeros(len(channels.frozen))
    for name, use in channels.makers.items():
        np.add.at(total, use.outputs, scores[name] / max(scores[name].mean(), 1e-12))
        np.add.at(count, use.outputs, 1)
    mean = np.divide(total, count, out=np.full(len(total), np.inf), where=count > 0)
    return np.where(channels.frozen, np.inf, mean)


def _kernels(channels: Channels) -> dict[str, np.ndarray]:
    """Give the kernels of the layers that make channels, as (weights of a channel, channels)."""
    kernels = {name: channels.model.get_layer(name).get_weights()[0] for name in channels.makers}
    return {name: kernel.reshape(-1, kernel.shape[-1]) for name, kernel in kernels.items()}


def _l1(channels: Channels) -> dict[str, np.ndarray]:
    return {name: np.abs(kernel).sum(axis=0) for name, kernel in _kernels(channels).items()}


def _l2(channels: Channels) -> dict[str, np.ndarray]:
    return {name: np.sqrt((kernel**2).sum(axis=0)) for name, kernel in _kernels(channels).items()}


def _bn_scale(channels: Channels) -> dict[str, np.ndarray]:
    """Give the scales of the batch normalization that follows each layer."""
    scales = np.full(len(channels.frozen), np.nan)
    for name, use in channels.uses.items():
        layer = channels.model.get_layer(name)
        if isinstance(layer, tf_keras.layers.BatchNormalization) and layer.scale:
            scales[use.outputs] = np.abs(layer.get_weights()[0])
    found = {}
    for name, use in channels.makers.items():
        found[name] = scales[use.outputs]
        if not channels.frozen[use.outputs].all() and np.isnan(found[name]).any():
            raise InputError(
                f"criterion: 'bn_scale' requires batch normalization after layer {name!r}; "
                "allowed here: l1, l2, taylor"
            )
    return {name: np.nan_to_num(values, nan=1.0) for name, values in found.items()}


def _taylor(channels: Channels, probe: Samples) -> dict[str, np.ndarray]:
    """Estimate by how much the loss would change: (sum of gradient x weight)^2 over batches."""
    kernels = {name: channels.model.get_layer(name).kernel for name in channels.makers}
    loss = tf_keras.losses.get(LOSS[probe.task])
    total = {name: np.zeros(kernel.shape[-1]) for name, kernel in kernels.items()}
    for start in range(0, len(probe.x), 64):
        part = slice(start, start + 64)
        x, y = probe.x[part].astype(np.float32), probe.y[part]
        y = y if probe.task == "multiclass" else y.reshape(len(y), -1)
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss(y, channels.model(x, training=False)))
        gradients = tape.gradient(value, list(kernels.values()))
        for (name, kernel), gradient in zip(kernels.items(), gradients, strict=True):
            product = (gradient * kernel).numpy()
            total[name] += product.reshape(-1, product.shape[-1]).sum(axis=0) ** 2
    return total


def choose(
    channels: Channels,
    scores: np.ndarray,
    scope: str,
    parameters: float,
    slack: float,
    keep: list[str],
) -> np.ndarray:
    """Choose the groups to remove so that about so many parameters are left.

    Args:
        channels: Of the model.
        scores: Of the groups, as `importance` gives them.
        scope: `global`, the lowest scores of all, or `layer`, the same share of every layer.
        parameters: How many are to be left.
        slack: By how many more or fewer may be left, where the layers allow it.
        keep: Layers whose channels stay.

    Returns:
        (channels,) of bool, by number.

    Raises:
        InputError: If a layer to keep does not exist or makes no channels.
    """
    order = _order(channels, scores, scope, keep)

    def left(groups: list[int]) -> int:
        return parameters_without(channels, _marked(channels, groups))

    def filled(groups: list[int]) -> list[int]:
        """Add whichever of the rest still fits, in order, until near."""
        for group in order[count:]:
            if left(groups) - parameters <= slack:
                break
            if left([*groups, group]) >= parameters - slack:
                groups = [*groups, group]
        return groups

    # As many of the first as leave no fewer than wanted.
    count = bisect_left(range(len(order)), -parameters, key=lambda k: -left(order[: k + 1]))
    best = filled(order[:count])
    for groups in _given_back(channels, order[:count]):
        if left(best) - parameters <= slack:
            break
        best = min(best, filled(groups), key=left)
    return _marked(channels, best)


def _given_back(channels: Channels, groups: list[int]) -> Iterator[list[int]]:
    """Leave out the last of one layer's groups, the fewest first."""
    layers = {frozenset(use.outputs.tolist()) for use in channels.makers.values()}
    chosen = sorted([group for group in groups if group in layer] for layer in layers)
    for count in range(1, len(groups) + 1):
        for layer in chosen:
            if count <= len(layer):
                back = set(layer[-count:])
                yield [group for group in groups if group not in back]


def _marked(channels: Channels, groups: list[int]) -> np.ndarray:
    removed = np.zeros(len(channels.frozen), bool)
    removed[groups] = True
    return removed


def _order(channels: Channels, scores: np.ndarray, scope: str, keep: list[str]) -> list[int]:
    """List the groups that may go, the first to go first; the best of each layer may not."""
    unknown = [name for name in keep if name not in channels.makers]
    if unknown:
        raise InputError(
            f"keep: no removable channels in {', '.join(unknown)}; allowed: "
            f"{', '.join(channels.makers)}"
        )
    stay = {group for name in keep for group in channels.makers[name].outputs.tolist()}
    rank = np.array(scores)
    for use in channels.makers.values():
        groups = np.unique(use.outputs)
        groups = groups[np.argsort(scores[groups], kind="stable")]
        stay.add(int(groups[-1]))
        if scope == "layer":
            rank[groups] = np.arange(1, len(groups) + 1) / len(groups)
    order = np.argsort(rank, kind="stable")
    return [int(group) for group in order if np.isfinite(scores[group]) and group not in stay]
