"""Tests of the check of compression requests."""

import pytest

from snugnet.core.settings.base import Settings
from snugnet.core.settings.calibration import CalibrationSettings
from snugnet.core.settings.factorization import FactorizationSettings, LayerFactorization
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
from snugnet.core.settings.structured_pruning import StructuredPruningSettings
from tests.unit.conftest import INCEPTION, SHAPE, TRAINING

STRUCTURED = StructuredPruningSettings(target=0.5, scope="global", training=TRAINING)
MAGNITUDE = MagnitudePruningSettings(target=0.5, ramp_epochs=2, training=TRAINING)
CALIBRATE = CalibrationSettings(percentiles=(99.9,))
QAT = FineTuningSettings(training=TRAINING)
METHODS = {
    StructuredPruningSettings: "prune_structured",
    MagnitudePruningSettings: "prune_magnitude",
    CalibrationSettings: "calibrate",
    FineTuningSettings: "qat",
    FactorizationSettings: "factorize",
}


def requested(name: str, settings: Settings, parent: str = "original"):
    from snugnet.compress.requests import VariantRequest

    return VariantRequest(name, parent, METHODS[type(settings)], settings)


@pytest.fixture(scope="module")
def model(keras):
    from snugnet.models.architectures import inception

    return inception.build(INCEPTION, SHAPE, "multiclass", 3)


def factorized(**layers: dict) -> FactorizationSettings:
    records = {name: LayerFactorization(**layer) for name, layer in layers.items()}
    return FactorizationSettings(layers=records, training=TRAINING)


def test_check_passes_when_requests_are_possible(model):
    from snugnet.compress.requests import check

    lowrank = factorized(stage_1_conv={"method": "tucker2", "rank": 0.5})
    check(
        model,
        [
            requested("pruned", STRUCTURED),
            requested("sparse", MAGNITUDE),
            requested("lowrank", lowrank),
            requested("lowrank_qat", QAT, "lowrank"),
            requested("calibrated", CALIBRATE, "lowrank"),
            requested("point", FactorizationSettings(point=3), "pruned"),
            requested("point_qat", QAT, "point"),
        ],
    )


def test_read_requests_makes_records_when_blocks_are_plain():
    from snugnet.compress.requests import read_requests

    lowrank = factorized(dense={"method": "svd", "rank": 4})
    blocks = [
        ("pruned", {"method": "prune_structured", "parent": "original", **STRUCTURED.to_json()}),
        ("lowrank", {"method": "factorize", "parent": "pruned", **lowrank.to_json()}),
    ]
    assert read_requests(blocks) == [
        requested("pruned", STRUCTURED),
        requested("lowrank", lowrank, "pruned"),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            STRUCTURED.model_copy(update={"keep": ["nobody"]}),
            r"keep: no removable channels in nobody; allowed: .*scor",
        ),
        (
            STRUCTURED.model_copy(update={"target": 0.999}),
            r"target: cannot remove a fraction of 0\.999",
        ),
        (
            STRUCTURED.model_copy(update={"criterion": "bn_scale"}),
            r"criterion: 'bn_scale' requires .* after layer 'stage_1_module_1.*allowed here: l1",
        ),
        (
            MAGNITUDE.model_copy(update={"layers": {"gap": 0.5}}),
            r"layers: gap cannot be pruned; allowed: .*scores",
        ),
        (
            MAGNITUDE.model_copy(update={"ramp_epochs": 8}),
            r"ramp_epochs: 8 must be less than training\.epochs \(8\)",
        ),
        (
            factorized(gap={"method": "svd", "rank": 2}),
            r"layers: gap cannot be factorized; allowed: .*stage_1_conv.*scores",
        ),
        (
            factorized(stage_1_conv={"method": "svd", "rank": 2}),
            r"layers\.stage_1_conv\.method: 'svd' does not apply to this Conv2D; allowed: tucker2",
        ),
        (
            factorized(scores={"method": "svd", "rank": 9}),
            r"layers\.scores\.rank: \[9\] is out of range; the maximum is \[3\]",
        ),
        (
            factorized(scores={"method": "tucker2", "rank": 9}),
            r"layers\.scores\.method: 'tucker2' does not apply to this Dense; allowed: svd, tt",
        ),
        (
            factorized(scores={"method": "tt", "rank": 1, "inputs": [3, 3], "outputs": [3, 1]}),
            r"layers\.scores\.inputs: the product of \[3, 3\] is 9, but the layer has 8 inp",
        ),
        (
            factorized(scores={"method": "tt", "rank": 1, "inputs": [2, 2, 2], "outputs": [3, 1]}),
            r"layers\.scores: inputs \[2, 2, 2\] and outputs \[3, 1\] must have the same",
        ),
        (
            FactorizationSettings(point=1),
            r"layers: gap cannot be factorized; allowed: .*stage_1_conv.*scores",
        ),
        (
            factorized(stage_2_conv={"method": "tucker2", "rank": [2, 2, 2]}),
            r"layers\.stage_2_conv\.rank: \[2, 2, 2\] has 3 ranks; expected 2",
        ),
    ],
)
def test_check_names_allowed_values_when_request_is_wrong(model, settings, message):
    from snugnet.compress.requests import check
    from snugnet.core.errors import InputError

    with pytest.raises(InputError, match="variant wrong: " + message):
        check(model, [requested("wrong", settings)], explored_layers=["gap"])


def test_check_lists_all_errors_when_there_are_several(keras):
    from snugnet.compress.requests import check
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((4,)), layers.UnitNormalization(name="first"), layers.Dense(3, name="end")]
    )
    requests = [
        requested("lowrank", factorized(ende={"method": "svd", "rank": 1})),
        requested("original_qat", QAT),
        requested("calibrated", CALIBRATE),
    ]
    with pytest.raises(InputError) as caught:
        check(model, requests)
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("variant lowrank: layers: ende")
    assert second.startswith("variant original_qat: QAT does not support 'first'")
    assert third.startswith("variant calibrated: QAT does not support 'first'")


def test_check_allows_unknown_widths_when_parent_is_pruned(model):
    """How wide layers are then only training shows; their names and full ranks hold as limits."""
    from snugnet.compress.requests import check
    from snugnet.core.errors import InputError

    pruned = requested("pruned", STRUCTURED)
    fits_later = {"method": "tt", "rank": 1, "inputs": [5, 1], "outputs": [3, 1]}
    check(model, [pruned, requested("lowrank", factorized(scores=fits_later), "pruned")])
    never = requested("lowrank", factorized(scores={"method": "svd", "rank": 4}), "pruned")
    with pytest.raises(InputError, match=r"variant lowrank: layers\.scores\.rank: \[4\]"):
        check(model, [pruned, never])
