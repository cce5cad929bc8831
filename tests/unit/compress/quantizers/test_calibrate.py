"""Tests of the calibration of activation ranges."""

from types import SimpleNamespace

import numpy as np
import pytest

from snugnet.compress.quantizers.histogram import (
    Histogram,
    compute_minmax_range,
    compute_mse_range,
    compute_percentile_range,
)
from snugnet.core.settings.calibration import CalibrationSettings

RULES = CalibrationSettings(percentiles=(99.5,), mse=True)
COLUMNS = ["rule", "setting", "n", "accuracy", "delta_minmax", "chosen"]
rng = np.random.default_rng(3)
NORMAL = rng.normal(size=20_000).astype(np.float32)
VALUES = {
    "normal": NORMAL,
    "after relu": np.maximum(NORMAL, 0),
    "heavy tails": NORMAL**5,
    "positive": np.abs(NORMAL) + 3,
    "negative": -np.abs(NORMAL) / 1000,
    "outlier": np.append(NORMAL, np.float32(500)),
    "rarely not 0": np.append(np.zeros(50_000, np.float32), [1, 2]),
}


def histogram(values, parts: int = 1) -> Histogram:
    seen = Histogram()
    for part in np.array_split(values, parts):
        seen.add(part)
    return seen


def rounded(x, low, high):
    """Quantize to 256 levels and back, one of them 0."""
    scale = (high - low) / 255
    zero_point = round(-low / scale)
    return (np.clip(np.round(x / scale) + zero_point, 0, 255) - zero_point) * scale


def error(x, low, high) -> float:
    return float(np.mean((x.astype(np.float64) - rounded(x, low, high)) ** 2))


