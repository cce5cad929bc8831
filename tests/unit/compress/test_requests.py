"""Tests of the check of compression requests."""

import pytest

from tests.unit.conftest import INCEPTION, SHAPE, TRAINING

STRUCTURED = {
    "method": "prune_structured",
    "parent": "original",
    "target": 0.5,
    "criterion": "l2",
    "scope": "global",
    "keep": [],
    "training": TRAINING,
}
MAGNITUDE = {
    "method": "prune_magnitude",
    "parent": "original",
    "target": 0.5,
    "ramp_epochs": 2,
    "layers": {},
    "training": TRAINING,
}
CALIBRATE = {"method": "calibrate", "parent": "original", "percentiles": [99.9], "mse": True}
FACTORIZE = {"method": "factorize", "parent": "original", "point": None, "training": TRAINING}


@pytest.fixture(scope="module")
def model(keras):
    from snugnet.models.architectures import inception

    return inception.build(INCEPTION, SHAPE, "multiclass", 3)


def factorized(**layers) -> dict:
    return {**FACTORIZE, "layers": layers}


def test_check_passes_when_requests_are_possible(model):
    from snugnet.compress.requests import check

    check(
        model,
        [
            ("pruned", STRUCTURED),
            ("sparse", MAGNITUDE),
            ("lowrank", factorized(stage_1_conv={"method": "tucker2", "rank": 0.5})),
            ("lowrank_qat", {"method": "qat", "parent": "lowrank", "training": TRAINING}),
            ("calibrated", {**CALIBRATE, "parent": "lowrank"}),
            (
                "point",
                {**FACTORIZE, "parent": "pruned", "layers": {}, "point": 3, "explored_layers": []},
            ),
            ("point_qat", {"method": "qat", "parent": "point", "training": TRAINING}),
        ],
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {**STRUCTURED, "keep": ["nobody"]},
            r"keep: no removable channels in nobody; allowed: .*scor",
        ),
        ({**STRUCTURED, "target": 0.999}, r"target: cannot remove a fraction of 0\.999"),
        (
            {**STRUCTURED, "criterion": "bn_scale"},
            r"criterion: 'bn_scale' requires .* after layer 'stage_1_module_1.*allowed here: l1",
        ),
        ({**MAGNITUDE, "layers": {"gap": 0.5}}, r"layers: gap cannot be pruned; allowed: .*scores"),
        (
            {**MAGNITUDE, "ramp_epochs": 8},
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
            {**FACTORIZE, "layers": {}, "point": 1, "explored_layers": ["gap"]},
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
        check(model, [("wrong", settings)])


def test_check_lists_all_errors_when_there_are_several(keras):
    from snugnet.compress.requests import check
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((4,)), layers.UnitNormalization(name="first"), layers.Dense(3, name="end")]
    )
    requests = [
        ("lowrank", factorized(ende={"method": "svd", "rank": 1})),
        ("original_qat", {"method": "qat", "parent": "original", "training": TRAINING}),
        ("calibrated", CALIBRATE),
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

    pruned = ("pruned", STRUCTURED)
    fits_later = {"method": "tt", "rank": 1, "inputs": [5, 1], "outputs": [3, 1]}
    lowrank = {**factorized(scores=fits_later), "parent": "pruned"}
    check(model, [pruned, ("lowrank", lowrank)])
    never = {**factorized(scores={"method": "svd", "rank": 4}), "parent": "pruned"}
    with pytest.raises(InputError, match=r"variant lowrank: layers\.scores\.rank: \[4\]"):
        check(model, [pruned, ("lowrank", never)])
