"""Tests of the rules of the gate."""

from typing import Any

import pytest

from snugnet.core.errors import InputError
from snugnet.core.gate_entries import is_selected, parse_size
from snugnet.core.settings.gate import MeasurableGate
from snugnet.evaluation.gate_checks import evaluate_gate

NAMES = {
    "model": "net_s7",
    "family": "net",
    "variant": "original",
    "scheme": "fiq_int8",
    "runtime": "litert",
}
ROW = {
    "status": "ok",
    "reason": None,
    "n_groups": None,
    "accuracy": 0.9,
    "accuracy_low": 0.85,
    "accuracy_high": 0.94,
    "delta_float": -0.004,
    "delta_float_low": -0.01,
    "delta_float_high": 0.002,
    "size_bytes": 65536,
    "arena_bytes": 20480,
    "litert_ref": "exact",
    "tflm": "exact",
    "verification": None,
    "latency_us_median": 12.5,
}
AKIDA_ROW = {
    key: value
    for key, value in ROW.items()
    if key not in ("arena_bytes", "litert_ref", "tflm", "verification", "latency_us_median")
} | {
    "akida_device": "AKD1000",
    "akida_hardware": True,
    "akida_potentials": "exact",
    "akida_potentials_equal": 1.0,
    "akida_worst": 0,
    "akida_first_layer": None,
}


def entry(**changes: Any) -> MeasurableGate:
    """An entry of the gates as the study hands it on."""
    return MeasurableGate(interval=0.95, **changes)


def cell(scheme: str = "fiq_int8", **changes: Any) -> dict[str, Any]:
    akida = scheme.startswith("akida")
    names = {**NAMES, "scheme": scheme, "runtime": "akida" if akida else "litert"}
    row = AKIDA_ROW if akida else ROW
    metrics = {"model_zeros": None, "file_zeros": None, **row, **changes}
    return {**names, **metrics}


def failures(requirement: dict[str, Any], *cells: dict[str, Any]) -> list[str]:
    return evaluate_gate(cells, [entry(**requirement)]).failures


@pytest.mark.parametrize(
    ("requirement", "limit", "kept", "missed", "said"),
    [
        (
            {"min_accuracy": 90},
            "accuracy at least 90 %",
            {"accuracy": 0.9},
            {"accuracy": 0.8999},
            "accuracy is 89.99 % [85.00, 94.00]",
        ),
        (
            {"max_size": 65536},
            "file size at most 64.0 KiB (65,536 bytes)",
            {"size_bytes": 65536},
            {"size_bytes": 65537},
            "file size is 64.0 KiB (65,537 bytes)",
        ),
        (
            {"max_arena": 20480},
            "tensor arena at most 20.0 KiB (20,480 bytes)",
            {"arena_bytes": 20480},
            {"arena_bytes": 22000},
            "tensor arena is 21.5 KiB (22,000 bytes)",
        ),
        (
            {"max_latency_us": 12.5},
            "median latency at most 12.5 µs",
            {"latency_us_median": 12.5},
            {"latency_us_median": 12.51},
            "median latency is 12.51 µs",
        ),
        (
            {"exact": True},
            "bit-exactness",
            {"litert_ref": "exact", "tflm": "exact"},
            {"tflm": "unsupported", "verification": "tflm: runtime: no kernel"},
            "tflm: runtime: no kernel",
        ),
    ],
)
def test_gate_passes_at_limit_and_fails_when_limit_is_exceeded(
    requirement, limit, kept, missed, said
):
    (key,) = requirement
    assert failures(requirement, cell(**kept)) == []
    assert failures(requirement, cell(**missed)) == [
        f"net_s7/original/fiq_int8/litert: {said}; gates[0].{key} requires {limit}"
    ]


