"""Checks of all variants of a model on its graph, before anything is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.lowrank.factorize import build_factorized, check_names
from snugnet.compress.pruning import magnitude, structured
from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
from snugnet.core.errors import InputError
from snugnet.core.settings.base import Settings
from snugnet.core.settings.calibration import CalibrationSettings
from snugnet.core.settings.factorization import FactorizationSettings
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
from snugnet.core.settings.structured_pruning import StructuredPruningSettings
from snugnet.models.loading.keras2 import tf_keras


@dataclass(frozen=True)
class VariantRequest:
    """A variant that a study makes from another one.

    Attributes:
        name: Name of the variant.
        parent: Name of the variant that it is made from.
        method: Compression method: a key of `METHODS`.
        settings: Settings of the method, a record of the class that `METHODS` names.
    """

    name: str
    parent: str
    method: str
    settings: Settings


def read_requests(blocks: Iterable[tuple[str, Mapping[str, Any]]]) -> list[VariantRequest]:
    """Read requests from plain values.

    Args:
        blocks: Name and block of each variant. A block has `parent`, `method`, and all settings of
            the method.

    Returns:
        The requests, in the same order.
    """
    return [
        VariantRequest(
            name,
            block["parent"],
            block["method"],
            METHODS[block["method"]].settings.from_block(block),
        )
        for name, block in blocks
    ]


def check(
    model: tf_keras.Model, requests: Sequence[VariantRequest], explored_layers: Sequence[str] = ()
) -> None:
    """Check that each variant can be made from its parent.

    The numbers of channels after structured pruning, and the layers of a point of a design space,
    are known only after training. For variants made from these, the names and classes of layers are
    checked, and ranks are compared with the numbers of channels before.

    Args:
        model: The model before training.
        requests: The variants, parents first. If a parent is not in the list, it is `model` itself.
        explored_layers: Names of the layers that a design space covers; empty if the search
            chooses them. They are checked for variants that are a point of it.

    Raises:
        InputError: If a check fails; the message has one line per problem, with the variant.
    """
    models: dict[str, tf_keras.Model] = {}
    # Variants whose layers have sizes that are known only after training.
    unknown_sizes: set[str] = set()
    problems = []
    for request in requests:
        parent, settings = models.get(request.parent, model), request.settings
        if request.parent in unknown_sizes:
            unknown_sizes.add(request.name)
            settings = _drop_size_dependent_layers(settings)
        if isinstance(settings, StructuredPruningSettings) or _is_point(settings):
            unknown_sizes.add(request.name)
        try:
            if _is_point(settings):
                models[request.name] = _check_point(parent, explored_layers)
            else:
                models[request.name] = METHODS[request.method].check(parent, settings)
        except InputError as error:
            problems.append(f"variant {request.name}: {error}")
            models[request.name] = parent
    if problems:
        raise InputError("\n".join(problems))


def _drop_size_dependent_layers(settings: Settings) -> Settings:
    """Drop layers with factors of the numbers of inputs and outputs, which are not known yet."""
    if not isinstance(settings, FactorizationSettings):
        return settings
    layers = {
        name: layer
        for name, layer in settings.layers.items()
        if not (layer.inputs or layer.outputs)
    }
    return settings.model_copy(update={"layers": layers})


def _is_point(settings: Settings) -> bool:
    """Return whether a variant is a point of a design space."""
    return isinstance(settings, FactorizationSettings) and settings.point is not None


def _check_point(model: tf_keras.Model, explored_layers: Sequence[str]) -> tf_keras.Model:
    model = fold_batch_norm(canonicalize(model))
    check_names(model, explored_layers)
    return model


def _check_finetune(model: tf_keras.Model, _: FineTuningSettings) -> tf_keras.Model:
    return model


def _check_structured(model: tf_keras.Model, settings: StructuredPruningSettings) -> tf_keras.Model:
    model = canonicalize(model)
    structured.check(model, settings)
    return model


def _check_magnitude(model: tf_keras.Model, settings: MagnitudePruningSettings) -> tf_keras.Model:
    model = canonicalize(model)
    magnitude.check(model, settings)
    return model


def _check_factorize(model: tf_keras.Model, settings: FactorizationSettings) -> tf_keras.Model:
    return build_factorized(model, settings.layers)


def _check_quantizers(
    model: tf_keras.Model, _: FineTuningSettings | CalibrationSettings
) -> tf_keras.Model:
    model = prepare_for_quantization(model)
    _insert_quantizers_once(model.to_json())
    return model


@cache
def _insert_quantizers_once(architecture: str) -> None:
    """Insert quantizers into a model without weights, only once for equal architectures."""
    insert_quantizers(tf_keras.models.model_from_json(architecture))


class CompressionMethod(NamedTuple):
    """A compression method.

    Attributes:
        settings: Class of its settings.
        check: Function that checks a parent and a record of this class. It returns the model that
            the variant will have, as far as it is known.
    """

    settings: type[Settings]
    check: Callable[[tf_keras.Model, Any], tf_keras.Model]


METHODS = {
    "finetune": CompressionMethod(FineTuningSettings, _check_finetune),
    "prune_structured": CompressionMethod(StructuredPruningSettings, _check_structured),
    "prune_magnitude": CompressionMethod(MagnitudePruningSettings, _check_magnitude),
    "factorize": CompressionMethod(FactorizationSettings, _check_factorize),
    "qat": CompressionMethod(FineTuningSettings, _check_quantizers),
    "calibrate": CompressionMethod(CalibrationSettings, _check_quantizers),
}
