"""Tests of the public functions of the Python API."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.tflite_schemes import FULL_INTEGER
from snugnet.services import float_model
from tests.paths import ROOT
from tests.unit.int8 import models

N, CLASSES = 120, 3
EPOCHS = 3


def samples(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Small images with a bright row that is the class, and their classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % CLASSES
    x = rng.normal(0, 0.5, (n, 9, 9, 1)).astype(np.float32)
    x[np.arange(n), 3 * y] += 2
    return x, y


@pytest.fixture(scope="module")
def model(keras):
    """A convolutional classifier, trained for some epochs."""
    layers = keras.tf_keras.layers
    keras.tf_keras.utils.set_random_seed(1)
    net = keras.tf_keras.Sequential(
        [
            layers.Input((9, 9, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.Conv2D(8, 3, activation="relu", name="conv_2"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax", name="head"),
        ],
        name="rows",
    )
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(*samples(0, 600), epochs=8, verbose=0)
    return net


@pytest.fixture(scope="module")
def quantized(model):
    return sn.quantize(model, scheme="fiq_int8", calibration=samples(0)[0])


@pytest.mark.parametrize("scheme", ["float32", "drq", "float16", "fiq_uint8"])
def test_quantize_keeps_contract_when_scheme_is_known(model, scheme):
    result = sn.quantize(model, scheme, calibration=samples(0)[0])
    assert result.scheme == scheme
    assert result.contract.is_kept, result.contract.findings
    assert result.size_bytes == len(result.content)
    assert (result.certificate is None) == (scheme not in FULL_INTEGER)


def test_quantize_has_note_when_drq_quantizes_nothing(model, keras):
    small = sn.quantize(model, "drq")
    assert small.notes == tuple(small.to_json()["notes"])
    assert "no weights were quantized: TensorFlow keeps tensors with fewer" in repr(small)
    layers = keras.tf_keras.layers
    large = keras.tf_keras.Sequential([layers.Input((64,)), layers.Dense(64), layers.Dense(3)])
    assert sn.quantize(large, "drq").notes == ()
    assert sn.quantize(model, "float32").notes == ()


def test_quantize_is_exact_when_model_is_full_integer(quantized):
    assert quantized.certificate.exact
    assert quantized.certificate.samples == 64
    assert "bit-exact: yes" in repr(quantized)
    assert "<table>" in quantized._repr_html_()
    assert quantized.to_json()["certificate"]["tflm"]["verdict"] == "exact"


def test_page_example_writes_file_when_model_is_a_file(model, tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs/reference/python_api.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    model.save("model.h5")
    for seed, name in enumerate(("train.npz", "test.npz")):
        x, y = samples(seed)
        np.savez(name, x=x, y=y)
    exec(example, {})
    output = capsys.readouterr().out
    assert "\nTrue\n" in output
    assert "accuracy: " in output
    assert (tmp_path / "model.tflite").stat().st_size > 1000


def test_quantize_keeps_model_and_random_state_when_calibrating(model):
    weights = [weight.copy() for weight in model.get_weights()]
    random.seed(5)
    expected = random.random()
    random.seed(5)
    sn.quantize(model, calibration=samples(0)[0])
    assert random.random() == expected
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_save_fails_when_file_exists_and_overwrite_is_not_set(quantized, tmp_path):
    path = quantized.save(tmp_path / "m.tflite")
    assert path.read_bytes() == quantized.content
    with pytest.raises(sn.InputError, match="the file exists"):
        quantized.save(path)
    quantized.save(path, overwrite=True)
    with pytest.raises(sn.InputError, match=r"ends in \.tflite"):
        quantized.save(tmp_path / "m.bin")


def test_quantize_gives_equal_size_when_model_is_a_path(model, quantized, tmp_path):
    model.save(tmp_path / "m.h5")
    from_file = sn.quantize(tmp_path / "m.h5", calibration=samples(0)[0])
    assert from_file.size_bytes == quantized.size_bytes


def test_evaluate_reports_groups_and_interval_when_groups_exist(quantized):
    x, y = samples(2)
    groups = np.arange(N) // 10
    result = sn.evaluate(quantized, x, y, groups=groups)
    assert result.task == "multiclass"
    assert result.accuracy.n == N
    assert result.accuracy.n_groups == 12
    assert result.accuracy.low <= result.accuracy.accuracy <= result.accuracy.high
    assert result.accuracy.accuracy > 0.8
    assert np.sum(result.confusion) == N
    assert [group.n for group in result.by_group] == [10] * 12
    mean = np.mean([group.accuracy for group in result.by_group])
    assert mean == pytest.approx(result.accuracy.accuracy)
    assert "accuracy: " in repr(result)
    assert "accuracy" in result._repr_html_()


def test_compare_is_paired_when_samples_are_the_same(quantized, model, keras):
    x, y = samples(2)
    same = sn.compare(quantized, quantized, x, y)
    assert (same.difference.delta, same.difference.p) == (0, 1)
    written = same.to_json()
    assert set(written["difference"]) == {"baseline", "delta", "delta_low", "delta_high", "p"}
    assert written["accuracy"]["n"] == N
    assert json.loads(json.dumps(written)) == written
    untrained = keras.tf_keras.models.clone_model(model)
    other = sn.compare(quantized, untrained, x, y, groups=np.arange(N) // 10)
    assert other.difference.delta == pytest.approx(
        other.accuracy.accuracy - other.difference.baseline
    )
    assert other.difference.p < 0.05
    assert "difference" in repr(other)


def test_quantize_aware_is_exact_when_trained_for_two_epochs(model):
    result = sn.quantize_aware(model, train=samples(0), val=samples(1), epochs=2)
    assert result.method == "quantization_aware"
    assert result.certificate.exact
    assert [round(epoch["epoch"]) for epoch in result.history] == [1, 2]


def test_results_are_equal_only_when_they_are_the_same_object(quantized, tmp_path):
    """Two results are equal only if they are the same object: they hold arrays and lists."""
    x, y = samples(2)
    path = tmp_path / "m.tflite"
    path.write_bytes(quantized.content)
    pairs = [
        (quantized, replace(quantized)),
        (sn.evaluate(quantized, x, y), sn.evaluate(quantized, x, y)),
        (sn.verify(path, x[:2]), sn.verify(path, x[:2])),
    ]
    for result, other in pairs:
        assert result == result
        assert result != other
        assert len({result, other, result}) == 2


@pytest.mark.parametrize("method", ["structured", "magnitude"])
def test_prune_reaches_target_when_method_differs(model, method):
    pruned = sn.prune(
        model, train=samples(0), val=samples(1), target=0.5, method=method, epochs=EPOCHS
    )
    if method == "structured":
        assert pruned.count_params() == pytest.approx(0.5 * model.count_params(), rel=0.15)
    else:
        kernel = pruned.get_layer("conv_2").get_weights()[0]
        assert np.mean(kernel == 0) == pytest.approx(0.5, abs=0.02)
    assert sn.evaluate(pruned, *samples(2)).accuracy.n == N


@pytest.mark.parametrize(
    "call",
    [
        lambda m, train, val: sn.prune(m, train, val, 0.5, method="magnitude", epochs=2),
        lambda m, train, val: sn.factorize(m, {"head": sn.SVD(2)}, train, val, epochs=1),
    ],
    ids=["prune", "factorize"],
)
def test_compression_works_when_tflite_rejects_model(model, call, monkeypatch):
    def reject(*arguments):
        raise sn.InputError("the TFLite converter rejects the model")

    monkeypatch.setattr(float_model, "convert_model", reject)
    with pytest.raises(sn.InputError, match="converter rejects"):
        sn.quantize(model, "drq")
    assert call(model, samples(0), samples(1)).name.startswith("rows")


def test_factorize_makes_model_smaller_when_ranks_are_reduced(model):
    thin = sn.factorize(
        model,
        {"conv_2": sn.Tucker2(0.5), "head": sn.SVD(2)},
        train=samples(0),
        val=samples(1),
        epochs=EPOCHS,
    )
    assert thin.count_params() < model.count_params()


def test_factorize_accepts_rank_when_it_is_a_numpy_number(model):
    layers = {"conv_2": sn.Tucker2((np.int64(3), np.float32(0.5))), "head": sn.SVD(np.int32(2))}
    thin = sn.factorize(model, layers, train=samples(0), val=samples(1), epochs=1)
    assert thin.count_params() < model.count_params()


def test_verify_is_exact_when_samples_are_arrays_or_random(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.network())
    x = np.random.default_rng(0).normal(0, 5, (6, 8, 8, 2)).astype(np.float32)
    assert sn.verify(path, x).exact
    without_samples = sn.verify(str(path))
    assert without_samples.exact
    assert without_samples.inputs == "random"
    assert "litert_ref: exact" in repr(without_samples)
    assert "<th style='text-align:left'>tflm</th><td>exact</td>" in without_samples._repr_html_()


def test_verify_is_exact_when_model_is_in_memory(quantized):
    result = sn.verify(quantized, samples(2)[0][:4])
    assert result.exact
    assert result.certificate.samples == 4


def test_load_int8_explains_element_when_file_was_saved(quantized, tmp_path):
    path = quantized.save(tmp_path / "m.tflite")
    engine = sn.load_int8(path)
    steps = dict(engine.explain(samples(2)[0][:1], operator=0, index=(0, 0, 3, 1)))
    assert "output" in " ".join(steps)


def test_to_akida_returns_program_when_model_fits_the_device(keras, tmp_path):
    layers = keras.tf_keras.layers
    net = keras.tf_keras.Sequential(
        [
            layers.Input((8, 8, 1), name="input"),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, name="scores"),
        ]
    )
    x = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1)).astype(np.float32)
    program = sn.to_akida(net, "akida_v2_w8a8", x)
    assert program.device == "TwelveNodesIPv2"
    potentials = program.predict(x[:5])
    assert (potentials.shape, potentials.dtype) == ((5, 3), np.int32)
    assert program.save(tmp_path / "net.fbz").stat().st_size > 0
    assert "scheme: akida_v2_w8a8" in repr(program)
    written = program.to_json()
    assert json.loads(json.dumps(written)) == written
    assert written["layers"][-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, y: sn.quantize(m), "needs calibration samples. Give calibration=x"),
        (lambda m, x, y: sn.quantize(m, "int3", x), "unknown scheme 'int3'. Known: float32"),
        (
            lambda m, x, y: sn.quantize(m, "int8", x),
            "unknown scheme 'int8'. Did you mean 'fiq_int8'? Known: float32",
        ),
        (lambda m, x, y: sn.quantize("no.h5", "drq"), "no.h5"),
        (lambda m, x, y: sn.quantize(object(), "drq"), "not a tf_keras model"),
        (lambda m, x, y: sn.quantize(m, calibration=x[:, :5]), "samples have shape"),
        (
            lambda m, x, y: sn.quantize_aware(m, (x, y), (x, y), scheme="drq"),
            "not available with QAT",
        ),
        (lambda m, x, y: sn.quantize_aware(m, (x, y + 7), (x, y)), "train: y holds values 7 to 9"),
        (lambda m, x, y: sn.prune(m, (x, y), (x, y), 1.5), "target 1.5 is out of range"),
        (lambda m, x, y: sn.prune(m, (x, y), (x, y), 0.5, "soft"), "method 'soft' is unknown"),
        (
            lambda m, x, y: sn.prune(m, (x, y), (x, y), 0.5, criterion="l3"),
            "criterion: unknown value 'l3'",
        ),
        (
            lambda m, x, y: sn.quantize_aware(m, (x, y), (x, y), learning_rate=5),
            "learning_rate: 5 is too large; the maximum is 1",
        ),
        (lambda m, x, y: sn.factorize(m, {}, (x, y), (x, y)), "layers is empty"),
        (
            lambda m, x, y: sn.factorize(m, {"head": sn.SVD(0)}, (x, y), (x, y)),
            "layers.head.rank: 0 is too small; it must be greater than 0",
        ),
        (
            lambda m, x, y: sn.factorize(m, {"head": sn.SVD(2.7)}, (x, y), (x, y)),
            "layers.head.rank: 2.7 is neither an integer nor a fraction below 1",
        ),
        (
            lambda m, x, y: sn.factorize(m, {"conv_2": sn.Tucker2(1.0)}, (x, y), (x, y)),
            "layers.conv_2.rank: 1.0 is neither an integer nor a fraction below 1",
        ),
        (
            lambda m, x, y: sn.factorize(m, {"conv_2": sn.Tucker2((0.5, 3.5))}, (x, y), (x, y)),
            "layers.conv_2.rank: 3.5 is neither an integer nor a fraction below 1",
        ),
        (
            lambda m, x, y: sn.factorize(m, {"conv_9": sn.SVD(2)}, (x, y), (x, y)),
            "conv_9 cannot be factorized; allowed: conv_1, conv_2, head",
        ),
        (lambda m, x, y: sn.evaluate(m, x, y[:5]), "y has shape (5,), but x has 120 samples"),
        (lambda m, x, y: sn.verify("no.tflite"), "no.tflite"),
        (lambda m, x, y: sn.to_akida(m, "akida_v9", x), "unknown scheme 'akida_v9'"),
        (
            lambda m, x, y: sn.to_akida(m, "akida_v1_w4a4", x, "X"),
            "device X: unknown device for scheme akida_v1_w4a4. Known: AKD1500, AKD1000.",
        ),
        (lambda m, x, y: sn.to_akida(m), "calibration is missing"),
        (
            lambda m, x, y: sn.quantize(m, x),
            "scheme: expected a name such as 'fiq_int8', got an array of shape (120, 9, 9, 1). "
            "Calibration samples are the argument `calibration`.",
        ),
        (lambda m, x, y: sn.quantize("no.h5", x), "scheme: expected a name"),
        (lambda m, x, y: sn.quantize(m, "drq", x, y), "allow_code: expected the path"),
        (
            lambda m, x, y: sn.quantize(m, calibration=(x, y)),
            "x is a tuple of 2 items of different shapes. Give one array",
        ),
        (lambda m, x, y: sn.to_akida(m, x), "scheme: expected a name such as 'akida_v2_w8a8'"),
        (
            lambda m, x, y: sn.prune(m, x, x, 0.5),
            "train: expected a pair (x, y) of samples and labels, got an array of shape "
            "(120, 9, 9, 1). Give train=(x, y).",
        ),
        (lambda m, x, y: sn.prune(m, (x, y), (x, y, y), 0.5), "val: expected a pair (x, y)"),
        (lambda m, x, y: sn.prune(m, (x, y), (x, y), "half"), "target: expected a fraction"),
        (
            lambda m, x, y: sn.prune(m, (x, y), (x, y), 0.5, keep="head"),
            "keep: expected a list of names of layers, got 'head'",
        ),
        (lambda m, x, y: sn.quantize_aware(m, x, y), "train: expected a pair (x, y)"),
        (
            lambda m, x, y: sn.factorize(m, (x, y), (x, y), {"head": sn.SVD(2)}),
            "layers: expected a mapping from names of layers to decompositions, for example "
            '{"conv_3": Tucker2(0.5)}, got a tuple of 2 items.',
        ),
        (
            lambda m, x, y: sn.factorize(m, {"head": 2}, (x, y), (x, y)),
            "layers['head']: expected a decomposition: SVD, Tucker2 or TensorTrain, got 2.",
        ),
        (
            lambda m, x, y: sn.verify(m),
            "model: expected the path of a .tflite file, or a QuantizedModel, got an object of "
            "type Sequential.",
        ),
        (
            lambda m, x, y: sn.verify(sn.quantize(m, "drq")),
            "drq model is not a full-integer file (scheme drq). verify needs fiq_* or int16x8; use "
            "benchmark for other files.",
        ),
        (lambda m, x, y: sn.verify("no.tflite", x, y), "samples: expected an integer of 1 or more"),
        (lambda m, x, y: sn.verify("no.tflite", traced=0), "traced: expected an integer of 1"),
        (lambda m, x, y: sn.evaluate(m, x, y, 0.95), "group has shape (), but x has 120 samples"),
        (
            lambda m, x, y: sn.evaluate(m, x, y, None, 95),
            "confidence: expected a number between 0 and 1, got 95.",
        ),
        (
            lambda m, x, y: sn.load_int8(sn.quantize(m, "drq")),
            "path: expected the path of a file, got an object of type QuantizedModel. Save a "
            "quantized model first: q.save('m.tflite').",
        ),
        (
            lambda m, x, y: sn.verify("no.tflite", budget="x"),
            "budget: expected a positive number, got 'x'",
        ),
        (lambda m, x, y: sn.verify("no.tflite", budget=float("nan")), "budget: nan is not"),
        (
            lambda m, x, y: sn.quantize_aware(m, (x, y), (x, y), seed="a"),
            "seed: expected an integer, got 'a'.",
        ),
        (
            lambda m, x, y: sn.prune(m, (x, y), (x, y), 0.5, seed="a"),
            "seed: expected an integer, got 'a'.",
        ),
    ],
)
def test_api_error_names_the_fix_when_request_is_wrong(model, call, message):
    x, y = samples(1)
    with pytest.raises((sn.InputError, OSError)) as error:
        call(model, x, y)
    assert message in str(error.value)
    assert "--" not in str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x, y: sn.quantize_aware(m, (x, y), (x, y)),
        lambda m, x, y: sn.prune(m, (x, y), (x, y), 0.5),
        lambda m, x, y: sn.factorize(m, {"conv_1": sn.Tucker2(0.5)}, (x, y), (x, y)),
    ],
    ids=["quantize_aware", "prune", "factorize"],
)
def test_training_names_no_option_when_labels_do_not_fit(call, model, keras):
    inner = keras.tf_keras.Model(model.input, model.get_layer("conv_2").output, name="headless")
    x, y = samples(1)
    message = r"train: y has shape .*The task is segmentation"
    with pytest.raises(sn.InputError, match=message) as error:
        call(inner, x, y)
    assert "--" not in str(error.value)


def test_package_has_attribute_only_when_name_is_public():
    assert set(sn.__all__) <= set(dir(sn))
    for name in sn.__all__:
        assert getattr(sn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = sn.quantise


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import snugnet", ("numpy", "tensorflow", "tf_keras", "pandas", "scipy")),
        ("import snugnet; snugnet.load_int8", ("tensorflow", "ai_edge_litert", "scipy")),
        ("import snugnet; snugnet.quantize", ("tensorflow", "tf_keras")),
        ("import snugnet; snugnet.verify", ("tensorflow", "tf_keras")),
    ],
)
def test_import_loads_no_large_package_when_it_is_not_needed(code, absent):
    program = f"{code}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("sklearn", "sn.evaluate('m.tflite', x, y)", "tflite"),
        ("tensorflow", "sn.quantize('m.h5', 'drq')", "train"),
        ("ai_edge_litert", "sn.verify('m.tflite')", "tflite"),
        ("akida", "sn.to_akida('m.h5', calibration=x)", "akida"),
        ("scipy", "sn.evaluate", "tflite"),
    ],
)
def test_api_names_extra_when_package_is_missing(package, call, extra, tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.network())
    program = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "import numpy as np\n"
        "import snugnet as sn\n"
        "x, y = np.zeros((3, 8, 8, 2), np.float32), np.arange(3)\n"
        "try:\n"
        f"    {call}\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    message = f"package {package} is not installed. Run: pip install 'snugnet[{extra}]'"
    assert done.stdout.startswith(message)


@pytest.mark.slow
def test_quantize_fails_when_keras_3_is_in_use():
    """TensorFlow was imported, and its Keras was used, before Snugnet."""
    program = (
        "import tensorflow as tf\n"
        "tf.keras.Sequential\n"
        "import snugnet\n"
        "try:\n"
        "    snugnet.quantize('m.h5', 'drq')\n"
        "except snugnet.InputError as error:\n"
        "    print(error)\n"
    )
    # An earlier test of this process may have set the variable.
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "TF_USE_LEGACY_KERAS=1" in done.stdout
