"""Tests of the table of results and of the checks of the gate."""

import io

import pandas as pd

from snugnet.evaluation.gate_checks import evaluate_gate
from snugnet.evaluation.table import (
    COLUMNS,
    build_results_table,
    choose_arrow,
    format_table_markdown,
)


def row(scheme: str, **changes) -> dict:
    values = {
        "model": "m",
        "dataset": "synthetic_x",
        "task": "multiclass",
        "variant": "original",
        "parent": None,
        "scheme": scheme,
        "runtime": "litert",
        "status": "ok",
        "reason": None,
        "n": 100,
        "accuracy": 0.9,
        "accuracy_low": 0.8,
        "accuracy_high": 0.95,
        "delta_float": 0.0,
        "p_float": 1.0,
        "n_groups": 5,
        "size_bytes": 2048,
        "latency_us_median": 12.5,
        "f1": 0.87654,
        "auc_macro": 0.98765,
        "auc_low": 0.97,
        "auc_high": 0.99,
    }
    return {**values, **changes}


def table() -> pd.DataFrame:
    return build_results_table(
        [
            row("float32"),
            row("drq", p_float=0.02, delta_float=-0.05),
            row("fiq_int8", p_float=0.03, delta_float=-0.05),
            row("fiq_uint8", p_float=0.001, delta_float=-0.05),
            row("fiq_float32", p_float=0.001, delta_float=0.05),
        ]
    )


def arrows_of(frame: pd.DataFrame) -> dict[str, str]:
    return {
        r["scheme"]: choose_arrow(r["delta_float"], r["p_holm"]) for r in frame.to_dict("records")
    }


def test_results_table_has_all_columns_when_rows_have_only_some():
    frame = table()
    assert list(frame.columns) == COLUMNS
    assert frame["scheme"].tolist()[0] == "float32"


def test_holm_adjustment_excludes_row_when_scheme_is_float32():
    frame = table().set_index("scheme")
    # Sorted: .001, .001, .02, .03 times 4, 3, 2, 1, never falling.
    assert frame["p_holm"]["fiq_uint8"] == 0.004
    assert frame["p_holm"]["fiq_float32"] == 0.004
    assert frame["p_holm"]["drq"] == 0.04
    assert frame["p_holm"]["fiq_int8"] == 0.04
    assert pd.isna(frame["p_holm"]["float32"])
    assert pd.isna(frame["p_float"]["float32"])


def test_holm_adjustment_is_separate_when_models_differ():
    frame = build_results_table([row("drq", p_float=0.03), row("drq", model="other", p_float=0.04)])
    assert frame["p_holm"].tolist() == [0.03, 0.04]


def test_arrow_is_tilde_when_adjusted_p_is_large():
    """0.03 alone would be called a loss; among four tests it is not one."""
    cases = {"float32": 1.0, "drq": 0.03, "fiq_int8": 0.5, "fiq_uint8": 0.9, "fiq_float32": 0.9}
    frame = build_results_table(
        [row(name, p_float=p, delta_float=-0.05) for name, p in cases.items()]
    )
    arrows = arrows_of(frame)
    assert arrows == {
        **dict.fromkeys(("drq", "fiq_int8", "fiq_uint8", "fiq_float32"), "~"),
        "float32": "",
    }


def test_arrow_points_down_or_up_when_adjusted_p_is_small():
    arrows = arrows_of(table())
    assert arrows["fiq_uint8"] == "↓"
    assert arrows["fiq_float32"] == "↑"


def test_results_csv_has_empty_cells_when_value_is_unknown():
    incompatible = row("drq", status="incompatible", reason="layer x", n=0)
    incompatible |= dict.fromkeys(("accuracy", "accuracy_low", "p_float", "n_groups", "size_bytes"))
    text = build_results_table([row("float32"), incompatible]).to_csv(index=False)
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    assert read["hamming_loss"].tolist() == ["", ""]
    assert read["accuracy"].tolist() == ["0.9", ""]
    assert read["n"].tolist() == ["100", "0"]
    assert read["size_bytes"].tolist() == ["2048", ""]


