"""Low-rank factorization: layers are replaced by chains of smaller ones."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.graph.functional import Chain, replace_layers
from snugnet.compress.lowrank import svd, tt, tucker
from snugnet.compress.lowrank.design_space import load_point
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.factorization import FactorizationSettings, LayerFactorization
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import SparsityMask

# The class of the settings that `compress` takes.
SETTINGS = FactorizationSettings
# Methods by layer class. `_check_method` checks further conditions.
METHODS = {"Dense": ("svd", "tt"), "Conv2D": ("tucker2", "svd (1x1 only)")}
Ranks = tuple[int, ...]


@dataclass(frozen=True)
class Factorization:
    """Factorization of one layer, with all numbers resolved.

    Attributes:
        method: `svd`, `tucker2` or `tt`.
        ranks: The rank of `svd`, the ranks of inputs and outputs of `tucker2`, or the ranks between
            the cores of `tt`.
        inputs: Factors of the number of inputs; only for `tt`.
        outputs: Factors of the number of outputs; only for `tt`.
    """

    method: Literal["svd", "tucker2", "tt"]
    ranks: Ranks
    inputs: Ranks = ()
    outputs: Ranks = ()

    def to_settings(self) -> LayerFactorization:
        """Return the settings that request this factorization."""
        return LayerFactorization(
            method=self.method,
            rank=self.ranks,
            inputs=self.inputs or None,
            outputs=self.outputs or None,
        )


def compress(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: FactorizationSettings,
    seed: int,
    designs: str | None = None,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Factorize layers and fine-tune; zeros in the kernels of other layers stay zero.

    Args:
        model: The trained model.
        train: Training samples.
        val: Samples that select the best epoch.
        settings: Settings of the factorization, with either `layers` or `point`.
        seed: Seed of training.
        designs: Path of the CSV file with the designs of the model; required for `point`.

    Returns:
        The factorized model and the training history.

    Raises:
        InputError: If a layer or point does not exist, or a request does not fit its layer.
    """
    requests = _choose_requests(settings, designs)
    smaller = factorize(model, requests)
    for name, request in requests.items():
        print(f"{name}: {request.to_json()}")
    print(f"{smaller.count_params()} of {model.count_params()} parameters left")
    history = fit(smaller, train, val, settings.training, seed, callbacks=[SparsityMask()])
    return smaller, history


def _choose_requests(
    settings: FactorizationSettings, designs: str | None
) -> Mapping[str, LayerFactorization]:
    """Return the requested layers, or those of the requested point."""
    if bool(settings.layers) == (settings.point is not None):
        raise InputError("set either layers or point, not both")
    if settings.point is None:
        return settings.layers
    assert designs is not None
    return load_point(designs, settings.point)


def factorize(model: tf_keras.Model, requests: Mapping[str, LayerFactorization]) -> tf_keras.Model:
    """Copy a model with some layers replaced by their factors.

    Args:
        model: The trained model.
        requests: Settings of the factorization of each layer, by name of the layer.

    Returns:
        A functional model; batch normalization after Dense layers is folded.

    Raises:
        InputError: If a layer does not exist, or a request does not fit it.
    """
    return _replace(model, requests, factorize_layer)


def build_factorized(
    model: tf_keras.Model, requests: Mapping[str, LayerFactorization]
) -> tf_keras.Model:
    """Copy a model as `factorize` does, without computing the weights of the new layers.

    This checks the requests in much less time.

    Args:
        model: The model; its weights do not matter.
        requests: Settings of the factorization of each layer, by name of the layer.

    Returns:
        A functional model with the architecture of the factorized model.

    Raises:
        InputError: If a layer does not exist, or a request does not fit it.
    """
    return _replace(model, requests, lambda layer, f: Chain(make_layers(layer, f), []))


