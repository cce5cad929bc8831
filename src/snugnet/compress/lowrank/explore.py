"""Which layers to factorize, how and to which ranks: the design space of low-rank models.

After Kokhazadeh et al., "A Practical Approach for Employing Tensor Train Decomposition in Edge
Devices" (International Journal of Parallel Programming 52, 2024): designs that are no smaller than
the original, in parameters or in multiply-accumulates, are dropped at once; of those of one method
and rank the dominated ones too; what is left is ranked by the error of its weights, and only the
best few are trained.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from snugnet.compress.graph.canonicalize import standard
from snugnet.compress.graph.fold import fold
from snugnet.compress.lowrank import svd, tt, tucker
from snugnet.compress.lowrank.design_space import Design
from snugnet.compress.lowrank.factorize import check_names, cost, error, factorize
from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.stats import macs
from snugnet.models.training.fit import best_epoch, fit
from snugnet.models.training.sparsity_mask import KeepZeros

# A layer with a smaller share of the parameters is left alone unless it is named.
LEAST_SHARE = 0.02
# How many designs are carried on from layer to layer, and how many of one layer.
MOST_DESIGNS, MOST_OPTIONS = 200, 40
# How many factors a tensor train may have.
CORES = (2, 3)


@dataclass(frozen=True)
class Option:
    """Requests for some layers, and what they would leave.

    Attributes:
        requests: As `factorize` takes them, by layer; a layer that is not there stays.
        parameters: Of the kernels of the layers considered.
        macs: Of one sample, of the same layers.
        error: Root of the sum of the layers' squared relative errors.
    """

    requests: Mapping[str, Mapping[str, Any]]
    parameters: int
    macs: int
    error: float

    def plus(self, other: "Option") -> "Option":
        """Join the requests for different layers."""
        return Option(
            {**self.requests, **other.requests},
            self.parameters + other.parameters,
            self.macs + other.macs,
            math.hypot(self.error, other.error),
        )


def explore(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> list[Design]:
    """Enumerate designs, train the best few briefly, and mark those that no other one beats.

    Args:
        model: The trained model.
        train: Samples to learn from.
        val: Samples by which designs are judged.
        settings: `layers` (names; none for all Dense and Conv2D with a part of the parameters that
            counts), `ranks` (those to try), `finalists` (how many designs are trained),
            `time_budget` (seconds after which no training is begun) and `training` (of each).
        seed: Seed of training.

    Returns:
        All designs that were ranked, in order of parameters.

    Raises:
        InputError: If a layer does not exist or cannot be factorized.
    """
    started = time.monotonic()
    model = fold(standard(model))
    check_names(model, dict.fromkeys(settings["layers"]))
    layers = [model.get_layer(name) for name in settings["layers"] or _chosen(model)]
    choices = []
    with progress(len(layers), "layers enumerated") as meter:
        for layer in layers:
            choices.append(candidates(layer, settings["ranks"]))
            meter.update(1)
    options = designs(choices)
    # Over all sizes, the smallest error of each.
    finalists = _thinned(options, settings["finalists"])
    trained: dict[int, float] = {}
    with progress(len(finalists), "designs trained") as meter:
        for option in finalists:
            if trained and time.monotonic() - started > settings["time_budget"]:
                print(f"time budget reached: {len(trained)} of {len(finalists)} finalists trained")
                break
            trained[id(option)] = _accuracy(model, option, train, val, settings, seed)
            meter.update(1)
    rest = model.count_params() - sum(layer.kernel.shape.num_elements() for layer in layers)
    rest_macs = sum(map(macs, model.layers)) - sum(map(macs, layers))
    return _ranked(options, finalists, trained, rest, rest_macs)


def _chosen(model: tf_keras.Model) -> list[str]:
    least = LEAST_SHARE * model.count_params()
    return [
        layer.name
        for layer in model.layers
        if type(layer).__name__ in ("Dense", "Conv2D")
        and getattr(layer, "groups", 1) == 1
        and layer.count_params() >= least
    ]


def candidates(layer: tf_keras.layers.Layer, ranks: Sequence[int]) -> list[Option]:
    """List what may be done with one layer, nothing included.

    Args:
        layer: A Dense or Conv2D layer.
        ranks: To try; those above a layer's full rank do not count.
    """
    most = (int(layer.kernel.shape.num_elements()), macs(layer))
    found: dict[tuple[Any, ...], list[tuple[int, int, dict[str, Any]]]] = {}
    for request in _requests(layer, ranks):
        parameters, products = cost(layer, request)
        if parameters < most[0] and products < most[1]:
            key = (request["method"], request["rank"])
            found.setdefault(key, []).append((parameters, products, request))
    kept = [
        Option({layer.name: request}, parameters, products, error(layer, request))
        for same in found.values()
        for parameters, products, request in _undominated(same)
    ]
    return [Option({}, *most, 0.0), *_thinned(_front(kept), MOST_OPTIONS)]


def _requests(layer: tf_keras.layers.Layer, ranks: Sequence[int]) -> Iterator[dict[str, Any]]:
    if type(layer) is tf_keras.layers.Conv2D:
        most = tucker.full_ranks(layer)
        area = math.prod(layer.kernel_size)
        for pair in product(*([r for r in ranks if r <= full] for full in most)):
            if max(pair) <= area * min(pair):  # of more, the core could not make use
                yield {"method": "tucker2", "rank": pair}
        if layer.kernel_size != (1, 1):
            return
    for rank in ranks:
        if rank <= svd.full_rank(layer):
            yield {"method": "svd", "rank": (rank,)}
    if type(layer) is tf_keras.layers.Dense and len(layer.input.shape) == 2:
        yield from _trains(layer, ranks)


def _trains(layer: tf_keras.layers.Dense, ranks: Sequence[int]) -> Iterator[dict[str, Any]]:
    """All tensor trains of two or three cores whose inner ranks are the same."""
    inputs, outputs = (int(n) for n in layer.kernel.shape)
    for count in CORES:
        for pair in product(_factors(inputs, count), _factors(outputs, count)):
            full = min(tt.full_ranks(*pair))
            for rank in ranks:
                if rank <= full:
                    shapes = {"inputs": pair[0], "outputs": pair[1]}
                    yield {"method": "tt", "rank": (rank,) * (count - 1), **shapes}


def _factors(size: int, count: int) -> list[tuple[int, ...]]:
    """All ways to write a number as so many factors above 1, in every order."""
    if count == 1:
        return [(size,)] if size > 1 else []
    return [
        (divisor, *rest)
        for divisor in range(2, size)
        if size % divisor == 0
        for rest in _factors(size // divisor, count - 1)
    ]


def _undominated(
    shapes: list[tuple[int, int, dict[str, Any]]],
) -> list[tuple[int, int, dict[str, Any]]]:
    """Keep the shapes that no other beats in parameters and multiply-accumulates, one of equals."""
    kept: list[tuple[int, int, dict[str, Any]]] = []
    for shape in sorted(shapes, key=lambda shape: shape[:2]):
        if not kept or shape[1] < kept[-1][1]:
            kept.append(shape)
    return kept


def _beaten(figures: np.ndarray) -> np.ndarray:
    """Tell which rows another one dominates: nowhere above, somewhere below."""
    return np.array(
        [((figures <= row).all(axis=1) & (figures < row).any(axis=1)).any() for row in figures]
    )


def _front(options: list[Option]) -> list[Option]:
    """Drop what another option dominates in parameters, multiply-accumulates and error."""
    figures = np.array([(o.parameters, o.macs, o.error) for o in options]).reshape(-1, 3)
    return [o for o, beaten in zip(options, _beaten(figures), strict=True) if not beaten]


def _thinned(options: list[Option], most: int) -> list[Option]:
    """Keep the smallest error in each of so many equal steps of the parameters' logarithm."""
    if len(options) <= most:
        return sorted(options, key=lambda option: option.parameters)
    size = np.log([option.parameters for option in options])
    step = (size.max() - size.min()) / most or 1.0
    best: dict[int, Option] = {}
    places = np.minimum((size - size.min()) // step, most - 1).astype(int)
    for option, place in zip(options, places.tolist(), strict=True):
        if place not in best or option.error < best[place].error:
            best[place] = option
    return [best[place] for place in sorted(best)]


def designs(choices: Sequence[Sequence[Option]]) -> list[Option]:
    """Combine the options of all layers, keeping what is not dominated; nothing at all is left out.

    Args:
        choices: The options of each layer.
    """
    found = [Option({}, 0, 0, 0.0)]
    for options in choices:
        joined = [first.plus(second) for first, second in product(found, options)]
        found = _thinned(_front(joined), MOST_DESIGNS)
    return [option for option in found if option.requests]


def _accuracy(
    model: tf_keras.Model,
    option: Option,
    train: Samples,
    val: Samples,
    settings: Mapping[str, Any],
    seed: int,
) -> float:
    """Train a design briefly; give the accuracy on val of the epoch that is kept."""
    smaller = factorize(model, option.requests)
    history = fit(smaller, train, val, settings["training"], seed, callbacks=[KeepZeros()])
    return best_epoch(history, settings["training"]["monitor"])["val_accuracy"]


def _ranked(
    options: list[Option],
    finalists: list[Option],
    trained: Mapping[int, float],
    rest: int,
    rest_macs: int,
) -> list[Design]:
    """Describe all designs; the trained ones that no other beats get their number."""
    ready = [option for option in finalists if id(option) in trained]
    figures = np.array([(o.parameters, o.macs, -trained[id(o)]) for o in ready])
    best = [o for o, beaten in zip(ready, _beaten(figures), strict=True) if not beaten]
    best.sort(key=lambda option: option.parameters)
    points = {id(option): point for point, option in enumerate(best)}
    return [
        Design(
            point=points.get(id(option)),
            finalist=any(option is other for other in finalists),
            requests=option.requests,
            parameters=option.parameters + rest,
            macs=option.macs + rest_macs,
            weight_error=option.error,
            val_accuracy=trained.get(id(option)),
        )
        for option in sorted(options, key=lambda option: option.parameters)
    ]