def test_markdown_has_variants_as_columns_when_there_are_two():
    rows = [row("float32"), row("drq"), row("float32", variant="pruned", accuracy=0.85)]
    rows.append(row("drq", variant="pruned", status="incompatible", reason="layer x"))
    page = format_table_markdown(build_results_table(rows), 0.95)
    lines = [[part.strip() for part in line.split("|")[1:-1]] for line in page.splitlines()]
    assert ["scheme", "original", "pruned"] in lines
    assert ["float32", "90.00 % [80.00, 95.00]", "85.00 % [80.00, 95.00]"] in lines
    assert ["drq", "90.00 % ~ [80.00, 95.00]", "incompatible: layer x"] in lines
    assert "0.8765 | 0.9877 [0.9700, 0.9900]" in " ".join(page.split())
    assert "synthetic_x (multiclass), 100 test samples of 5 groups" in page


def test_table_compares_with_parent_when_parent_is_known():
    rows = [
        row("fiq_int8", variant=name, delta_parent=delta, p_parent=p)
        for name, delta, p in (("original", None, None), ("a", -0.02, 0.001), ("b", 0.01, 0.03))
    ]
    frame = build_results_table(rows)
    assert frame["p_parent_holm"].tolist()[1:] == [0.002, 0.03]
    page = " ".join(format_table_markdown(frame, 0.95).split())
    assert "Δ vs parent [points]" in page
    assert "| -2.00 ↓ |" in page
    assert "| +1.00 ↑ |" in page
    assert (
        "Δ vs parent [points]"
        not in format_table_markdown(build_results_table(rows[:1]), 0.95).split("##", 1)[1]
    )


def test_results_table_is_empty_when_there_are_no_rows():
    frame = build_results_table([])
    assert list(frame.columns) == COLUMNS
    page = format_table_markdown(frame, 0.95)
    assert page.startswith("# Results")
    assert "Intervals are not corrected for the number of tests; ~ is." in page


def test_gate_names_cell_and_finding_when_contract_fails():
    names = {"variant": "original", "scheme": "drq", "runtime": "litert"}
    wrong = ["input is float32 instead of int8"]
    cells = [
        {"model": "a", **names, "contract_findings": [], "status": "ok"},
        {"model": "b", **names, "contract_findings": wrong, "status": "ok"},
        {"model": "c", **names, "status": "incompatible"},
    ]
    gate = evaluate_gate(cells)
    assert gate.to_json() == {
        "verdict": "fail",
        "cells": 3,
        "failures": ["b/original/drq/litert: input is float32 instead of int8"],
        "requirements": [],
        "fits": [],
    }
    assert evaluate_gate(cells[:1]).verdict == "pass"


def test_gate_fails_when_file_has_fewer_zeros_than_model():
    kept = {"model_zeros": 0.65, "file_zeros": 0.66, "status": "ok"}
    cells = [
        {
            "model": name,
            "variant": "sparse",
            "scheme": "drq",
            "runtime": "litert",
            **kept,
            "file_zeros": zeros,
        }
        for name, zeros in (("a", 0.66), ("b", 0.646), ("c", 0.2), ("d", None))
    ]
    assert evaluate_gate(cells).failures == [
        "c/sparse/drq/litert: the fraction of zero weights is 0.650 in the model, but 0.200 in "
        "the file"
    ]


def test_markdown_has_cost_of_step_when_a_scheme_precedes():
    frame = build_results_table(
        [
            row("float32"),
            row("drq", delta_step=-0.001, p_step=0.9),
            row("fiq_float32", delta_step=-0.04, p_step=0.001),
            row("fiq_int8", delta_step=0.02, p_step=0.001),
        ]
    )
    text = format_table_markdown(frame, 0.95)
    heading = "| Δ vs previous quantization step [points]   | weights (drq)   |"
    assert f"{heading} activations (fiq_float32)   |" in text
    line = next(line for line in text.splitlines() if "-4.00 ↓" in line)
    assert line.split("|")[2:5] == [
        " -0.10 ~         ",
        " -4.00 ↓                     ",
        " +2.00 ↑                       ",
    ]


def test_markdown_has_no_steps_when_no_scheme_precedes():
    assert "previous quantization step [" not in format_table_markdown(table(), 0.95)
