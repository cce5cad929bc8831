"""Low-rank factorization: layers are replaced by chains of smaller ones."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.graph.functional import Chain, replace_layers
from snugnet.compress.lowrank import svd, tt, tucker
from snugnet.compress.lowrank.design_space import load_point
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import SparsityMask

# Methods by layer class. `_check_method` checks further conditions.
METHODS = {"Dense": ("svd", "tt"), "Conv2D": ("tucker2", "svd (1x1 only)")}
Ranks = tuple[int, ...]


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Factorize layers and fine-tune; zeros in the kernels of other layers stay zero.

    Args:
        model: The trained model.
        train: Training samples.
        val: Samples that select the best epoch.
        settings: `layers` (the requests of `factorize`), or `point` of the file `designs`, and
            `training`.
        seed: Seed of training.

    Returns:
        The factorized model and the training history.

    Raises:
        InputError: If a layer or point does not exist, or a request does not fit its layer.
    """
    has_layers, has_point = bool(settings["layers"]), settings["point"] is not None
    if has_layers == has_point:
        raise InputError("set either layers or point, not both")
    requests = settings["layers"] or load_point(settings["designs"], settings["point"])
    smaller = factorize(model, requests)
    for name, request in requests.items():
        print(f"{name}: {request}")
    print(f"{smaller.count_params()} of {model.count_params()} parameters left")
    history = fit(smaller, train, val, settings["training"], seed, callbacks=[SparsityMask()])
    return smaller, history


def factorize(model: tf_keras.Model, requests: Mapping[str, Mapping[str, Any]]) -> tf_keras.Model:
    """Copy a model with some layers replaced by their factors.

    Args:
        model: The trained model.
        requests: Request by name of the layer:
            method: `svd`, `tucker2` or `tt`.
            rank: A number, or a list: for `tucker2` the ranks of inputs and outputs, for `tt` the
                ranks between the cores. An integer is a rank; a number below 1 is a share of the
                full rank.
            inputs, outputs: Only for `tt`: factors of the number of inputs and of outputs; null for
                two factors of nearly equal size.

    Returns:
        A functional model; batch normalization after Dense layers is folded.

    Raises:
        InputError: If a layer does not exist, or a request does not fit it.
    """
    model = fold_batch_norm(canonicalize(model))
    check_names(model, requests)
    chains = {}
    for name, request in requests.items():
        layer = model.get_layer(name)
        chains[name] = factorize_layer(layer, resolve_request(layer, request))
    return replace_layers(model, chains)


