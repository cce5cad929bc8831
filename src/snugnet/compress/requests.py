"""Checks of all variants of a model on its graph, before anything is trained."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.lowrank.factorize import check_names, factorize
from snugnet.compress.pruning import magnitude, structured
from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

Settings = Mapping[str, Any]


def check(model: tf_keras.Model, variants: Sequence[tuple[str, Settings]]) -> None:
    """Check that each variant can be made from its parent.

    The numbers of channels after structured pruning, and the layers of a point of a design space,
    are known only after training. For variants made from these, the names and classes of layers are
    checked, and ranks are compared with the numbers of channels before.

    Args:
        model: The model before training.
        variants: Name and settings of each variant that is made from another one, parents first. If
            a parent is not in the list, it is `model` itself.

    Raises:
        InputError: If a check fails; the message has one line per problem, with the variant.
    """
    models: dict[str, tf_keras.Model] = {}
    # Variants whose layers have sizes that are known only after training.
    unknown_sizes: set[str] = set()
    problems = []
    for name, settings in variants:
        parent = models.get(settings["parent"], model)
        if settings["parent"] in unknown_sizes:
            unknown_sizes.add(name)
            settings = _drop_size_dependent_requests(settings)
        if settings["method"] == "prune_structured" or settings.get("point") is not None:
            unknown_sizes.add(name)
        try:
            models[name] = METHODS[settings["method"]](parent, settings)
        except InputError as error:
            problems.append(f"variant {name}: {error}")
            models[name] = parent
    if problems:
        raise InputError("\n".join(problems))


def _drop_size_dependent_requests(settings: Settings) -> Settings:
    """Drop requests with factors of the numbers of inputs and outputs, which are not known yet."""
    if settings["method"] != "factorize":
        return settings
    requests = {
        name: request
        for name, request in settings["layers"].items()
        if not (request.get("inputs") or request.get("outputs"))
    }
    return {**settings, "layers": requests}


def _check_finetune(model: tf_keras.Model, _: Settings) -> tf_keras.Model:
    return model


def _check_structured(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    model = canonicalize(model)
    structured.check(model, settings)
    return model


def _check_magnitude(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    model = canonicalize(model)
    magnitude.check(model, settings)
    return model


def _check_factorize(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    if settings["point"] is None:
        return factorize(model, settings["layers"])
    model = fold_batch_norm(canonicalize(model))
    check_names(model, dict.fromkeys(settings["explored_layers"]))
    return model


def _check_quantizers(model: tf_keras.Model, _: Settings) -> tf_keras.Model:
    model = prepare_for_quantization(model)
    _insert_quantizers_once(model.to_json())
    return model


@cache
def _insert_quantizers_once(architecture: str) -> None:
    """Insert quantizers into a model without weights, only once for equal architectures."""
    insert_quantizers(tf_keras.models.model_from_json(architecture))


# Checks by method. Each returns the model that the variant will have, as far as it is known.
METHODS: dict[str, Callable[[tf_keras.Model, Settings], tf_keras.Model]] = {
    "finetune": _check_finetune,
    "prune_structured": _check_structured,
    "prune_magnitude": _check_magnitude,
    "factorize": _check_factorize,
    "qat": _check_quantizers,
    "calibrate": _check_quantizers,
}