@pytest.mark.parametrize("name", VALUES)
def test_histogram_is_equal_when_order_of_values_differs(name):
    values = np.sort(VALUES[name])  # the largest come last: bins must grow
    seen = histogram(values, parts=9)
    edges = (np.arange(len(seen.counts) + 1) - len(seen.counts) // 2) * seen.width
    np.testing.assert_array_equal(seen.counts, np.histogram(values, edges)[0])
    np.testing.assert_array_equal(seen.counts, histogram(values[::-1]).counts)
    assert np.abs(values).max() / seen.width >= 2**14


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("share", [90, 99, 99.9, 99.99])
def test_percentile_range_equals_numpy_when_distribution_differs(name, share):
    values = VALUES[name].astype(np.float64)  # else NumPy computes ranks in float32
    seen = histogram(values)
    low, high = (
        np.percentile(values * side, share, method="inverted_cdf") * side for side in (-1, 1)
    )
    expected = (min(low, 0), max(high, 0))
    if expected == (0, 0):
        expected = (values.min(), values.max())
    np.testing.assert_allclose(
        compute_percentile_range(seen, share), expected, rtol=0, atol=seen.width
    )


@pytest.mark.parametrize("name", VALUES)
def test_mse_range_has_least_error_when_compared_with_grid(name):
    values = VALUES[name][:: max(1, len(VALUES[name]) // 4000)]
    values = np.append(values, VALUES[name].max())
    lows = np.linspace(0, min(values.min(), 0), 31) if values.min() < 0 else [0.0]
    highs = np.linspace(0, max(values.max(), 0), 31) if values.max() > 0 else [0.0]
    least = min(error(values, low, high) for low in lows for high in highs if low < high)
    assert error(values, *compute_mse_range(histogram(values))) <= 1.03 * least


def test_mse_range_clips_outlier_when_it_is_rare():
    many = np.random.default_rng(1).normal(size=2_000_000).astype(np.float32)
    many[7] = 30
    low, high = compute_mse_range(histogram(many))
    assert 3 < high < 12
    assert -6 < low < -3
    assert error(many, low, high) < error(many, many.min(), 30) / 2
    low, high = compute_mse_range(histogram(many[:1000]))
    assert high > 25


@pytest.mark.parametrize("name", [*VALUES, "nothing"])
@pytest.mark.parametrize(
    "rule",
    [compute_minmax_range, lambda seen: compute_percentile_range(seen, 99.9), compute_mse_range],
)
def test_range_has_zero_and_stays_in_values_when_rule_differs(name, rule):
    values = VALUES.get(name, np.zeros(10, np.float32))
    low, high = rule(histogram(values))
    assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0)
    assert (low < high) == bool(values.any())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_histogram_fails_when_value_is_not_finite(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        histogram(np.array([1, bad, 2], np.float32))


@pytest.fixture(scope="module")
def outlier(keras):
    """Samples, and a network that names their largest part; one channel is rarely huge.

    The channel multiplies by 1,000 a flag that one calib sample has; the scores do not use it.
    """
    from snugnet.core.samples import Samples

    x = np.random.default_rng(2).random((500, 1, 1, 4)).astype(np.float32)
    x[..., 3] = 0
    y = x[:, 0, 0, :3].argmax(axis=1)
    samples = Samples(x, y, ("a", "b", "c"), "multiclass")
    calib, val = samples.take(np.arange(200)), samples.take(np.arange(200, 500))
    calib.x[11, 0, 0, 3] = 1
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((1, 1, 4)),
            layers.Conv2D(4, 1, activation="relu", name="hidden"),
            layers.Flatten(),
            layers.Dense(3, "softmax", name="scores"),
        ]
    )
    model.get_layer("hidden").set_weights(
        [np.diag([1.0, 1, 1, 1000])[np.newaxis, np.newaxis], np.zeros(4)]
    )
    model.get_layer("scores").set_weights([20 * np.eye(4)[:, :3], np.zeros(3)])
    return SimpleNamespace(model=model, calib=calib, val=val)


def ends(quantized) -> dict[str, float]:
    """Return the ends of all ranges of activations, and of the input."""
    return {
        weight.name: float(weight)
        for weight in quantized.weights
        if weight.name.endswith(("_min:0", "_max:0")) and "kernel" not in weight.name
    }


def highest(quantized) -> float:
    (maximum,) = [v for k, v in ends(quantized).items() if "hidden" in k and k.endswith("_max:0")]
    return maximum


def test_calibrate_chooses_percentile_when_outlier_hurts_minmax(outlier):
    from snugnet.compress.quantizers.calibrate import calibrate

    calibration = calibrate(outlier.model, outlier.calib, outlier.val, RULES)
    rows = [result.to_columns() for result in calibration.results]
    assert [list(row) for row in rows] == [COLUMNS] * 3
    assert [(row["rule"], row["setting"]) for row in rows] == [
        ("minmax", None),
        ("percentile", 99.5),
        ("mse", None),
    ]
    by_minmax, by_percentile, _ = calibration.results
    assert by_minmax.accuracy < 0.5
    assert by_percentile.accuracy > 0.97
    assert [row["chosen"] for row in rows] == [False, True, False]
    assert by_percentile.delta_minmax == by_percentile.accuracy - by_minmax.accuracy
    assert {result.n for result in calibration.results} == {300}
    assert 0.9 < highest(calibration.quantized) <= 1
    decided = calibration.quantized.predict(outlier.val.x, verbose=0).argmax(axis=1)
    assert np.mean(decided == outlier.val.y) == pytest.approx(by_percentile.accuracy)
    np.testing.assert_array_equal(
        calibration.plain.predict(outlier.val.x, verbose=0),
        outlier.model.predict(outlier.val.x, verbose=0),
    )


def test_calibrate_chooses_minmax_when_its_val_accuracy_is_best(outlier):
    """All val labels are the class that the network predicts with the range of minmax."""
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.core.samples import Samples

    val = Samples(outlier.val.x, np.zeros_like(outlier.val.y), ("a", "b", "c"), "multiclass")
    calibration = calibrate(outlier.model, outlier.calib, val, RULES)
    assert [result.is_chosen for result in calibration.results] == [True, False, False]
    assert calibration.results[0].accuracy == 1
    assert highest(calibration.quantized) == 1000


def test_calibrate_chooses_minmax_when_accuracies_are_equal(outlier):
    from snugnet.compress.quantizers.calibrate import calibrate

    val = outlier.val.take(np.arange(6))
    calib = outlier.calib.take(np.arange(10))  # without the outlier
    results = calibrate(outlier.model, calib, val, RULES).results
    assert [result.accuracy for result in results] == [1, 1, 1]
    assert [result.is_chosen for result in results] == [True, False, False]


def test_accuracy_is_equal_when_number_of_right_labels_is_equal(keras):
    """Added up sample by sample, as shares of labels, these would differ in the last digit."""
    from snugnet.compress.quantizers.calibrate import _compute_accuracy
    from snugnet.core.samples import Samples

    random = np.random.default_rng(0)
    wrong = np.arange(120 * 5) < 70
    accuracies = set()
    for _ in range(50):
        scores = random.permutation(wrong).reshape(120, 5).astype(np.float32)
        model = SimpleNamespace(predict=lambda x, scores=scores, **_: scores)
        truth = np.zeros((120, 5), np.uint8)
        samples = Samples(scores, truth, tuple("abcde"), "multilabel")
        accuracies.add(_compute_accuracy(model, samples))
    assert accuracies == {530 / 600}


def test_calibrate_gives_equal_ranges_when_val_samples_differ(outlier):
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.core.samples import Samples

    calib = outlier.calib.take(np.arange(10))
    far = Samples(100 * outlier.val.x, outlier.val.y, ("a", "b", "c"), "multiclass")
    rules = CalibrationSettings(percentiles=(), mse=False)
    one, other = (
        ends(calibrate(outlier.model, calib, val, rules).quantized) for val in (outlier.val, far)
    )
    assert list(one.values()) == list(other.values())
    most = float(calib.x.max())
    input_range = [value for name, value in one.items() if "quantize_layer" in name]
    assert sorted(input_range) == pytest.approx([0, most])


def test_calibrate_gives_valid_file_when_layer_output_is_zero(outlier, keras, tmp_path):
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.compress.quantizers.qat import insert_quantizers, prepare_for_quantization
    from snugnet.compress.quantizers.ranges import initialize_ranges
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.tflite.convert import convert
    from snugnet.tflite.runtimes.litert import predict

    dead = keras.tf_keras.models.clone_model(outlier.model)
    dead.get_layer("hidden").set_weights([np.full((1, 1, 4, 4), -1.0), np.zeros(4)])
    dead.get_layer("scores").set_weights([np.eye(4)[:, :3], np.array([0.0, 2, 0])])
    calibrated = calibrate(dead, outlier.calib, outlier.val, RULES).quantized
    # Training, in which the output of the layer stays zero, begins with this range.
    plain = prepare_for_quantization(dead)
    begun = insert_quantizers(plain)
    initialize_ranges(begun, plain, outlier.calib.x, seed=1)
    for quantized in (calibrated, begun):
        path = tmp_path / "model.tflite"
        path.write_bytes(convert(quantized, SCHEMES["fiq_int8"], quantized=True))
        scores = predict(path, outlier.val.x[:9], 3).scores()
        assert set(scores.argmax(axis=1)) == {1}


def test_calibrate_fails_when_model_output_is_not_finite(outlier, keras):
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.core.errors import InputError

    broken = keras.tf_keras.models.clone_model(outlier.model)
    broken.get_layer("scores").set_weights([np.full((4, 3), np.nan), np.zeros(3)])
    with pytest.raises(
        InputError, match=r"NaN or infinite values at layer 'quant_scores' for calib"
    ):
        calibrate(broken, outlier.calib, outlier.val, RULES)


def test_calibrated_file_agrees_with_keras_when_it_is_int8(trained, tmp_path):
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.compress.quantizers.qat import load_quantized
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.loading.storage import load_model, save_model
    from snugnet.tflite.convert import convert
    from snugnet.tflite.runtimes.litert import predict
    from snugnet.tflite.weight_report import make_weight_report

    samples = trained.samples
    calib, val = samples.take(np.arange(160)), samples.take(np.arange(160, 240))
    model = load_model(trained.path)
    calibration = calibrate(model, calib, val, RULES)
    quantized = calibration.quantized
    np.testing.assert_allclose(
        calibration.plain.predict(val.x, verbose=0), model.predict(val.x, verbose=0), atol=1e-5
    )
    assert calibration.results[0].accuracy > 0.7
    save_model(quantized, tmp_path / "quantized.h5")
    path = tmp_path / "model.tflite"
    path.write_bytes(
        convert(load_quantized(tmp_path / "quantized.h5"), SCHEMES["fiq_int8"], quantized=True)
    )
    report = make_weight_report(path, SCHEMES["fiq_int8"])
    assert report.contract.is_kept, report.contract.findings
    file, keras = predict(path, val.x, 64).scores(), quantized.predict(val.x, verbose=0)
    if samples.task == "multiclass":
        alike = file.argmax(axis=1) == keras.argmax(axis=1)
    else:
        alike = (file >= 0.5) == (keras >= 0.5)
    assert alike.mean() > 0.93
