"""Tests of the certificates of bit-exactness."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from snugnet.core.affine import dequantize
from snugnet.core.errors import ModelFormatError
from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples
from snugnet.evaluation.gate_checks import evaluate_gate
from snugnet.int8 import Model, operators
from snugnet.int8.node import Kernel
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes import isolated, micro
from snugnet.tflite.runtimes.litert import predict
from snugnet.verification import network as network_module
from snugnet.verification.certificate import certify as certify_file
from snugnet.verification.certificate import certify_predictions, decide_as
from snugnet.verification.network import WHOLE, certify_network, load_network, save_network
from tests.tflite_files import Node, Tensor, write
from tests.unit.int8 import models

PROFILES = ("litert_ref", "tflm")


def decide(raw: np.ndarray) -> np.ndarray:
    return raw.argmax(axis=1)


def certify(path, *arguments, **options) -> dict:
    """The certificate of a file as JSON."""
    return certify_file(ModelFile.read(path), *arguments, **options).to_json()


def certificate(path, x: np.ndarray):
    return certify(path, x, predict(path, x).raw, decide, traced=5)


X = np.random.default_rng(0).normal(size=(12, 8, 8, 2)).astype(np.float32) * 5


@pytest.mark.parametrize("float_ends", [False, True])
def test_certificate_is_exact_when_engine_equals_runtimes(save, float_ends):
    path = save(models.network(float_ends=float_ends))
    result = certificate(path, X)
    tensors = 8 if float_ends else 6
    for profile in PROFILES:
        assert result[profile] == {
            "verdict": "exact",
            "samples": 12,
            "samples_traced": 5,
            "tensors": tensors,
            "mismatches": 0,
            "worst_lsb": 0,
            "first_operator": None,
        }
    assert result["sha256"]["model"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(result["versions"]) == {"ai-edge-litert", "tflite-micro", "numpy"}
    # More than the largest activations, which it must hold at once, and not absurdly more.
    assert 192 < result["arena_bytes"] < 100_000


@pytest.fixture
def network(tmp_path):
    """The certified network of `models.network`, written and read again."""
    path = tmp_path / "network.tflite"
    path.write_bytes(models.network())
    save_network(tmp_path / "network.npz", certify_network(path, X, traced=5))
    return load_network(tmp_path / "network.npz")


@pytest.mark.parametrize("float_ends", [False, True])
def test_certificate_is_same_when_network_was_certified_before(save, network, float_ends):
    path = save(models.network(float_ends=float_ends))
    deployed = predict(path, X).raw
    composed = certify(path, X, deployed, decide, 5, network)
    assert (composed["samples_whole"], composed["network"]) == (WHOLE, network.digest)
    compared = certify(path, X, deployed, decide, 5)
    assert (compared["samples_whole"], compared["network"]) == (len(X), None)
    how = {"samples_whole": 0, "network": None}
    assert composed | how == compared | how
    assert composed["litert_ref"]["verdict"] == composed["tflm"]["verdict"] == "exact"


def test_certify_runs_few_samples_when_network_was_certified(save, network, monkeypatch):
    whole = []
    run = isolated.run

    def counted(runtime, file, x, *rest):
        if runtime is micro and len(file.graph.operators) > 1:
            whole.append(len(x))
        return run(runtime, file, x, *rest)

    monkeypatch.setattr(isolated, "run", counted)
    path = save(models.network(float_ends=True))
    certify(path, X, predict(path, X).raw, decide, 5, network)
    assert whole == [WHOLE]
    assert len(X) > WHOLE


def test_certify_finds_difference_when_network_is_another(save, network, monkeypatch):
    """An engine that is wrong for the weights of this file alone, not for the certified ones."""
    file = bytearray(models.network())
    weights = read_graph(save(bytes(file))).tensors[10].values
    file[bytes(file).index(weights.tobytes())] ^= 1
    operation = operators.OPERATORS["FULLY_CONNECTED"]

    def wrong(node):
        kernel = operation.prepare(node)
        if np.array_equal(node.inputs[1].values, weights):
            return kernel
        return Kernel(lambda *arrays: np.minimum(kernel.run(*arrays), 126) + np.int8(1))

    changed = replace(operation, prepare=wrong)
    monkeypatch.setitem(operators.OPERATORS, "FULLY_CONNECTED", changed)
    path = save(bytes(file))
    certificate = certify(path, X, predict(path, X).raw, decide, 5, network)
    for profile in PROFILES:
        assert certificate[profile]["verdict"] == "differs"
        assert certificate[profile]["first_operator"]["name"] == "FULLY_CONNECTED"
    assert certificate["samples_whole"] == len(X)


def test_certificate_differs_when_boundary_is_wrong_once(save, network, monkeypatch):
    """The sample is none of those with which the whole file runs."""
    operation = operators.OPERATORS["QUANTIZE"]
    run_whole = np.unique(np.linspace(0, len(X) - 1, WHOLE).astype(int))
    odd = X[next(i for i in range(len(X)) if i not in run_whole)]

    def wrong(node):
        kernel = operation.prepare(node)

        def run(x):
            outputs = np.array(kernel.run(x))
            for i, sample in enumerate(x):
                if np.array_equal(sample.ravel(), odd.ravel()):
                    outputs[i] ^= 1
            return outputs

        return Kernel(run)

    monkeypatch.setitem(operators.OPERATORS, "QUANTIZE", replace(operation, prepare=wrong))
    path = save(models.network(float_ends=True))
    certificate = certify(path, X, predict(path, X).raw, decide, len(X), network)
    assert {certificate[profile]["verdict"] for profile in PROFILES} == {"differs"}


def test_certify_compares_whole_file_when_runtime_rejects_part(save, network, monkeypatch):
    run = micro.run

    def refusing(file, graph, x, traced):
        if [operator.name for operator in graph.operators] == ["QUANTIZE"]:
            raise RuntimeError("QUANTIZE alone is refused")
        return run(file, graph, x, traced)

    monkeypatch.setattr(micro, "run", refusing)
    path = save(models.network(float_ends=True))
    certificate = certify(path, X, predict(path, X).raw, decide, 5, network)
    assert certificate["tflm"]["verdict"] == "exact"
    assert certificate["samples_whole"] == WHOLE  # of the other profile


def test_certify_compares_whole_file_when_network_has_no_digest(save, tmp_path, monkeypatch):
    def refuse(graph):
        raise ModelFormatError("a constant cannot be digested")

    monkeypatch.setattr(network_module, "compute_network_digest", refuse)
    path = save(models.network())
    save_network(tmp_path / "network.npz", certify_network(path, X, traced=5))
    certified = load_network(tmp_path / "network.npz")
    assert certified.digest is None
    certificate = certify(path, X, predict(path, X).raw, decide, 5, certified)
    assert certificate["samples_whole"] == len(X)
    assert certificate["litert_ref"]["verdict"] == "exact"


@pytest.mark.parametrize("operator", ["QUANTIZE", "DEQUANTIZE"])
def test_certificate_differs_when_boundary_operator_is_wrong(save, network, monkeypatch, operator):
    operation = operators.OPERATORS[operator]

    def wrong(node):
        kernel = operation.prepare(node)
        return Kernel(lambda *arrays: (kernel.run(*arrays) * 2).astype(kernel.run(*arrays).dtype))

    monkeypatch.setitem(operators.OPERATORS, operator, replace(operation, prepare=wrong))
    path = save(models.network(float_ends=True))
    certificate = certify(path, X, predict(path, X).raw, decide, 5, network)
    for profile in PROFILES:
        assert certificate[profile]["verdict"] == "differs"
        assert certificate[profile]["first_operator"]["name"] == operator


def test_certify_compares_whole_file_when_samples_differ(save, network):
    path = save(models.network(float_ends=True))
    x = X[::-1]
    certificate = certify(path, x[:7], predict(path, x[:7]).raw, decide, 5, network)
    assert certificate["litert_ref"]["samples"] == 7


def test_certificate_names_first_operator_when_it_differs(save, monkeypatch):
    """An engine whose depthwise convolution is one too high, except at the maximum."""
    operation = operators.OPERATORS["DEPTHWISE_CONV_2D"]

    def off_by_one(node):
        kernel = operation.prepare(node)
        return Kernel(lambda *arrays: np.minimum(kernel.run(*arrays), 126) + np.int8(1))

    wrong = replace(operation, prepare=off_by_one)
    monkeypatch.setitem(operators.OPERATORS, "DEPTHWISE_CONV_2D", wrong)
    result = certificate(save(models.network()), X)
    for profile in PROFILES:
        assert result[profile]["verdict"] == "differs"
        assert result[profile]["first_operator"] == {
            "operator": 1,
            "name": "DEPTHWISE_CONV_2D",
            "tensor": 6,
        }
        assert result[profile]["worst_lsb"] >= 1
        assert result[profile]["mismatches"] > 100


def test_certificate_names_reason_when_runtime_lacks_operator(save):
    tensor = Tensor((1, 3), "int8", 0.02)
    path = save(write([tensor] * 2, [Node("RELU_N1_TO_1", [0], [1])], [0], [1]))
    result = certificate(path, np.linspace(-2, 2, 30).reshape(10, 3).astype(np.float32))
    assert result["litert_ref"]["verdict"] == "exact"
    assert result["tflm"]["verdict"] == "unsupported"
    for who in ("engine: operator 0 RELU_N1_TO_1", "; runtime: "):
        assert who in result["tflm"]["reason"]
    assert result["arena_bytes"] is None


def test_certificate_is_unsupported_when_runtime_crashes(save):
    """A softmax whose input hardly varies, as an untrained network may have it."""
    tensors = [Tensor((1, 3), "int8", 1e-12), Tensor((1, 3), "int8", 1 / 256, -128)]
    node = Node("SOFTMAX", [0], [1], {"kind": "SoftmaxOptions", "beta": 1.0})
    result = certify(
        save(write(tensors, [node], [0], [1])),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 3), np.int8),
        decide,
        traced=1,
    )
    for profile in PROFILES:
        assert result[profile]["verdict"] == "unsupported"
        assert "runtime: the runtime crashed on this file (SIGABRT)" in result[profile]["reason"]
    assert result["xnnpack"] is None
    assert result["arena_bytes"] is None


def test_certificate_is_unsupported_when_engine_lacks_operator(save):
    tensor = Tensor((1, 3), "int8", 1.0)
    path = save(write([tensor] * 2, [Node("ABS", [0], [1])], [0], [1]))
    x = np.array([[-1, 0, 2]], np.float32)
    result = certify(path, x, np.array([[1, 0, 2]], np.int8), decide, traced=5)
    for profile in PROFILES:
        assert result[profile]["verdict"] == "unsupported"
        assert result[profile]["reason"].startswith("engine: operator 0 ABS: not supported")
        assert "runtime" not in result[profile]["reason"]
    assert result["xnnpack"] == {"fraction": 0, "worst_lsb": 0, "decisions_changed": 0}


def test_certificate_measures_lsb_when_output_is_float(save):
    path = save(models.network(float_ends=True))
    deployed = predict(path, X).raw.copy()
    step = 1 / 256
    deployed[3, 1] += np.float32(29 * step)
    result = certify(path, X, deployed, decide, traced=5)["xnnpack"]
    assert 25 <= result["worst_lsb"] <= 33


def test_certificate_names_operator_when_late_sample_differs(save, monkeypatch):
    """An engine that is wrong for one late sample alone."""
    operation = operators.OPERATORS["SOFTMAX"]
    late = np.full((1, 8, 8, 2), 7, np.float32)
    x = np.concatenate([X, late])

    def wrong_at_times(node):
        kernel = operation.prepare(node)

        def run(rows):
            outputs = kernel.run(rows)
            return np.where((rows == expected).all(axis=-1, keepdims=True), np.int8(5), outputs)

        return Kernel(run)

    path = save(models.network())
    model = Model(read_graph(path))
    expected = model.trace(ModelFile.read(path).quantize_input(late))[12][0]
    wrong = replace(operation, prepare=wrong_at_times)
    monkeypatch.setitem(operators.OPERATORS, "SOFTMAX", wrong)
    result = certify(path, x, predict(path, x).raw, decide, traced=5)["litert_ref"]
    assert result["verdict"] == "differs"
    assert result["first_operator"] == {"operator": 5, "name": "SOFTMAX", "tensor": 13}
    assert result["mismatches"] <= 3


def test_certificate_counts_decision_when_xnnpack_changes_it(save):
    path = save(models.network())
    exact = certificate(path, X)["xnnpack"]
    assert 0 <= exact["fraction"] <= 1
    deployed = predict(path, X).raw.copy()
    deployed[0] = [-128, -128, 127] if deployed[0].argmax() != 2 else [127, -128, -128]
    result = certify(path, X, deployed, decide, traced=5)["xnnpack"]
    assert result["decisions_changed"] == exact["decisions_changed"] + 1
    assert result["worst_lsb"] > exact["worst_lsb"]


def test_quantize_input_rounds_when_samples_are_float(save):
    path = save(models.network())
    quantized = ModelFile.read(path).quantize_input(np.full((1, 8, 8, 2), 0.26, np.float32))
    assert quantized.dtype == np.int8
    assert (quantized == 6).all()  # 2.6 steps, rounded, above the zero point 3


def test_measure_arena_fails_when_runtime_rejects_file(tmp_path):
    tensor = Tensor((1, 3), "float32")
    file = write([tensor] * 2, [Node("GELU", [0], [1])], [0], [1])
    with pytest.raises(RuntimeError):
        micro.measure_arena(file)


def test_gate_fails_when_engine_is_not_exact():
    row = {
        "model": "a",
        "variant": "b",
        "scheme": "fiq_int8",
        "runtime": "litert",
        "status": "ok",
        "litert_ref": "differs",
        "verification": "litert_ref: 7 numbers differ",
    }
    result = evaluate_gate([row])
    assert result.verdict == "fail"
    assert result.failures == [
        "a/b/fiq_int8/litert: the integer engine is not exact: litert_ref: 7 numbers differ"
    ]
    assert evaluate_gate([{**row, "litert_ref": "exact"}]).verdict == "pass"
    # A full-integer file must have a certificate; others have none.
    missing = {**row, "litert_ref": None, "verification": None}
    assert evaluate_gate([missing]).failures == [
        "a/b/fiq_int8/litert: the integer engine is not exact: no certificate"
    ]
    assert evaluate_gate([{**missing, "scheme": "drq"}]).verdict == "pass"
    # The table shows the verdict of TensorFlow Lite Micro, but no check fails.
    micro_row = {**row, "litert_ref": "exact", "tflm": "unsupported"}
    assert evaluate_gate([micro_row]).verdict == "pass"


def test_certify_predictions_is_equal_when_a_decision_changes(save):
    path = save(models.network(float_ends=False))
    result = predict(path, X)
    raw = result.raw.copy()
    raw[0] = np.roll(raw[0], 1)
    names = tuple("abcdefghij"[: raw.shape[1]])
    samples = Samples(X, np.zeros(len(X), np.int64), names, "multiclass")
    deployed = Predictions.from_samples(
        samples, result.scores(), raw, result.scale, result.zero_point
    )
    certificate = certify_predictions(ModelFile.read(path), X, deployed, traced=5)
    assert certificate.xnnpack is not None
    assert certificate.xnnpack.decisions_changed > 0
    assert certificate.to_json() == certify(path, X, raw, decide, traced=5)


def test_certificate_has_no_decisions_when_task_has_no_classes(save):
    path = save(models.network(float_ends=False))
    result = predict(path, X)
    targets = result.scores()
    samples = Samples(X, targets, tuple("abcdefghij"[: targets.shape[1]]), "regression")
    deployed = Predictions.from_samples(samples, result.scores(), *result)
    certificate = certify_predictions(ModelFile.read(path), X, deployed, traced=5)
    assert certificate.xnnpack is not None
    assert certificate.xnnpack.decisions_changed is None


def test_decisions_have_threshold_when_scores_are_logits():
    """Outputs that cross 0, but stay below 0.5, change decisions only with the threshold 0."""
    scale, zero, step = 0.01, 0, 30
    changed = {}
    for threshold in (0.0, 0.5):
        samples = Samples(
            X, np.zeros((len(X), 1), np.uint8), ("a",), "multilabel", threshold=threshold
        )
        raw = np.full((len(X), 1), zero + step, np.int8)
        reference = np.full((len(X), 1), zero - step, np.int8)
        scores = dequantize(raw, scale, zero)
        deployed = Predictions.from_samples(samples, scores, raw, scale, zero)
        changed[threshold] = int((decide_as(deployed, raw) != decide_as(deployed, reference)).sum())
    assert changed == {0.0: len(X), 0.5: 0}