def _replace(
    model: tf_keras.Model,
    requests: Mapping[str, LayerFactorization],
    make_chain: Callable[[tf_keras.layers.Layer, Factorization], Chain],
) -> tf_keras.Model:
    model = fold_batch_norm(canonicalize(model))
    check_names(model, requests)
    chains = {}
    for name, request in requests.items():
        layer = model.get_layer(name)
        chains[name] = make_chain(layer, resolve_request(layer, request))
    return replace_layers(model, chains)


def check_names(model: tf_keras.Model, names: Iterable[str]) -> None:
    """Check that layers exist and have a class that can be factorized.

    Args:
        model: The model.
        names: Names of layers.

    Raises:
        InputError: If the check fails; the message names the layers and the allowed ones.
    """
    allowed = [
        layer.name
        for layer in model.layers
        if type(layer).__name__ in METHODS and getattr(layer, "groups", 1) == 1
    ]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise InputError(
            f"layers: {', '.join(unknown)} cannot be factorized; allowed: {', '.join(allowed)}"
        )


def resolve_request(layer: tf_keras.layers.Layer, request: LayerFactorization) -> Factorization:
    """Convert shares to ranks and fill in missing factors.

    Args:
        layer: The layer to factorize.
        request: Settings of its factorization.

    Returns:
        The factorization, with all ranks and factors as integers.

    Raises:
        InputError: If the method does not fit the layer, or a rank or factor is out of range.
    """
    _check_method(layer, request.method)
    inputs: Ranks = ()
    outputs: Ranks = ()
    if request.method == "svd":
        full_ranks: Ranks = (svd.compute_full_rank(layer),)
    elif request.method == "tucker2":
        full_ranks = tucker.compute_full_ranks(layer)
    else:
        inputs, outputs = _resolve_factors(layer, request)
        full_ranks = tt.compute_full_ranks(inputs, outputs)
    ranks = _resolve_ranks(layer.name, request.rank, full_ranks)
    return Factorization(request.method, ranks, inputs, outputs)


def _check_method(layer: tf_keras.layers.Layer, method: str) -> None:
    is_dense = type(layer) is tf_keras.layers.Dense
    is_conv = type(layer) is tf_keras.layers.Conv2D
    fits = {
        "svd": is_dense or (is_conv and layer.kernel_size == (1, 1)),
        "tucker2": is_conv,
        "tt": is_dense and len(layer.input.shape) == 2,
    }
    if not fits[method]:
        kind = type(layer).__name__
        raise InputError(
            f"layers.{layer.name}.method: {method!r} does not apply to this {kind}; allowed: "
            f"{', '.join(METHODS[kind])}"
        )


def _resolve_factors(
    layer: tf_keras.layers.Dense, request: LayerFactorization
) -> tuple[Ranks, Ranks]:
    """Return the requested factors of inputs and outputs, or two of nearly equal size."""
    input_size, output_size = map(int, layer.kernel.shape)
    inputs = _resolve_side(layer.name, "inputs", request.inputs, input_size)
    outputs = _resolve_side(layer.name, "outputs", request.outputs, output_size)
    if len(inputs) != len(outputs) or len(inputs) < 2:
        raise InputError(
            f"layers.{layer.name}: inputs {list(inputs)} and outputs {list(outputs)} must have the "
            "same length, at least 2"
        )
    if not request.outputs:
        # Pair large factors of the outputs with small ones of the inputs: with a rank r, the cores
        # cost r times the sum of the products of the pairs.
        outputs = tuple(sorted(outputs, reverse=True))
    return inputs, outputs


def _resolve_side(name: str, side: str, requested: Ranks | None, size: int) -> Ranks:
    """Return the requested factors of a number, or two of nearly equal size."""
    factors = requested or _split_evenly(size)
    if math.prod(factors) != size:
        raise InputError(
            f"layers.{name}.{side}: the product of {list(factors)} is {math.prod(factors)}, but "
            f"the layer has {size} {side}"
        )
    return factors


