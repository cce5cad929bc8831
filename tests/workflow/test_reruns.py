"""Tests of the table in docs/reference/reruns.md: which jobs run again after an edit."""

import shutil
from collections import Counter

import pytest

from tests.paths import ROOT

DRAWN = {"write_report": 1, "draw_figures": 1}
REPORT = {"tabulate": 1, "evaluate_gate": 1, **DRAWN, "gate": 1}


def cells(
    count: int,
    integer: int,
    qat: int = 0,
    float_io: int = 0,
    traced: int = 0,
    debugged: int = 0,
    swept: int = 0,
    networks: int = 0,
    implicit: int = 0,
) -> dict[str, int]:
    """Return the number of jobs of each rule for a number of cells.

    Args:
        count: Number of cells.
        integer: Number of full-integer cells.
        qat: Number of cells that are converted with trained quantizers.
        float_io: Number of full-integer cells with float inputs. Their inputs cannot be converted
            wrongly, so no mistakes are measured.
        traced: Number of fiq_int8 cells.
        debugged: Number of fiq_int8 cells with PTQ.
        swept: Number of fiq_int8 cells with a sensitivity sweep of the layers.
        networks: Number of int8 networks, each of one or several of the full-integer cells.
        implicit: Number of files without a cell from which other files are derived, without QAT.
    """
    # The QAT cells are fiq_int8. Each is derived from a file without a cell.
    jobs = {
        "convert_tflite": count - qat + implicit,
        "predict_litert": count,
        "score_litert": count,
    }
    jobs |= {"verify": integer, "convert_qat": 2 * qat, "measure_mistakes": integer - float_io}
    jobs |= {"verify_network": networks}
    jobs |= {"trace_layers": traced, "debug_layers": debugged, "sweep_layers": swept}
    return {rule: n for rule, n in jobs.items() if n}


# The tiny study has 24 cells of four models. Five schemes: digits_fc/original and
# smartwatch_lean/original. Two: bspc_lean, ecg_binary, digits_fc/sparse and its QAT, and
# smartwatch_lean/pruned, lowrank and its QAT. Of each QAT one cell is of the trained quantizers.
# Of all cells 13 are full-integer, two of them with float inputs, and eight fiq_int8. The default
# study has the layers of smartwatch_lean/original swept.
DIGITS = {
    "compress": 1,
    "train_quantized": 1,
    **cells(9, 5, 1, 1, traced=3, debugged=2, networks=3, implicit=1),
}
WATCH = {
    "compress": 2,
    "train_quantized": 1,
    **cells(11, 6, 1, 1, traced=4, debugged=3, swept=1, networks=4, implicit=2),
}
ALL = cells(24, 13, qat=2, float_io=2, traced=8, debugged=6, swept=1, networks=9, implicit=6)


def rerun(tiny, file: str, old: str, new: str) -> dict[str, int]:
    with tiny.edited(file, old, new):
        return tiny.plan()


def test_plan_has_model_jobs_when_epochs_change(tiny):
    old = "  digits_fc:\n    training:\n      epochs: 6"
    new = old.replace("6", "7")
    assert rerun(tiny, "config/tiny.yaml", old, new) == {"train": 1, **DIGITS, **REPORT}


def test_plan_has_cells_of_scheme_when_scheme_setting_changes(tiny):
    old, new = "results_dir: results/tiny\n", "results_dir: results/tiny\nschemes:\n"
    new += "  fiq_int8:\n    calibration_samples: 20\n"
    # Six cells have a fiq_int8 that is calibrated; two of QAT are compared with such a one.
    again = cells(6, 6, traced=6, debugged=6, swept=1)
    # The five others no longer share a network with a fiq_int8 file: they are certified alone.
    expected = {**again, "verify": 11, "score_litert": 13, **REPORT}
    assert rerun(tiny, "config/tiny.yaml", old, new) == expected


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("models/architectures/fc.py", 'activation="relu"', 'activation="relu6"'),
        ("core/settings/architectures/fc.py", '"Units of each layer."', '"Units."'),
    ],
)
def test_plan_has_model_jobs_when_architecture_changes(tiny, file, old, new):
    expected = {"train": 1, **DIGITS, **REPORT}
    assert rerun(tiny, f"src/snugnet/{file}", old, new) == expected


