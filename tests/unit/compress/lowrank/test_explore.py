"""Tests of the exploration of the low-rank design space."""

import numpy as np
import pytest

from snugnet.core.settings.exploration import ExplorationSettings
from snugnet.core.settings.factorization import LayerFactorization
from tests.unit.conftest import SHAPE, TRAINING, waves

SETTINGS = ExplorationSettings(
    ranks=(1, 2, 4, 8),
    finalists=4,
    time_budget=600,
    training=TRAINING.model_copy(update={"epochs": 2}),
)


@pytest.fixture(scope="module")
def model(keras):
    """One layer of each kind that can be factorized."""
    layers = keras.tf_keras.layers
    keras.configure(seed=1, threads=1)
    inputs = layers.Input(SHAPE)
    x = layers.Conv2D(12, (1, 5), padding="same", activation="relu", name="wide")(inputs)
    x = layers.Conv2D(16, (1, 5), strides=(1, 2), activation="relu", name="conv")(x)
    x = layers.Conv2D(16, 1, activation="relu", name="pointwise")(x)
    x = layers.Flatten()(layers.MaxPooling2D((1, 3))(x))
    x = layers.Dense(24, activation="relu", name="dense")(x)
    return keras.tf_keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x))


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("dense", LayerFactorization(method="svd", rank=3)),
        ("pointwise", LayerFactorization(method="svd", rank=3)),
        ("conv", LayerFactorization(method="tucker2", rank=(3, 5))),
        ("pointwise", LayerFactorization(method="tucker2", rank=4)),
        ("dense", LayerFactorization(method="tt", rank=4)),
        ("dense", LayerFactorization(method="tt", inputs=(10, 16), outputs=(6, 4), rank=(5,))),
        (
            "dense",
            LayerFactorization(method="tt", inputs=(2, 5, 16), outputs=(4, 3, 2), rank=(3, 4)),
        ),
    ],
)
def test_compute_cost_equals_stats_when_layer_is_factorized(model, name, request_):
    from snugnet.compress.lowrank.factorize import compute_cost, factorize, resolve_request
    from snugnet.models.stats import compute_stats

    layer = model.get_layer(name)
    parameters, macs = compute_cost(layer, resolve_request(layer, request_))
    before, after = compute_stats(model), compute_stats(factorize(model, {name: request_}))
    kernel = int(layer.kernel.shape.num_elements())
    own = next(layer for layer in before.layers if layer.name == name)
    # The depthwise layer of a tensor train is in both figures; its bias was there before.
    assert after.parameters == before.parameters - kernel + parameters
    assert after.macs == before.macs - own.macs + macs


def test_weight_error_decreases_when_rank_increases(model):
    from snugnet.compress.lowrank.factorize import compute_weight_error, resolve_request

    dense = model.get_layer("dense")
    values = np.linalg.svd(dense.get_weights()[0], compute_uv=False)
    expected = np.sqrt((values[5:] ** 2).sum() / (values**2).sum())
    assert compute_weight_error(
        dense, resolve_request(dense, LayerFactorization(method="svd", rank=5))
    ) == pytest.approx(expected)
    for name, method in (("conv", "tucker2"), ("dense", "tt")):
        layer = model.get_layer(name)
        errors = [
            compute_weight_error(
                layer, resolve_request(layer, LayerFactorization(method=method, rank=share))
            )
            for share in (0.2, 0.6, 0.999)
        ]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 1e-6 < errors[0] < 1


def test_options_are_small_and_undominated_when_layer_is_dense(model):
    from snugnet.compress.lowrank.explore import enumerate_options
    from snugnet.models.stats import count_macs

    dense = model.get_layer("dense")
    nothing, *options = enumerate_options(dense, [1, 2, 4, 8, 16])
    assert nothing.requests == {}
    assert {option.requests["dense"].method for option in options} >= {"tt"}
    for option in options:
        assert option.parameters < nothing.parameters == dense.kernel.shape.num_elements()
        assert option.macs < nothing.macs == count_macs(dense)
        for other in options:
            figures = [(o.parameters, o.macs, o.error) for o in (other, option)]
            assert figures[0] == figures[1] or not all(
                a <= b for a, b in zip(*figures, strict=True)
            )


@pytest.fixture(scope="module")
def space(model):
    from snugnet.compress.lowrank.explore import explore

    samples = waves("multiclass")
    return explore(model, samples, samples, SETTINGS, seed=1)


def test_design_has_point_only_when_trained_and_undominated(space):
    points = [design for design in space if design.point is not None]
    assert points
    assert [design.point for design in points] == list(range(len(points)))
    trained = [design for design in space if design.val_accuracy is not None]
    assert len(points) <= len(trained) <= SETTINGS.finalists < len(space)
    assert [d.parameters for d in space] == sorted(d.parameters for d in space)
    for point in points:
        for other in trained:
            better = (
                other.parameters <= point.parameters
                and other.macs <= point.macs
                and other.val_accuracy >= point.val_accuracy
            )
            same = (other.parameters, other.macs, other.val_accuracy) == (
                point.parameters,
                point.macs,
                point.val_accuracy,
            )
            assert same or not better


def test_design_figures_equal_stats_when_model_is_factorized(model, space):
    from snugnet.compress.lowrank.factorize import factorize
    from snugnet.models.stats import compute_stats

    for design in (space[0], space[-1]):
        stats = compute_stats(factorize(model, design.requests))
        assert (stats.parameters, stats.macs) == (design.parameters, design.macs)


def test_load_point_returns_requests_only_when_point_is_saved(space, tmp_path):
    from snugnet.compress.lowrank.design_space import load_point, save_designs
    from snugnet.core.errors import InputError

    path = str(tmp_path / "design_space.csv")
    save_designs(space, path)
    first = next(design for design in space if design.point == 0)
    loaded = load_point(path, 0)
    assert loaded == first.requests
    with pytest.raises(InputError, match=r"no point 99; allowed: 0"):
        load_point(path, 99)
    save_designs([design for design in space if not design.finalist], path)
    with pytest.raises(InputError, match=r"no point 0; allowed: none"):
        load_point(path, 0)


def test_explore_stops_when_time_budget_is_used(model, tmp_path, capsys):
    from snugnet.compress.lowrank.design_space import load_point, save_designs
    from snugnet.compress.lowrank.explore import explore
    from snugnet.core.errors import InputError

    samples = waves("multiclass")
    changes = {"layers": ("dense",), "ranks": (2, 4), "time_budget": 1e-9}
    settings = SETTINGS.model_copy(update=changes)
    space = explore(model, samples, samples, settings, seed=1)
    assert sum(design.val_accuracy is not None for design in space) == 1
    assert "time budget reached: 1 of " in capsys.readouterr().out
    path = str(tmp_path / "design_space.csv")
    save_designs(space, path)
    with pytest.raises(
        InputError, match=r"not trained within the time budget; raise explore\.time"
    ):
        load_point(path, 0)


def test_explore_fails_when_layer_is_unknown(model):
    from snugnet.compress.lowrank.explore import explore
    from snugnet.core.errors import InputError

    samples = waves("multiclass")
    with pytest.raises(InputError, match=r"layers: dens cannot be factorized; allowed: .*dense"):
        settings = SETTINGS.model_copy(update={"layers": ("dens",)})
        explore(model, samples, samples, settings, seed=1)