@pytest.mark.parametrize(
    ("confidence", "low", "high", "opens"),
    [
        # Of the drops that are possible, the largest counts, down to the limit.
        ("possible", -0.005, 0.001, True),
        ("possible", 0.995 - 1.0, 0.001, True),  # not -0.005 in its last bits
        ("possible", -0.0051, 0.001, False),
        ("possible", -0.009, -0.006, False),
        ("possible", 0.001, 0.01, True),
        # The check fails only if a larger drop is certain.
        ("certain", -0.05, -0.005, True),
        ("certain", -0.05, 0.995 - 1.0, True),
        ("certain", -0.05, -0.0051, False),
        ("certain", -0.05, 0.03, True),
    ],
)
def test_gate_uses_interval_when_max_drop_is_set(confidence, low, high, opens):
    measured = cell(delta_float_low=low, delta_float_high=high)
    requirement = {"max_drop": 0.5, "confidence": confidence}
    assert (failures(requirement, measured) == []) == opens


def test_gate_failure_has_interval_and_limit_when_drop_is_large():
    start = "net_s7/original/fiq_int8/litert: accuracy differs from float32 by -0.40 points "
    assert failures({"max_drop": 0.5}, cell()) == [
        f"{start}[-1.00, +0.20]; gates[0].max_drop requires at most 0.5 points below float32 "
        "over the whole 95 % interval"
    ]
    larger = cell(delta_float_low=-0.03, delta_float_high=-0.02)
    assert failures({"max_drop": 1, "confidence": "certain"}, larger) == [
        f"{start}[-3.00, -2.00]; gates[0].max_drop requires a 95 % interval not entirely more "
        "than 1 points below float32"
    ]


@pytest.mark.parametrize(
    ("groups", "delta", "reason"),
    [
        (1, 0.0, "all test samples are in one group"),
        (4, -0.004, "the difference is equal in all groups"),
        (4, 0.0, None),  # no group is less accurate than with float32
        (4, 0.3 - 0.1 - 0.2, None),
        (4, 0.01, None),  # a gain
        (None, 0.0, None),
    ],
)
def test_gate_fails_on_drop_when_interval_is_missing(groups, delta, reason):
    unsure = cell(n_groups=groups, delta_float=delta, delta_float_low=None, delta_float_high=None)
    messages = failures({"max_drop": 100}, unsure)
    assert len(messages) == (reason is not None)
    assert all(f" points, no interval: {reason}; " in text for text in messages)
    # Without an interval nothing is certain.
    assert failures({"max_drop": 0, "confidence": "certain"}, unsure) == []


@pytest.mark.parametrize(
    ("requirement", "missing", "said"),
    [
        (
            {"max_arena": 9},
            {"arena_bytes": None},
            "tensor arena is unknown",
        ),
        ({"max_latency_us": 9}, {"latency_us_median": None}, "median latency is unknown"),
        ({"exact": True}, {"tflm": None}, "no certificate"),
        ({"min_accuracy": 95}, {"accuracy_low": None}, "accuracy is 90.00 %"),
    ],
)
def test_gate_fails_when_value_is_missing(requirement, missing, said):
    (message,) = failures(requirement, cell(**missing))
    assert message.startswith(f"net_s7/original/fiq_int8/litert: {said}; gates[0].")


@pytest.mark.parametrize(
    ("requirement", "scheme"),
    [
        ({"max_drop": 0}, "float32"),
        ({"max_arena": 1}, "drq"),
        ({"max_arena": 1}, "akida_v2_w8a8"),
        ({"max_latency_us": 1e-3}, "akida_v2_w8a8"),
        ({"exact": True}, "float32"),
        ({"hardware": True}, "fiq_int8"),
    ],
)
def test_gate_skips_requirement_when_scheme_has_no_such_value(requirement, scheme):
    result = evaluate_gate([cell(scheme)], [entry(**requirement)])
    assert result.failures == []
    assert result.requirements[0].cells == 0


@pytest.mark.parametrize("scheme", ["akida_v1_w4a4", "akida_v2_w8a8"])
def test_gate_requires_exact_potentials_when_scheme_is_akida(scheme):
    assert failures({"exact": True}, cell(scheme)) == []
    differs = {"akida_potentials": "differs", "akida_potentials_equal": 0.75, "akida_worst": 3}
    messages = failures({"exact": True}, cell(scheme, **differs, akida_first_layer="conv_2"))
    assert messages[-1] == (
        f"net_s7/original/{scheme}/akida: the potentials of the simulator and of quantized Keras "
        "differ: 75.0000% are equal, the largest difference is 3, first at layer conv_2; "
        "gates[0].exact requires bit-exactness"
    )
    uncompared = failures({"exact": True}, cell(scheme, akida_potentials=None))
    assert "the simulator was not compared with quantized Keras; gates[0].exact" in uncompared[-1]


