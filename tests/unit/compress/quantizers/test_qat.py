"""Tests of quantization-aware training."""

from types import SimpleNamespace

import numpy as np
import pytest

from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.tflite_schemes import SCHEMES
from tests.unit.conftest import SHAPE, TRAINING

SETTINGS = FineTuningSettings(
    training=TRAINING.model_copy(update={"epochs": 2, "learning_rate": 0.0005})
)


@pytest.fixture(scope="module")
def aware(trained):
    """A half-sparse parent, and the results of its quantization-aware training."""
    from snugnet.compress.quantizers.qat import train_quantized
    from snugnet.models.loading.storage import load_model

    parent = load_model(trained.path)
    for layer in parent.layers:
        if type(layer).__name__ in ("Conv2D", "Dense"):
            kernel, *rest = layer.get_weights()
            kernel[np.abs(kernel) < np.median(np.abs(kernel))] = 0
            layer.set_weights([kernel, *rest])
    samples = trained.samples
    train, val = samples.take(np.arange(160)), samples.take(np.arange(160, 240))
    quantized, plain, history = train_quantized(parent, train, val, SETTINGS, seed=1)
    return SimpleNamespace(
        parent=parent, quantized=quantized, plain=plain, history=history, samples=samples
    )


def kernels(model) -> dict[str, np.ndarray]:
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if type(layer).__name__ in ("Conv2D", "Dense")
    }


def test_qat_keeps_zero_weights_when_parent_is_sparse(aware):
    before, after = kernels(aware.parent), kernels(aware.plain)
    assert set(before) == set(after)
    for name, kernel in before.items():
        np.testing.assert_array_equal(after[name] == 0, kernel == 0, err_msg=name)
    assert any((after[name] != kernel).any() for name, kernel in before.items())
    assert len(aware.history) == 2


def test_qat_scores_are_similar_when_quantizers_are_removed(aware):
    x = aware.samples.x
    quantized, plain = (m.predict(x, verbose=0) for m in (aware.quantized, aware.plain))
    assert 0 < np.abs(quantized - plain).max() < 0.2
    assert {type(layer).__name__ for layer in aware.plain.layers}.isdisjoint(
        {"QuantizeLayer", "QuantizeWrapperV2"}
    )


def test_initialize_ranges_sets_all_ranges_when_values_are_small(aware, keras):
    """By default each range begins at -6 to 6, whatever the values."""
    from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
    from snugnet.compress.quantizers.ranges import initialize_ranges

    x = aware.samples.x / 20
    plain = prepare_for_quantization(aware.parent)
    quantized = insert_quantizers(plain)
    initialize_ranges(quantized, plain, x, seed=1)
    seen = keras.tf_keras.Model(plain.inputs, [layer.output for layer in plain.layers[1:]])
    values = dict(zip([layer.name for layer in plain.layers[1:]], seen(x), strict=True))
    compared = 0
    for layer in quantized.layers[1:]:
        ends = {weight.name.split("/")[-1]: weight.numpy() for weight in layer.weights}
        assert all(np.abs(v).max() != 6 for k, v in ends.items() if "_min:" in k or "_max:" in k)
        highest = ends.get("output_max:0", ends.get("post_activation_max:0"))
        if highest is not None:
            most = float(np.max(values[layer.layer.name]))
            most = most if np.any(values[layer.layer.name]) else 1  # where there is nothing but 0
            assert 0.2 * max(most, 0) <= highest <= max(most, 0) + 1e-5
            compared += 1
    assert compared > 3
    ends = {weight.name.split("/")[-1]: float(weight) for weight in quantized.layers[1].weights}
    input_range = [value for name, value in ends.items() if name.endswith(("_min:0", "_max:0"))]
    assert sorted(input_range) == pytest.approx([min(0, x.min()), max(0, x.max())])


def test_qat_restores_weights_when_training_does_not_help(trained):
    """With a learning rate that ruins the network, training does not change the weights."""
    from snugnet.compress.quantizers.qat import prepare_for_quantization, train_quantized
    from snugnet.models.loading.storage import load_model

    samples = trained.samples
    train, val = samples.take(np.arange(160)), samples.take(np.arange(160, 240))
    # No configuration allows this learning rate; `model_copy` does not check it.
    training = TRAINING.model_copy(update={"epochs": 1, "learning_rate": 30.0})
    wrecking = FineTuningSettings(training=training)
    _, plain, history = train_quantized(load_model(trained.path), train, val, wrecking, seed=1)
    before = prepare_for_quantization(load_model(trained.path))
    for weight, expected in zip(plain.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert len(history) == 1


def test_every_kernel_has_a_quantizer_when_relu_is_separate(keras):
    """tensorflow-model-optimization adds no quantizer to a layer before a separate ReLU."""
    from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(3, 3),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(4),
            layers.Activation("relu"),
            layers.Dense(3),
        ]
    )
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 2)).astype(np.float32)
    plain = prepare_for_quantization(model)
    np.testing.assert_allclose(plain.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    names = [weight.name for weight in insert_quantizers(plain).weights]
    assert sum(name.endswith("/kernel:0") for name in names) == 3
    assert sum(name.endswith("kernel_max:0") for name in names) == 3


def test_load_quantized_returns_equal_model_when_it_was_saved(aware, tmp_path):
    from snugnet.compress.quantizers.qat import load_quantized
    from snugnet.core.errors import InputError
    from snugnet.models.loading.storage import load_model, save_model

    save_model(aware.quantized, tmp_path / "quantized.h5")
    again = load_quantized(tmp_path / "quantized.h5")
    x = aware.samples.x
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), aware.quantized.predict(x, verbose=0)
    )
    with pytest.raises(InputError, match="unsupported layer class 'QuantizeLayer'"):
        load_model(tmp_path / "quantized.h5")