def test_plan_has_jobs_of_dataset_when_loader_changes(tiny):
    old, new = "GRAVITY = 9.81", "GRAVITY = 9.80"
    data = {"prepare_dataset": 1, "draw_calibration": 1}
    expected = {**data, "train": 1, **WATCH, **REPORT}
    assert rerun(tiny, "src/snugnet/datasets/synthetic_imu.py", old, new) == expected


def test_plan_has_scores_when_statistics_module_changes(tiny):
    """Statistics are used by scoring and, for Holm's correction, by the table."""
    old, new = "EXACT_GROUPS = 14", "EXACT_GROUPS = 13"
    expected = {"score_litert": 24, "measure_mistakes": 11, "sweep_layers": 1, **REPORT}
    assert rerun(tiny, "src/snugnet/evaluation/statistics.py", old, new) == expected


def test_plan_has_no_training_when_conversion_module_changes(tiny):
    old, new = 'name="input"', 'name="inputs"'
    expected = {**ALL, **REPORT}
    assert rerun(tiny, "src/snugnet/tflite/convert.py", old, new) == expected


def test_plan_has_jobs_of_script_when_script_changes(tiny):
    old, new = "rows = join_rows(", "rows = [] + join_rows("
    expected = {"tabulate": 1, **DRAWN, "gate": 1}
    assert rerun(tiny, "workflow/scripts/tabulate.py", old, new) == expected


@pytest.mark.parametrize("file", ["index.html.j2", "style.css", "page.js"])
def test_plan_has_only_report_when_template_changes(tiny, file):
    """Only the page is written again, and judged."""
    with (tiny.folder / "workflow/report" / file).open("a") as template:
        template.write("\n")
    try:
        assert tiny.plan() == {"write_report": 1, "gate": 1}
    finally:
        shutil.copy(ROOT / "workflow/report" / file, tiny.folder / "workflow/report" / file)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "src/snugnet/jobs/run.py",
            "    with log_output(",
            "    # a comment\n    with log_output(",
        ),
        ("src/snugnet/models/architectures/fc.py", '"""A fully', '"""Another docstring: a fully'),
        ("workflow/scripts/train.py", '"""Train', '"""Really train'),
        ("config.yaml", "seed: 1", "seed: 1 # a comment"),
    ],
)
def test_plan_is_empty_when_comment_or_docstring_changes(tiny, file, old, new):
    assert rerun(tiny, file, old, new) == {}


def test_plan_is_empty_when_key_order_changes(tiny):
    old = "    subjects: 50\n    windows: 5\n"
    new = "    windows: 5\n    subjects: 50\n"
    assert rerun(tiny, "config/tiny.yaml", old, new) == {}


def test_plan_is_empty_when_default_is_written_out(tiny):
    old = "  digits_fc:\n    training:\n"
    new = "  digits_fc:\n    dense: [128, 64]\n    training:\n"
    assert rerun(tiny, "config/tiny.yaml", old, new) == {}


def test_plan_is_empty_when_files_are_touched(tiny):
    for path in (tiny.folder / "src").rglob("*.py"):
        path.touch()
    for path in (tiny.folder / "workflow").rglob("*.*"):
        path.touch()
    assert tiny.plan() == {}


def test_plan_has_one_cell_when_cell_is_added(tiny):
    old = "schemes: [float32, fiq_uint8]"
    new = "schemes: [float32, fiq_uint8, drq]"
    assert rerun(tiny, "config/tiny.yaml", old, new) == {**cells(1, 0), **REPORT}


def test_plan_has_only_report_when_cell_is_removed(tiny):
    old, new = "schemes: [float32, fiq_uint8]", "schemes: [float32]"
    assert rerun(tiny, "config/tiny.yaml", old, new) == REPORT


def test_plan_has_only_gate_jobs_when_gates_are_added(tiny):
    old, new = "calibration:", "gates:\n  - max_size: 64 KiB\n\ncalibration:"
    expected = {"evaluate_gate": 1, "write_report": 1, "gate": 1}
    assert rerun(tiny, "config/tiny.yaml", old, new) == expected