def test_gate_fails_when_a_layer_is_not_in_hardware():
    assert failures({"hardware": True}, cell("akida_v1_w4a4")) == []
    outside = cell("akida_v1_w4a4", akida_hardware=False, reason="dense does not fit")
    assert failures({"hardware": True}, outside) == [
        "net_s7/original/akida_v1_w4a4/akida: AKD1000 cannot run all layers in hardware (dense "
        "does not fit); gates[0].hardware requires all layers in hardware"
    ]


@pytest.mark.parametrize(
    "requirement",
    [
        {"max_drop": 100},
        {"min_accuracy": 0},
        {"max_size": 10**9},
        {"exact": True},
        {"hardware": True},
    ],
)
def test_gate_requirement_fails_when_cell_is_incompatible(requirement):
    names = {**NAMES, "scheme": "akida_v1_w4a4", "runtime": "akida"}
    row = {**names, "status": "incompatible", "reason": "conv_1: stride 4"}
    (failure,) = failures(requirement, row)
    cell_name = "net_s7/original/akida_v1_w4a4/akida"
    assert failure.startswith(f"{cell_name}: incompatible (conv_1: stride 4); gates[0].")
    assert evaluate_gate([row]).verdict == "pass"


def test_is_selected_is_true_when_gate_names_model_without_seed():
    assert is_selected(entry(models=["net"]), **NAMES)
    assert is_selected(entry(models=["net_s7"]), **NAMES)
    assert not is_selected(entry(models=["net_s8"]), **NAMES)


@pytest.mark.parametrize(
    ("key", "name", "other"),
    [
        ("variants", "original", "pruned"),
        ("schemes", "fiq_int8", "drq"),
        ("runtimes", "litert", "keras"),
    ],
)
def test_is_selected_is_true_only_when_gate_selects_the_cell(key, name, other):
    assert is_selected(entry(), **NAMES)
    assert is_selected(entry(**{key: [other, name]}), **NAMES)
    assert not is_selected(entry(**{key: [other]}), **NAMES)


def test_gate_result_counts_failures_when_gates_are_several():
    gates = [
        entry(max_size=65535, max_arena=30000),
        entry(models=["net"], schemes=["drq", "float32"], min_accuracy=90),
    ]
    result = evaluate_gate([cell("float32"), cell("drq"), cell()], gates)
    assert result.verdict == "fail"
    assert result.cells == 3
    assert len(result.failures) == 3
    size, arena = "64.0 KiB (65,535 bytes)", "29.3 KiB (30,000 bytes)"
    assert result.to_json()["requirements"] == [
        {
            "gate": "gates[0].max_size",
            "text": f"file size at most {size} (all cells)",
            "cells": 3,
            "failed": 3,
        },
        {
            "gate": "gates[0].max_arena",
            "text": f"tensor arena at most {arena} (all cells)",
            "cells": 1,
            "failed": 0,
        },
        {
            "gate": "gates[1].min_accuracy",
            "text": "accuracy at least 90 % (models net; schemes drq, float32)",
            "cells": 2,
            "failed": 0,
        },
    ]


@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 1), (65536, 65536), ("65536 B", 65536), ("64 KiB", 65536), ("2MiB", 2 * 1024**2)],
)
def test_parse_size_returns_bytes_when_unit_is_known(size, count):
    assert parse_size(size) == count


@pytest.mark.parametrize(
    "size",
    [
        0,
        -1,
        "0 KiB",
        "-1 KiB",
        "64",
        "64 kB",
        "64 KB",
        "1.5 KiB",
        "64  KiB",
        "KiB",
        "",
        "\uff16 KiB",
    ],
)
def test_parse_size_fails_when_text_is_not_a_size(size):
    with pytest.raises(InputError, match=r"is not a size; allowed: bytes, .*B, KiB, MiB"):
        parse_size(size)
