"""Tests of the table, the gate and the page for Akida programs."""

import numpy as np
import pytest

from snugnet.akida.agreement import compare
from snugnet.akida.preflight_report import Obstacle, PreflightReport
from snugnet.core.predictions import Predictions
from snugnet.evaluation.footprint import describe_akida_program
from snugnet.evaluation.gate_checks import evaluate_gate
from snugnet.report.akida_page import AkidaCell, render_akida_page, render_preflight_page

AGREEMENT = {
    "verdict": "differs",
    "decisions_equal": 0.9,
    "potentials_equal": 0.8,
    "worst": 3,
    "saturated_inputs": 2,
    "first_layer": {"layer": "conv_1"},
    "quantizeml": {"decisions_equal": 0.7},
}
MAPPED = {"hardware": True, "processors": 9, "program_bytes": 4096, "reason": None}
CONVERSION = {
    "device": "AKD1000",
    "devices": {"AKD1000": MAPPED},
    "trained": False,
    "smallest_device": "AKD1500",
    "input": {"kind": "uint8", "outside_range": {"train": 0, "val": 1, "test": 5}},
}


def predictions(raw) -> Predictions:
    raw = np.array(raw, np.int32)
    return Predictions(
        scores=raw.astype(np.float32),
        labels=np.zeros(len(raw), np.int64),
        group=None,
        raw=raw,
        scale=np.ones(raw.shape[1]),
        zero_point=0,
        latency_ns=np.zeros(0, np.int64),
        task="multiclass",
        class_names=("a", "b"),
    )


def row(scheme="akida_v2_w8a8", runtime="akida", **changes) -> dict:
    values = {
        "model": "net",
        "variant": "original",
        "parent": None,
        "method": "train",
        "reason": None,
        "scheme": scheme,
        "runtime": runtime,
        "status": "ok",
        "task": "multiclass",
        "accuracy": 0.75 if runtime == "akida" else 0.8,
        "delta_float": -0.15 if runtime == "akida" else -0.1,
        "p_float": 0.001,
        "p_holm": 0.003,
        "akida_device": "AKD1000",
        "akida_hardware": True,
        "akida_processors": 9,
        "akida_program_bytes": 4096,
        "akida_smallest_device": "AKD1500",
        "akida_beyond_train": 7,
        "akida_beyond_program": 0,
        "akida_potentials": "exact",
        "akida_potentials_equal": 1.0,
        "akida_decisions_equal": 0.95,
        "akida_quantizeml_equal": None,
        "akida_worst": 0,
        "akida_first_layer": None,
        "confusion": [[3, 1], [0, 4]],
        "class_names": ["rest", "run"],
    }
    return {**values, **changes}


def page(rows: list[dict]) -> str:
    return render_akida_page([AkidaCell.from_json(values) for values in rows])


def test_compare_reports_largest_error_when_potentials_differ():
    keras = predictions([[5, 1], [2, 3], [9, 0], [4, 4]])
    akida = predictions([[5, 1], [3, 2], [9, 2], [4, 4]])
    agreement = compare(keras, akida)
    assert agreement.verdict == "differs"
    assert agreement.decisions_equal == 0.75
    assert agreement.potentials_equal == 5 / 8
    assert agreement.worst == 2
    assert compare(keras, keras).verdict == "exact"
    nothing = compare(predictions(np.zeros((0, 2))), akida)
    assert nothing.to_json() == {"verdict": "nothing", "samples": 0}


def test_akida_program_columns_name_layer_when_runtimes_differ(tmp_path):
    (tmp_path / "model.fbz").write_bytes(b"program")
    columns = describe_akida_program(tmp_path / "model.fbz", CONVERSION, AGREEMENT).to_json()
    assert (columns["akida_beyond_train"], columns["akida_beyond_program"]) == (5, 2)
    assert columns["size_bytes"] == 7
    assert columns["akida_first_layer"] == "conv_1"
    assert columns["akida_quantizeml_equal"] == 0.7
    assert columns["reason"] is None
    assert "nonzero" not in columns


def test_akida_program_columns_have_no_zeros_when_trained(tmp_path):
    (tmp_path / "model.fbz").write_bytes(b"program")
    columns = describe_akida_program(
        tmp_path / "model.fbz", {**CONVERSION, "trained": True}, AGREEMENT
    ).to_json()
    assert columns["nonzero"] is None
    assert columns["model_zeros"] is None


