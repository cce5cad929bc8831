"""Tests of the command `snugnet akida check`."""

import pytest

from tests.unit.cli import foreign_models

V2 = ("--scheme", "akida_v2_w8a8")


@pytest.fixture
def fitting_model(tmp_path, keras):
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn

    settings = AkidaCnn(filters=(8,), dropout=0.0, batch_norm=True)
    model = akida_cnn.build(settings, (8, 8, 1), "multiclass", 3)
    path = tmp_path / "fits.keras"
    model.save(path)
    return path


def test_akida_check_exits_0_when_model_fits(command_json, command, fitting_model):
    code, result = command_json("akida", "check", fitting_model, *V2)
    assert code == 0, result
    assert [one["fits"] for one in result["schemes"]] == [True]
    assert "fits" in command("akida", "check", fitting_model, *V2)[1]


@pytest.mark.parametrize(("name", "layer"), [("conv1d", "conv1d"), ("lstm", "lstm")])
def test_akida_check_exits_1_and_names_layer_when_model_is_unfit(
    command_json, keras, tmp_path, name, layer
):
    code, result = command_json(
        "akida", "check", foreign_models.save_model_file(name, "h5", tmp_path), *V2
    )
    assert code == 1
    obstacles = result["schemes"][0]["obstacles"]
    assert any(one["layer"].startswith(layer) for one in obstacles), obstacles
    assert all(one["rule"] and one["fix"] for one in obstacles)


def test_akida_check_prints_table_once_when_rows_are_equal(command, keras, tmp_path):
    code, output, _ = command(
        "akida", "check", foreign_models.save_model_file("conv1d", "h5", tmp_path)
    )
    assert code == 1
    assert output.count("does not fit") == 3
    assert output.count("Conv1D cannot be quantized here") == 2  # one for each of its layers
    assert "reads the input" not in output


def test_akida_check_fails_when_file_contains_code(command, keras, tmp_path):
    path = foreign_models.save_model_file("with_lambda", "h5", tmp_path)
    code, _, complaint = command("akida", "check", path, *V2)
    assert code == 2
    assert "Lambda layers are not allowed" in complaint


def test_akida_check_fails_when_samples_exceed_the_budget(command, keras, tmp_path):
    """One sample of this model fits the budget; the samples of the check together do not."""
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((9000, 9000, 3)), layers.Conv2D(4, 3, strides=9), layers.ReLU()]
    )
    model.save(tmp_path / "m.h5")
    code, _, complaint = command("akida", "check", tmp_path / "m.h5", *V2)
    assert code == 2
    assert "needs 14.7 GiB of memory; the limit is 4.0 GiB" in complaint
