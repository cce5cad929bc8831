"""Layers replaced by chains of smaller ones, as a request names them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.compress.graph.canonicalize import standard
from snugnet.compress.graph.fold import fold
from snugnet.compress.graph.functional import Chain, replace
from snugnet.compress.lowrank import svd, tt, tucker
from snugnet.compress.lowrank.design_space import load_point
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import KeepZeros

# Methods by class of layer; what follows is asked of the layer besides.
METHODS = {"Dense": ("svd", "tt"), "Conv2D": ("tucker2", "svd (1x1 only)")}
Ranks = tuple[int, ...]


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Factorize layers and train on; the kernels of other layers keep zeros that they have.

    Args:
        model: The trained model.
        train: Samples to learn from.
        val: Samples that choose the epoch.
        settings: `layers` (as the requests of `factorize`), or `point` of the file `designs`, and
            `training`.
        seed: Seed of training.

    Returns:
        The factorized model and the history.

    Raises:
        InputError: If a layer or point does not exist, or a request does not fit its layer.
    """
    if bool(settings["layers"]) == (settings["point"] is not None):
        raise InputError("set either layers or point, not both")
    requests = settings["layers"] or load_point(settings["designs"], settings["point"])
    smaller = factorize(model, requests)
    for name, request in requests.items():
        print(f"{name}: {request}")
    print(f"{smaller.count_params()} of {model.count_params()} parameters left")
    return smaller, fit(smaller, train, val, settings["training"], seed, callbacks=[KeepZeros()])


def factorize(model: tf_keras.Model, requests: Mapping[str, Mapping[str, Any]]) -> tf_keras.Model:
    """Copy a model with layers replaced by their factors.

    Args:
        model: The trained model.
        requests: By layer: `method` (`svd`, `tucker2` or `tt`), `rank` (a number, or a list: for
            `tucker2` of inputs and outputs, for `tt` between the cores; an integer, or below 1 a
            share of the rank at which nothing is lost) and for `tt` also `inputs` and `outputs`
            (factors of the layer's numbers; null for two of nearly equal size).

    Returns:
        A functional model, batch normalization after Dense folded in.

    Raises:
        InputError: If a layer does not exist, or a request does not fit it.
    """
    model = fold(standard(model))
    check_names(model, requests)
    return replace(
        model,
        {
            name: chain(model.get_layer(name), settled(model.get_layer(name), request))
            for name, request in requests.items()
        },
    )


def check_names(model: tf_keras.Model, names: Mapping[str, Any]) -> None:
    """Refuse layers that do not exist or are of no class that can be factorized.

    Raises:
        InputError: Naming them and those that can.
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


def settled(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> dict[str, Any]:
    """Turn shares into ranks and fill in factors.

    Returns:
        `method`, `rank` (a list of integers), and for `tt` `inputs` and `outputs`.

    Raises:
        InputError: If the method does not fit the layer, or a rank or factor is out of range.
    """
    method = request["method"]
    _check_method(layer, method)
    found: dict[str, Any] = {"method": method}
    if method == "svd":
        full: Ranks = (svd.full_rank(layer),)
    elif method == "tucker2":
        full = tucker.full_ranks(layer)
    else:
        found |= _factors(layer, request)
        full = tt.full_ranks(found["inputs"], found["outputs"])
    found["rank"] = _ranks(layer.name, request["rank"], full)
    return found


def _check_method(layer: tf_keras.layers.Layer, method: str) -> None:
    fits = {
        "svd": type(layer) is tf_keras.layers.Dense
        or (type(layer) is tf_keras.layers.Conv2D and layer.kernel_size == (1, 1)),
        "tucker2": type(layer) is tf_keras.layers.Conv2D,
        "tt": type(layer) is tf_keras.layers.Dense and len(layer.input.shape) == 2,
    }
    if not fits[method]:
        kind = type(layer).__name__
        raise InputError(
            f"layers.{layer.name}.method: {method!r} does not apply to this {kind}; allowed: "
            f"{', '.join(METHODS[kind])}"
        )


def _factors(layer: tf_keras.layers.Dense, request: Mapping[str, Any]) -> dict[str, Ranks]:
    """Give the factors of inputs and outputs, those asked for or two of nearly equal size."""
    sizes = dict(zip(("inputs", "outputs"), map(int, layer.kernel.shape), strict=True))
    found = {}
    for side, size in sizes.items():
        found[side] = tuple(request.get(side) or _halves(size))
        if math.prod(found[side]) != size:
            raise InputError(
                f"layers.{layer.name}.{side}: the product of {list(found[side])} is "
                f"{math.prod(found[side])}, but the layer has {size} {side}"
            )
    if len(found["inputs"]) != len(found["outputs"]) or len(found["inputs"]) < 2:
        raise InputError(
            f"layers.{layer.name}: inputs {list(found['inputs'])} and outputs "
            f"{list(found['outputs'])} must have the same length, at least 2"
        )
    if not request.get("outputs"):
        # Large beside small: the cores of a rank r cost r times the sum of these products.
        found["outputs"] = tuple(sorted(found["outputs"], reverse=True))
    return found


def _halves(size: int) -> Ranks:
    small = next(d for d in range(math.isqrt(size), 0, -1) if size % d == 0)
    return small, size // small


def _ranks(name: str, asked: Any, full: Ranks) -> Ranks:
    asked = asked if isinstance(asked, list | tuple) else [asked] * len(full)
    if len(asked) != len(full):
        raise InputError(
            f"layers.{name}.rank: {list(asked)} has {len(asked)} ranks; expected {len(full)}"
        )
    ranks = tuple(
        max(1, round(rank * most)) if isinstance(rank, float) and rank < 1 else int(rank)
        for rank, most in zip(asked, full, strict=True)
    )
    if any(not 1 <= rank <= most for rank, most in zip(ranks, full, strict=True)):
        raise InputError(
            f"layers.{name}.rank: {list(ranks)} is out of range; the maximum is {list(full)}"
        )
    return ranks


def chain(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> Chain:
    """Factorize a layer as a settled request says."""
    if request["method"] == "svd":
        return svd.factorize(layer, *request["rank"])
    if request["method"] == "tucker2":
        return tucker.factorize(layer, request["rank"])
    return tt.factorize(layer, request["inputs"], request["outputs"], request["rank"])


def cost(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> tuple[int, int]:
    """Count parameters, bias aside, and multiply-accumulates that a settled request would leave."""
    if request["method"] == "svd":
        return svd.cost(layer, *request["rank"])
    if request["method"] == "tucker2":
        return tucker.cost(layer, request["rank"])
    return tt.cost(layer, request["inputs"], request["outputs"], request["rank"])


def error(layer: tf_keras.layers.Layer, request: Mapping[str, Any]) -> float:
    """Give the relative error of a layer's kernel after a settled request, in Frobenius's norm."""
    kernel = layer.get_weights()[0].astype(np.float64)
    found = chain(layer, request)
    if request["method"] == "svd":
        restored = svd.restored(found).reshape(kernel.shape)
    elif request["method"] == "tucker2":
        restored = tucker.restored(found)
    else:
        restored = tt.restored(found, request["inputs"], request["outputs"])
    return float(np.linalg.norm(kernel - restored)) / max(float(np.linalg.norm(kernel)), 1e-12)