def test_plan_has_calibrated_cells_when_calibration_size_changes(tiny):
    old, new = "calibration:\n  samples: 40", "calibration:\n  samples: 41"
    # Eleven cells are calibrated, and two of QAT are compared with one of these.
    again = cells(11, 11, float_io=2, traced=6, debugged=6, swept=1, networks=7, implicit=6)
    expected = {"draw_calibration": 4, **again, "score_litert": 13, **REPORT}
    assert rerun(tiny, "config/tiny.yaml", old, new) == expected


def test_plan_has_all_jobs_when_seed_changes(tiny):
    models = {"train": 4, "compress": 3, "train_quantized": 2}
    data = {"prepare_dataset": 4, "draw_calibration": 4}
    everything = {**data, **models, **ALL, **REPORT}
    assert rerun(tiny, "config.yaml", "seed: 1", "seed: 2") == everything


def test_plan_has_predictions_when_latency_runs_change(tiny):
    old, new = "latency_runs: 50", "latency_runs: 60"
    expected = {"predict_litert": 24, "verify": 13, "score_litert": 24, "measure_mistakes": 11}
    expected |= REPORT
    assert rerun(tiny, "config/tiny.yaml", old, new) == expected


def test_plan_has_verification_when_engine_operator_changes(tiny):
    """No model is converted again, since the engine has no part in it."""
    old, new = "lowest = limits(node.output)[0]", "lowest = limits(node.output)[0] + 0"
    expected = {"verify_network": 9, "verify": 13, "trace_layers": 8}
    expected |= {"score_litert": 13, **REPORT}
    assert rerun(tiny, "src/snugnet/int8/ops/max_pool_2d.py", old, new) == expected


def test_plan_has_verification_when_traced_samples_change(tiny):
    old, new = "calibration:", "verification:\n  traced_samples: 32\n\ncalibration:"
    expected = {"verify_network": 9, "verify": 13, "trace_layers": 8}
    expected |= {"score_litert": 13, **REPORT}
    assert rerun(tiny, "config/tiny.yaml", old, new) == expected


def test_plan_has_jobs_of_variant_when_its_setting_changes(tiny):
    """Its parent stays, although the request was checked before it was trained."""
    expected = {
        "compress": 1,
        "train_quantized": 1,
        **cells(4, 2, qat=1, traced=2, debugged=1, networks=2, implicit=1),
    }
    old, new = "target: 0.65", "target: 0.6"
    assert rerun(tiny, "config.yaml", old, new) == {**expected, **REPORT}


def test_plan_has_jobs_of_variant_when_model_changes_it(tiny):
    expected = {
        "compress": 1,
        "train_quantized": 1,
        **cells(4, 2, qat=1, traced=2, debugged=1, networks=2, implicit=1),
    }
    old, new = "dense: {method: svd, rank: 0.4}", "dense: {method: svd, rank: 0.5}"
    assert rerun(tiny, "config.yaml", old, new) == {**expected, **REPORT}


def test_plan_has_jobs_of_method_when_method_module_changes(tiny):
    """Only `sparse` and its QAT are made with it."""
    expected = {
        "compress": 1,
        "train_quantized": 1,
        **cells(4, 2, qat=1, traced=2, debugged=1, networks=2, implicit=1),
        **REPORT,
    }
    old, new = "* size - 1)", "* size - 2)"
    assert rerun(tiny, "src/snugnet/compress/pruning/magnitude.py", old, new) == expected


def test_plan_has_jobs_of_one_model_when_architecture_changes(tiny):
    with tiny.edited("src/snugnet/models/architectures/fc.py", 'name="fc"', 'name="dense"'):
        jobs = tiny.planned()
    assert jobs
    models = Counter(wildcards.split(",")[0] for rule, wildcards in jobs if wildcards)
    assert set(models) == {"model=digits_fc"}


def test_plan_is_empty_when_snakemake_folder_is_removed(tiny):
    """The record of what was made from what lives with the results, as in a container's volume."""
    folder, aside = tiny.folder / ".snakemake", tiny.folder / "aside"
    folder.rename(aside)
    try:
        old = "  digits_fc:\n    training:\n      epochs: 6"
        assert tiny.plan() == {}
        assert rerun(tiny, "config/tiny.yaml", old, old.replace("6", "7"))["train"] == 1
    finally:
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