def check_names(model: tf_keras.Model, names: Mapping[str, Any]) -> None:
    """Check that layers exist and have a class that can be factorized.

    Args:
        model: The model.
        names: Mapping whose keys are names of layers.

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


def resolve_request(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> dict[str, Any]:
    """Convert shares to ranks and fill in missing factors.

    Args:
        layer: The layer to factorize.
        request: Its request, in the format of `factorize`.

    Returns:
        `method`, `rank` (a tuple of integers), and for `tt` also `inputs` and `outputs`.

    Raises:
        InputError: If the method does not fit the layer, or a rank or factor is out of range.
    """
    method = request["method"]
    _check_method(layer, method)
    resolved: dict[str, Any] = {"method": method}
    if method == "svd":
        full_ranks: Ranks = (svd.compute_full_rank(layer),)
    elif method == "tucker2":
        full_ranks = tucker.compute_full_ranks(layer)
    else:
        resolved |= _resolve_factors(layer, request)
        full_ranks = tt.compute_full_ranks(resolved["inputs"], resolved["outputs"])
    resolved["rank"] = _resolve_ranks(layer.name, request["rank"], full_ranks)
    return resolved


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


def _resolve_factors(layer: tf_keras.layers.Dense, request: Mapping[str, Any]) -> dict[str, Ranks]:
    """Return the requested factors of inputs and outputs, or two of nearly equal size."""
    sizes = dict(zip(("inputs", "outputs"), map(int, layer.kernel.shape), strict=True))
    factors = {}
    for side, size in sizes.items():
        factors[side] = tuple(request.get(side) or _split_evenly(size))
        if math.prod(factors[side]) != size:
            raise InputError(
                f"layers.{layer.name}.{side}: the product of {list(factors[side])} is "
                f"{math.prod(factors[side])}, but the layer has {size} {side}"
            )
    if len(factors["inputs"]) != len(factors["outputs"]) or len(factors["inputs"]) < 2:
        raise InputError(
            f"layers.{layer.name}: inputs {list(factors['inputs'])} and outputs "
            f"{list(factors['outputs'])} must have the same length, at least 2"
        )
    if not request.get("outputs"):
        # Pair large factors of the outputs with small ones of the inputs: with a rank r, the cores
        # cost r times the sum of the products of the pairs.
        factors["outputs"] = tuple(sorted(factors["outputs"], reverse=True))
    return factors


def _split_evenly(size: int) -> Ranks:
    """Split a number into two factors of nearly equal size, the smaller one first."""
    small = next(d for d in range(math.isqrt(size), 0, -1) if size % d == 0)
    return small, size // small


def _resolve_ranks(name: str, requested: Any, full_ranks: Ranks) -> Ranks:
    """Convert requested ranks, integers or shares of the full ranks, to integers.

    Args:
        name: Name of the layer, for messages.
        requested: A number, or one number per rank.
        full_ranks: The full ranks.

    Raises:
        InputError: If there are too many or too few ranks, or one is out of range.
    """
    if not isinstance(requested, list | tuple):
        requested = [requested] * len(full_ranks)
    if len(requested) != len(full_ranks):
        raise InputError(
            f"layers.{name}.rank: {list(requested)} has {len(requested)} ranks; "
            f"expected {len(full_ranks)}"
        )
    ranks = tuple(
        max(1, round(rank * full)) if isinstance(rank, float) and rank < 1 else int(rank)
        for rank, full in zip(requested, full_ranks, strict=True)
    )
    if any(not 1 <= rank <= full for rank, full in zip(ranks, full_ranks, strict=True)):
        raise InputError(
            f"layers.{name}.rank: {list(ranks)} is out of range; the maximum is {list(full_ranks)}"
        )
    return ranks


def factorize_layer(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> Chain:
    """Factorize a layer.

    Args:
        layer: The layer.
        request: A request that `resolve_request` returned.

    Returns:
        The chain that replaces the layer.
    """
    if request["method"] == "svd":
        return svd.factorize(layer, *request["rank"])
    if request["method"] == "tucker2":
        return tucker.factorize(layer, request["rank"])
    return tt.factorize(layer, request["inputs"], request["outputs"], request["rank"])


def compute_cost(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> tuple[int, int]:
    """Compute the cost of a layer after factorization.

    Args:
        layer: The layer.
        request: A request that `resolve_request` returned.

    Returns:
        The number of parameters (without bias, except for `tt`), and the multiply-accumulates of
        one sample.
    """
    if request["method"] == "svd":
        return svd.compute_cost(layer, *request["rank"])
    if request["method"] == "tucker2":
        return tucker.compute_cost(layer, request["rank"])
    return tt.compute_cost(layer, request["inputs"], request["outputs"], request["rank"])


def compute_weight_error(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> float:
    """Compute the relative error of the kernel after factorization, in the Frobenius norm.

    Args:
        layer: The layer.
        request: A request that `resolve_request` returned.

    Returns:
        |kernel - reconstruction| / |kernel|.
    """
    kernel = layer.get_weights()[0].astype(np.float64)
    chain = factorize_layer(layer, request)
    if request["method"] == "svd":
        reconstruction = svd.reconstruct_kernel(chain).reshape(kernel.shape)
    elif request["method"] == "tucker2":
        reconstruction = tucker.reconstruct_kernel(chain)
    else:
        reconstruction = tt.reconstruct_kernel(chain, request["inputs"], request["outputs"])
    difference = float(np.linalg.norm(kernel - reconstruction))
    return difference / max(float(np.linalg.norm(kernel)), 1e-12)