@pytest.mark.parametrize(
    ("scheme", "changes", "verdict"),
    [
        ("akida_v2_w8a8", {}, "pass"),
        ("akida_v2_w4a4", {"akida_potentials": "differs"}, "fail"),
        ("akida_v2_w4a4", {"akida_potentials": None}, "fail"),
        ("akida_v1_w4a4", {"akida_potentials": "differs"}, "pass"),
        ("akida_v2_w8a8", {"akida_potentials": None, "status": "incompatible"}, "pass"),
    ],
)
def test_gate_requires_exact_potentials_when_akida_version_is_v2(scheme, changes, verdict):
    result = evaluate_gate([row(scheme=scheme, **changes)])
    assert result.verdict == verdict


def test_gate_failure_names_first_layer_when_potentials_differ():
    differs = {"akida_potentials": "differs", "akida_potentials_equal": 0.75}
    differing = row(**differs, akida_worst=3, akida_first_layer="conv_2")
    assert evaluate_gate([differing]).failures == [
        "net/original/akida_v2_w8a8/akida: the potentials of the simulator and of quantized Keras "
        "differ: 75.0000% are equal, the largest difference is 3, first at layer conv_2"
    ]


def test_akida_page_shows_all_models_when_one_is_incompatible():
    refused = row(model="big", status="incompatible", reason="dense: 4096 inputs of Dense")
    text = page([row(runtime="keras"), row(), refused])
    steps, program = [line for line in text.splitlines() if line.startswith("| net")]
    cells = [cell.strip() for cell in steps.strip("|").split("|")]
    assert cells[3:] == ["90.00", "80.00 ↓", "75.00 ↓", "", ""]
    cells = [cell.strip() for cell in program.strip("|").split("|")]
    assert cells[3:] == [
        *("95.0000%", "exact", "", "7", "0", "AKD1000: all in hardware", "9", "4.0", "AKD1500"),
    ]
    assert "| big" in text
    assert "dense: 4096 inputs of Dense" in text
    assert text.count("| rest    |      3 |     1 |") == 2


def test_akida_page_shows_confusion_when_task_has_no_softmax():
    binary = row(task="binary")
    labels = row(
        task="multilabel", variant="pruned", confusion=[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    )
    text = page([binary, labels])
    assert "| rest    |      3 |     1 |" in text
    assert "| not run |         5 |     6 |" in text


def test_akida_page_names_layer_when_not_all_is_in_hardware():
    reason = "Cannot map layer 'scores'. Not enough hardware components"
    text = page(
        [row(runtime=name, akida_hardware=False, reason=reason) for name in ("keras", "akida")]
    )
    assert "AKD1000: not all in hardware" in text
    assert text.count(reason) == 1


def test_akida_page_shows_parent_accuracy_when_variant_is_qat():
    of_qat = {"variant": "aware", "parent": "original", "method": "qat"}
    trained = {**of_qat, "accuracy": 0.85, "delta_float": -0.05, "p_holm": 0.3}
    rows = [row(runtime="keras"), row(), row(runtime="keras", **trained), row(**trained)]
    steps = next(line for line in page(rows).splitlines() if line.startswith("| net"))
    cells = [cell.strip() for cell in steps.strip("|").split("|")]
    assert cells[3:] == ["90.00", "80.00 ↓", "75.00 ↓", "85.00 ~", "85.00 ~"]


def test_preflight_page_shows_fix_when_model_does_not_fit():
    obstacle = Obstacle("dense", "4096 inputs of Dense", "at most 2048")
    text = render_preflight_page(
        [
            PreflightReport("big", "akida_v2_w8a8", "SixNodesIPv2", (obstacle,)),
            PreflightReport("small", "akida_v2_w8a8", "SixNodesIPv2", ()),
        ]
    )
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["big", "akida_v2_w8a8", "SixNodesIPv2", "no"] in lines
    assert ["small", "akida_v2_w8a8", "SixNodesIPv2", "yes"] in lines
    assert ["big", "akida_v2_w8a8", "dense", "4096 inputs of Dense", "at most 2048"] in lines


def test_preflight_report_is_the_same_when_read_again():
    obstacle = Obstacle("dense", "4096 inputs of Dense", "at most 2048")
    for obstacles in ((), (obstacle,)):
        report = PreflightReport("big", "akida_v2_w8a8", "SixNodesIPv2", obstacles)
        assert report.to_json()["fits"] is (not obstacles)
        assert PreflightReport.from_json(report.to_json()) == report


def test_akida_page_is_short_when_study_has_no_programs():
    text = page([])
    assert text.startswith("# Akida")
    assert "##" not in text
