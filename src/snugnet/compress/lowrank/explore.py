"""Design space exploration: which layers to factorize, by which method and to which ranks.

After Kokhazadeh et al., "A Practical Approach for Employing Tensor Train Decomposition in Edge
Devices" (International Journal of Parallel Programming 52, 2024). A design is dropped at once
unless it reduces both parameters and multiply-accumulates. Among designs of one method and rank,
the dominated ones are dropped as well. The others are ranked by the error of their weights, and
only the best few are trained.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.lowrank import svd, tt, tucker
from snugnet.compress.lowrank.design_space import Design
from snugnet.compress.lowrank.factorize import (
    METHODS,
    Factorization,
    check_names,
    compute_cost,
    compute_weight_error,
    factorize,
)
from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.exploration import ExplorationSettings
from snugnet.core.settings.factorization import LayerFactorization
from snugnet.core.settings.training import TrainingSettings
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.stats import count_macs
from snugnet.models.training.fit import find_best_epoch, fit
from snugnet.models.training.sparsity_mask import SparsityMask

# A layer with a smaller share of all parameters is not factorized, unless it is named.
MIN_SHARE = 0.02
# Largest number of designs that are kept after each layer, and of options of one layer.
MAX_DESIGNS, MAX_OPTIONS = 200, 40
# Numbers of cores that a tensor train may have.
CORE_COUNTS = (2, 3)


@dataclass(frozen=True)
class Option:
    """Requests for some layers, with their cost and error.

    Attributes:
        requests: Requests by name of the layer; layers without one stay.
        parameters: Number of parameters in the kernels of the layers considered.
        macs: Multiply-accumulates of one sample in the same layers.
        error: Root of the sum of the squared relative errors of the layers.
    """

    requests: Mapping[str, LayerFactorization]
    parameters: int
    macs: int
    error: float

    def combine(self, other: "Option") -> "Option":
        """Combine the requests for different layers.

        Args:
            other: Option for other layers.

        Returns:
            The option for all layers.
        """
        return Option(
            {**self.requests, **other.requests},
            self.parameters + other.parameters,
            self.macs + other.macs,
            math.hypot(self.error, other.error),
        )


def explore(
    model: tf_keras.Model, train: Samples, val: Samples, settings: ExplorationSettings, seed: int
) -> list[Design]:
    """Enumerate designs, train the best few briefly, and number the Pareto-optimal ones.

    Args:
        model: The trained model.
        train: Training samples.
        val: Samples on which designs are compared.
        settings: Settings of the search. If it names no layers, all Dense and Conv2D layers with at
            least `MIN_SHARE` of the parameters are considered. `training` is that of each design.
        seed: Seed of training.

    Returns:
        All designs that were ranked, in order of parameters.

    Raises:
        InputError: If a layer does not exist or cannot be factorized.
    """
    start = time.monotonic()
    model = fold_batch_norm(canonicalize(model))
    check_names(model, settings.layers)
    layers = [model.get_layer(name) for name in settings.layers or _select_layers(model)]
    choices = []
    with progress(len(layers), "layers enumerated") as meter:
        for layer in layers:
            choices.append(enumerate_options(layer, settings.ranks))
            meter.update(1)
    options = combine_options(choices)
    # The smallest error for each size of the model.
    finalists = _thin_out(options, settings.finalists)
    accuracies: dict[int, float] = {}
    with progress(len(finalists), "designs trained") as meter:
        for option in finalists:
            if accuracies and time.monotonic() - start > settings.time_budget:
                print(
                    f"time budget reached: {len(accuracies)} of {len(finalists)} finalists trained"
                )
                break
            accuracies[id(option)] = _train_briefly(
                model, option, train, val, settings.training, seed
            )
            meter.update(1)
    # Parameters and multiply-accumulates outside of the kernels that the options cover.
    kernel_parameters = sum(layer.kernel.shape.num_elements() for layer in layers)
    other_parameters = model.count_params() - kernel_parameters
    explored = {layer.name for layer in layers}
    others = [layer for layer in model.layers if layer.name not in explored]
    other_macs = sum(count_macs(layer) or 0 for layer in others)
    return _make_designs(options, finalists, accuracies, other_parameters, other_macs)


def _select_layers(model: tf_keras.Model) -> list[str]:
    """List the Dense and Conv2D layers that have a large enough share of the parameters."""
    min_parameters = MIN_SHARE * model.count_params()
    return [
        layer.name
        for layer in model.layers
        if type(layer).__name__ in METHODS
        and getattr(layer, "groups", 1) == 1
        and layer.count_params() >= min_parameters
    ]


def enumerate_options(layer: tf_keras.layers.Layer, ranks: Sequence[int]) -> list[Option]:
    """Enumerate the options of one layer.

    Args:
        layer: A Dense or Conv2D layer.
        ranks: Ranks to try; those above the full rank of the layer are skipped.

    Returns:
        The first option leaves the layer as it is. The others are smaller, in parameters and in
        multiply-accumulates, and not dominated.
    """
    max_parameters, max_macs = int(layer.kernel.shape.num_elements()), count_macs(layer) or 0
    shapes: dict[tuple[str, tuple[int, ...]], list[tuple[int, int, Factorization]]] = {}
    for factorization in _iterate_factorizations(layer, ranks):
        parameters, macs = compute_cost(layer, factorization)
        if parameters < max_parameters and macs < max_macs:
            key = (factorization.method, factorization.ranks)
            shapes.setdefault(key, []).append((parameters, macs, factorization))
    options = [
        Option(
            {layer.name: factorization.to_settings()},
            parameters,
            macs,
            compute_weight_error(layer, factorization),
        )
        for same_rank in shapes.values()
        for parameters, macs, factorization in _drop_dominated_shapes(same_rank)
    ]
    unchanged = Option({}, max_parameters, max_macs, 0.0)
    return [unchanged, *_thin_out(_drop_dominated(options), MAX_OPTIONS)]


def _iterate_factorizations(
    layer: tf_keras.layers.Layer, ranks: Sequence[int]
) -> Iterator[Factorization]:
    if type(layer) is tf_keras.layers.Conv2D:
        full_ranks = tucker.compute_full_ranks(layer)
        area = math.prod(layer.kernel_size)
        choices = [[rank for rank in ranks if rank <= full] for full in full_ranks]
        for pair in product(*choices):
            # The core has no use for a rank that is more than `area` times the other one.
            if max(pair) <= area * min(pair):
                yield Factorization("tucker2", pair)
        if layer.kernel_size != (1, 1):
            return
    for rank in ranks:
        if rank <= svd.compute_full_rank(layer):
            yield Factorization("svd", (rank,))
    if type(layer) is tf_keras.layers.Dense and len(layer.input.shape) == 2:
        yield from _iterate_tensor_trains(layer, ranks)


def _iterate_tensor_trains(
    layer: tf_keras.layers.Dense, ranks: Sequence[int]
) -> Iterator[Factorization]:
    """Yield all tensor trains of two or three cores with equal inner ranks."""
    inputs, outputs = (int(n) for n in layer.kernel.shape)
    for count in CORE_COUNTS:
        for pair in product(_list_factorings(inputs, count), _list_factorings(outputs, count)):
            full_rank = min(tt.compute_full_ranks(*pair))
            for rank in ranks:
                if rank <= full_rank:
                    yield Factorization(
                        "tt", (rank,) * (count - 1), inputs=pair[0], outputs=pair[1]
                    )


def _list_factorings(size: int, count: int) -> list[tuple[int, ...]]:
    """List all ordered products of `count` factors above 1 that give `size`."""
    if count == 1:
        return [(size,)] if size > 1 else []
    return [
        (divisor, *rest)
        for divisor in range(2, size)
        if size % divisor == 0
        for rest in _list_factorings(size // divisor, count - 1)
    ]


def _drop_dominated_shapes(
    shapes: list[tuple[int, int, Factorization]],
) -> list[tuple[int, int, Factorization]]:
    """Drop the shapes that another one dominates in parameters and multiply-accumulates.

    If several have equal numbers, the first is kept.

    Args:
        shapes: (parameters, multiply-accumulates, factorization) of each.
    """
    kept: list[tuple[int, int, Factorization]] = []
    for shape in sorted(shapes, key=lambda shape: shape[:2]):
        if not kept or shape[1] < kept[-1][1]:
            kept.append(shape)
    return kept


def _find_dominated(values: np.ndarray) -> np.ndarray:
    """Find the rows that another row dominates: nowhere larger and somewhere smaller.

    Args:
        values: (n, values to minimize).

    Returns:
        (n,) of bool.
    """
    return np.array(
        [((values <= row).all(axis=1) & (values < row).any(axis=1)).any() for row in values]
    )


def _drop_dominated(options: list[Option]) -> list[Option]:
    """Drop the options that another one dominates in parameters, MACs and error."""
    values = [(option.parameters, option.macs, option.error) for option in options]
    dominated = _find_dominated(np.array(values).reshape(-1, 3))
    return [
        option for option, is_dominated in zip(options, dominated, strict=True) if not is_dominated
    ]


def _thin_out(options: list[Option], max_count: int) -> list[Option]:
    """Keep at most `max_count` options, in order of parameters.

    The logarithm of the parameters is divided into as many equal intervals; in each of them the
    option with the smallest error is kept.
    """
    if len(options) <= max_count:
        return sorted(options, key=lambda option: option.parameters)
    size = np.log([option.parameters for option in options])
    width = (size.max() - size.min()) / max_count
    # All options have the same size: use one interval of any width.
    if width == 0:
        width = 1.0
    best: dict[int, Option] = {}
    intervals = np.minimum((size - size.min()) // width, max_count - 1).astype(int)
    for option, interval in zip(options, intervals.tolist(), strict=True):
        if interval not in best or option.error < best[interval].error:
            best[interval] = option
    return [best[interval] for interval in sorted(best)]


def combine_options(choices: Sequence[Sequence[Option]]) -> list[Option]:
    """Combine the options of all layers, and drop dominated combinations.

    Args:
        choices: The options of each layer.

    Returns:
        At most `MAX_DESIGNS` combinations, without the one that leaves all layers as they are.
    """
    combined = [Option({}, 0, 0, 0.0)]
    for options in choices:
        pairs = [first.combine(second) for first, second in product(combined, options)]
        combined = _thin_out(_drop_dominated(pairs), MAX_DESIGNS)
    return [option for option in combined if option.requests]


def _train_briefly(
    model: tf_keras.Model,
    option: Option,
    train: Samples,
    val: Samples,
    training: TrainingSettings,
    seed: int,
) -> float:
    """Train a design briefly; return the accuracy on val in the best epoch, 0..1."""
    smaller = factorize(model, option.requests)
    history = fit(smaller, train, val, training, seed, callbacks=[SparsityMask()])
    return find_best_epoch(history, training.monitor)["val_accuracy"]


def _make_designs(
    options: list[Option],
    finalists: list[Option],
    accuracies: Mapping[int, float],
    other_parameters: int,
    other_macs: int,
) -> list[Design]:
    """Make the designs in order of parameters, and number the Pareto-optimal trained ones.

    Args:
        options: All options that were ranked.
        finalists: Those that were selected for training.
        accuracies: Accuracy on val of the trained ones, by `id(option)`.
        other_parameters: Parameters of the model outside of the kernels that options cover.
        other_macs: Multiply-accumulates of the other layers.
    """
    trained = [option for option in finalists if id(option) in accuracies]
    values = [(option.parameters, option.macs, -accuracies[id(option)]) for option in trained]
    dominated = _find_dominated(np.array(values))
    best = [
        option for option, is_dominated in zip(trained, dominated, strict=True) if not is_dominated
    ]
    best.sort(key=lambda option: option.parameters)
    points = {id(option): point for point, option in enumerate(best)}
    return [
        Design(
            point=points.get(id(option)),
            finalist=any(option is finalist for finalist in finalists),
            requests=option.requests,
            parameters=option.parameters + other_parameters,
            macs=option.macs + other_macs,
            weight_error=option.error,
            val_accuracy=accuracies.get(id(option)),
        )
        for option in sorted(options, key=lambda option: option.parameters)
    ]