@pytest.mark.parametrize("name", ["fiq_int8", "fiq_uint8"])
def test_derived_file_equals_converted_when_model_is_qat(aware, name):
    from snugnet.tflite.convert import change_io_types, convert
    from snugnet.tflite.digest import compute_semantic_digest
    from snugnet.tflite.flatbuffer import parse_graph

    network = convert(aware.quantized, SCHEMES["fiq_float32"], quantized=True)
    converted = convert(aware.quantized, SCHEMES[name], quantized=True)
    derived = change_io_types(network, SCHEMES[name], quantized=True)
    digests = [compute_semantic_digest(parse_graph(file, name)) for file in (derived, converted)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["fiq_float32", "fiq_int8", "fiq_uint8"])
def test_qat_file_is_integer_and_sparse_when_scheme_is_integer(aware, tmp_path, name):
    from snugnet.tflite.convert import convert
    from snugnet.tflite.weight_report import make_weight_report

    path = tmp_path / "model.tflite"
    path.write_bytes(convert(aware.quantized, SCHEMES[name], quantized=True))
    report = make_weight_report(path, SCHEMES[name])
    assert report.contract.is_kept, report.contract.findings
    assert report.zeros >= 0.49
    assert "DEQUANTIZE" not in report.contract.operators[1:-1]


@pytest.mark.parametrize("name", ["float32", "drq"])
def test_qat_float_file_has_no_quantizers_when_scheme_is_float(aware, tmp_path, name):
    from snugnet.tflite.convert import convert
    from snugnet.tflite.weight_report import make_weight_report

    path = tmp_path / "model.tflite"
    path.write_bytes(convert(aware.plain, SCHEMES[name]))
    report = make_weight_report(path, SCHEMES[name])
    assert report.contract.is_kept, report.contract.findings
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(report.contract.operators)


def test_qat_file_is_integer_when_batch_norm_follows_dense(keras, tmp_path):
    """Left to itself, tensorflow-model-optimization keeps such a layer in float."""
    from snugnet.compress.quantizers.qat import train_quantized
    from snugnet.tflite.convert import convert
    from snugnet.tflite.weight_report import make_weight_report
    from tests.unit.conftest import waves

    layers = keras.tf_keras.layers
    inputs = layers.Input(SHAPE)
    x = layers.Dense(8, use_bias=False)(layers.Flatten()(inputs))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    quantized, _, _ = train_quantized(
        model, waves("multiclass"), waves("multiclass"), SETTINGS, seed=1
    )
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(quantized, SCHEMES["fiq_int8"], quantized=True))
    report = make_weight_report(path, SCHEMES["fiq_int8"])
    assert report.contract.is_kept, report.contract.findings


def test_qat_file_is_integer_when_layer_is_a_tensor_train(keras, tmp_path):
    from snugnet.compress.lowrank.factorize import factorize
    from snugnet.compress.quantizers.qat import train_quantized
    from snugnet.core.settings.factorization import LayerFactorization
    from snugnet.tflite.convert import convert
    from snugnet.tflite.weight_report import make_weight_report
    from tests.unit.conftest import waves

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="long"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model = factorize(model, {"long": LayerFactorization(method="tt", rank=2)})
    samples = waves("multiclass")
    quantized, plain, _ = train_quantized(model, samples, samples, SETTINGS, seed=1)
    assert [layer.name for layer in plain.layers] == [layer.name for layer in model.layers]
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(quantized, SCHEMES["fiq_int8"], quantized=True))
    report = make_weight_report(path, SCHEMES["fiq_int8"])
    assert report.contract.is_kept, report.contract.findings
    assert report.contract.operators.count("FULLY_CONNECTED") == 3


def test_qat_plain_model_has_equal_weights_when_names_are_equal(aware):
    """Each weight without quantizers is the one of the same name with them."""
    trained = {weight.name: weight.numpy() for weight in aware.quantized.weights}
    assert len(trained) == len(aware.quantized.weights)
    assert len(aware.plain.weights) > 40
    for weight in aware.plain.weights:
        np.testing.assert_array_equal(weight.numpy(), trained[weight.name])
    norms = [layer for layer in aware.plain.layers if layer.name.endswith("_bn")]
    assert norms
    for layer in norms:
        before = aware.parent.get_layer(layer.name).moving_mean.numpy()
        assert (layer.moving_mean.numpy() != before).any()


def test_prepare_names_layer_when_activation_is_unsupported(keras):
    from snugnet.compress.quantizers.qat import prepare_for_quantization
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.Input((4,)), layers.Dense(3, "elu", name="end")])
    with pytest.raises(InputError, match=r"'end' \(Dense with activation elu\)"):
        prepare_for_quantization(model)


def test_prepare_names_all_layers_when_several_are_unsupported(keras):
    from snugnet.compress.quantizers.qat import prepare_for_quantization
    from snugnet.core.errors import InputError

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Resizing(4, 4, name="first"),
            layers.Conv2D(3, 3),
            layers.LayerNormalization(name="other"),
        ]
    )
    with pytest.raises(InputError) as caught:
        prepare_for_quantization(model)
    assert "'first' (Resizing), 'other' (LayerNormalization)" in str(caught.value)
    assert "allowed: " in str(caught.value)
    assert "Conv2D" in str(caught.value)
