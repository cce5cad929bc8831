"""What variants ask of a model, checked on its graph before anything is trained."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from snugnet.compress.graph.canonicalize import standard
from snugnet.compress.graph.fold import fold
from snugnet.compress.lowrank.factorize import check_names, factorize
from snugnet.compress.pruning import magnitude, structured
from snugnet.compress.quantizers.qat import quantizable, quantize
from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

Settings = Mapping[str, Any]


def check(model: tf_keras.Model, variants: Sequence[tuple[str, Settings]]) -> None:
    """Follow a model through its variants.

    How wide layers are after structured pruning, and what a point of a design space is, only
    training shows: after these, names and classes of layers are checked, and ranks against the
    widths of before.

    Args:
        model: As it is built, not yet trained.
        variants: Name and settings of each that is made from another, parents first; a parent that
            is not among them is `model` itself.

    Raises:
        InputError: With all that is wrong, each line naming the variant.
    """
    known: dict[str, tf_keras.Model] = {}
    unsure: set[str] = set()  # of what width their layers are
    problems = []
    for name, settings in variants:
        parent = known.get(settings["parent"], model)
        if settings["parent"] in unsure:
            unsure.add(name)
            settings = _without_factors(settings)
        if settings["method"] == "prune_structured" or settings.get("point") is not None:
            unsure.add(name)
        try:
            known[name] = STEPS[settings["method"]](parent, settings)
        except InputError as error:
            problems.append(f"variant {name}: {error}")
            known[name] = parent
    if problems:
        raise InputError("\n".join(problems))


def _without_factors(settings: Settings) -> Settings:
    """Leave out requests that only fit the width that a layer will have."""
    if settings["method"] != "factorize":
        return settings
    sure = {
        name: request
        for name, request in settings["layers"].items()
        if not (request.get("inputs") or request.get("outputs"))
    }
    return {**settings, "layers": sure}


def _same(model: tf_keras.Model, _: Settings) -> tf_keras.Model:
    return model


def _structured(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    model = standard(model)
    structured.check(model, settings)
    return model


def _magnitude(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    model = standard(model)
    magnitude.check(model, settings)
    return model


def _factorize(model: tf_keras.Model, settings: Settings) -> tf_keras.Model:
    if settings["point"] is None:
        return factorize(model, settings["layers"])
    model = fold(standard(model))
    check_names(model, dict.fromkeys(settings["explored_layers"]))
    return model


def _with_quantizers(model: tf_keras.Model, _: Settings) -> tf_keras.Model:
    model = quantizable(model)
    _check_quantizers(model.to_json())
    return model


@cache
def _check_quantizers(architecture: str) -> None:
    """Put quantizers into an architecture: once, for all variants that share it."""
    quantize(tf_keras.models.model_from_json(architecture))


STEPS: dict[str, Callable[[tf_keras.Model, Settings], tf_keras.Model]] = {
    "finetune": _same,
    "prune_structured": _structured,
    "prune_magnitude": _magnitude,
    "factorize": _factorize,
    "qat": _with_quantizers,
    "calibrate": _with_quantizers,
}
