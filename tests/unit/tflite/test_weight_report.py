"""Tests of the report of zeros and ranks of weights."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def model(keras):
    """A dead convolution, a half-empty one, and a dense layer of rank 3."""
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((1, 32, 4)),
            layers.Conv2D(8, (1, 3), padding="same", name="half"),
            layers.Conv2D(6, 1, name="dead"),
            layers.Flatten(),
            layers.Dense(32, name="thin"),
        ]
    )
    rng = np.random.default_rng(1)
    half = rng.normal(0, 1, (1, 3, 4, 8))
    half[..., ::2] = 0
    model.get_layer("half").set_weights([half, np.ones(8)])
    model.get_layer("dead").set_weights([np.zeros((1, 1, 8, 6)), np.ones(6)])
    thin = rng.normal(0, 1, (192, 3)) @ rng.normal(0, 1, (3, 32))
    model.get_layer("thin").set_weights([thin, np.zeros(32)])
    return model


def test_compute_stats_names_layer_when_all_its_weights_are_zero(model):
    from snugnet.models.stats import compute_stats

    stats = compute_stats(model)
    layers = {layer.name: layer for layer in stats.layers}
    assert layers["half"].zeros == 0.5
    assert layers["thin"].rank == 3
    assert layers["half"].rank == 4
    assert stats.dead_layers == ["dead"]
    assert stats.zeros == pytest.approx((48 + 48) / (96 + 48 + 192 * 32))
    assert stats.nonzero == stats.parameters - 48 - 48 - 32


def test_save_warns_when_all_weights_of_a_layer_are_zero(model, tmp_path, capsys):
    from snugnet.models.training.artifacts import save

    files = {name: str(tmp_path / name) for name in ("model.h5", "history", "stats")}
    save(model, [{"epoch": 1}], {"model": files.pop("model.h5"), **files})
    assert "warning: all weights of layer 'dead' are zero" in capsys.readouterr().out


@pytest.mark.parametrize("scheme", ["float32", "float16", "drq", "fiq_int8"])
def test_weight_report_has_zeros_and_ranks_when_scheme_differs(model, tmp_path, scheme):
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.convert import convert
    from snugnet.tflite.weight_report import make_weight_report

    path = tmp_path / "model.tflite"
    calib = np.random.default_rng(2).normal(0, 1, (20, 1, 32, 4)).astype(np.float32)
    path.write_bytes(convert(model, SCHEMES[scheme], calib))
    report = make_weight_report(path, SCHEMES[scheme])
    half, dead, thin = report.weights
    assert half.zeros == pytest.approx(0.5, abs=0.05)
    assert (half.rank, half.shape) == (4, (8, 1, 3, 4))
    assert (dead.zeros, dead.rank) == (1.0, 0)
    assert report.dead_layers == [dead.name]
    assert thin.size == 192 * 32
    if scheme == "float32":  # rounding adds noise, and with it rank
        assert thin.rank == 3
    assert report.zeros >= 96 / 6288
    assert report.contract.is_kept