def _split_evenly(size: int) -> Ranks:
    """Split a number into two factors of nearly equal size, the smaller one first."""
    small = next(d for d in range(math.isqrt(size), 0, -1) if size % d == 0)
    return small, size // small


def _resolve_ranks(name: str, requested: float | tuple[float, ...], full_ranks: Ranks) -> Ranks:
    """Convert requested ranks, integers or shares of the full ranks, to integers.

    Args:
        name: Name of the layer, for messages.
        requested: A number, or one number per rank.
        full_ranks: The full ranks.

    Raises:
        InputError: If there are too many or too few ranks, or one is out of range.
    """
    if not isinstance(requested, tuple):
        requested = (requested,) * len(full_ranks)
    if len(requested) != len(full_ranks):
        raise InputError(
            f"layers.{name}.rank: {list(requested)} has {len(requested)} ranks; "
            f"expected {len(full_ranks)}"
        )
    ranks = tuple(
        max(1, round(rank * full)) if isinstance(rank, float) else rank
        for rank, full in zip(requested, full_ranks, strict=True)
    )
    if any(not 1 <= rank <= full for rank, full in zip(ranks, full_ranks, strict=True)):
        raise InputError(
            f"layers.{name}.rank: {list(ranks)} is out of range; the maximum is {list(full_ranks)}"
        )
    return ranks


def _choose_module(factorization: Factorization) -> tuple[ModuleType, tuple[Any, ...]]:
    """Return the module of the method, and the arguments of its functions after the layer."""
    ranks = factorization.ranks
    if factorization.method == "svd":
        return svd, ranks
    if factorization.method == "tucker2":
        return tucker, (ranks,)
    return tt, (factorization.inputs, factorization.outputs, ranks)


def factorize_layer(layer: tf_keras.layers.Layer, factorization: Factorization) -> Chain:
    """Factorize a layer.

    Args:
        layer: The layer.
        factorization: Factorization that fits the layer, as `resolve_request` returns it.

    Returns:
        The chain that replaces the layer.
    """
    module, arguments = _choose_module(factorization)
    chain: Chain = module.factorize(layer, *arguments)
    return chain


def make_layers(
    layer: tf_keras.layers.Layer, factorization: Factorization
) -> list[tf_keras.layers.Layer]:
    """Make the layers that replace a layer, without weights.

    Args:
        layer: The layer.
        factorization: Factorization that fits the layer, as `resolve_request` returns it.
    """
    module, arguments = _choose_module(factorization)
    layers: list[tf_keras.layers.Layer] = module.make_layers(layer, *arguments)
    return layers


def compute_cost(layer: tf_keras.layers.Layer, factorization: Factorization) -> tuple[int, int]:
    """Compute the cost of a layer after factorization.

    Args:
        layer: The layer.
        factorization: Factorization that fits the layer, as `resolve_request` returns it.

    Returns:
        The number of parameters (without bias, except for `tt`), and the multiply-accumulates of
        one sample.
    """
    module, arguments = _choose_module(factorization)
    cost: tuple[int, int] = module.compute_cost(layer, *arguments)
    return cost


def compute_weight_error(layer: tf_keras.layers.Layer, factorization: Factorization) -> float:
    """Compute the relative error of the kernel after factorization, in the Frobenius norm.

    Args:
        layer: The layer.
        factorization: Factorization that fits the layer, as `resolve_request` returns it.

    Returns:
        |kernel - reconstruction| / |kernel|.
    """
    kernel = layer.get_weights()[0].astype(np.float64)
    chain = factorize_layer(layer, factorization)
    if factorization.method == "svd":
        reconstruction = svd.reconstruct_kernel(chain).reshape(kernel.shape)
    elif factorization.method == "tucker2":
        reconstruction = tucker.reconstruct_kernel(chain)
    else:
        reconstruction = tt.reconstruct_kernel(chain, factorization.inputs, factorization.outputs)
    difference = float(np.linalg.norm(kernel - reconstruction))
    return difference / max(float(np.linalg.norm(kernel)), 1e-12)
