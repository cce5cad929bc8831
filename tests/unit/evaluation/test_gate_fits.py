"""Tests of the requirement that one cell of each dataset fits a microcontroller."""

import pytest

from snugnet.config.job_settings import JobSettings
from snugnet.config.study import Study
from snugnet.core.settings.gate import MeasurableFits, MeasurableGate
from snugnet.evaluation.gate_checks import evaluate_gate
from snugnet.evaluation.gate_fits import describe_fits, find_misfits, list_excesses
from tests.unit.config.test_study import changed

LIMITS = MeasurableFits(
    target="cortex-m4", flash=64 << 10, ram=16 << 10, instructions=5_000_000, accuracy_drop=1.0
)


def row(model="m", dataset="digits", **changes):
    return {
        "model": model,
        "family": model,
        "variant": "original",
        "scheme": "fiq_int8",
        "runtime": "litert",
        "dataset": dataset,
        "status": "ok",
        "has_errors": False,
        "litert_ref": "exact",
        "tflm": "exact",
        "verification": None,
        "delta_float": -0.005,
        "flash_bytes_cortex_m4": 60_000,
        "ram_bytes_cortex_m4": 10_000,
        "instructions_cortex_m4": 1_000_000,
        **changes,
    }


def test_cell_fits_when_all_figures_are_within_limits():
    assert list_excesses(row(), LIMITS) == []
    assert list(find_misfits([row()], LIMITS)) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flash_bytes_cortex_m4": 65_537}, "flash 64.0 KiB"),
        ({"ram_bytes_cortex_m4": 20_480}, "RAM 20.0 KiB"),
        ({"instructions_cortex_m4": 5_000_001}, "instructions 5,000,001"),
        ({"delta_float": -0.0101}, "accuracy differs from float32 by -1.01 points"),
        ({"flash_bytes_cortex_m4": None}, "flash not measured"),
        ({"status": "incompatible"}, "status incompatible"),
    ],
)
def test_cell_does_not_fit_when_one_figure_is_beyond_its_limit(changes, text):
    assert [excess.text for excess in list_excesses(row(**changes), LIMITS)] == [text]


def test_cell_fits_when_figures_are_exactly_the_limits():
    figures = {
        "flash_bytes_cortex_m4": 64 << 10,
        "ram_bytes_cortex_m4": 16 << 10,
        "instructions_cortex_m4": 5_000_000,
        "delta_float": -0.01,
    }
    assert list_excesses(row(**figures), LIMITS) == []


def test_dataset_passes_when_one_of_its_cells_fits():
    cells = [row("large", flash_bytes_cortex_m4=1 << 20), row("small")]
    assert list(find_misfits(cells, LIMITS)) == []


def test_dataset_fails_with_nearest_cell_when_no_cell_fits():
    cells = [
        row("far", flash_bytes_cortex_m4=1 << 20),
        row("near", flash_bytes_cortex_m4=70 << 10, ram_bytes_cortex_m4=18 << 10),
        row("other", dataset="ecg"),
    ]
    assert list(find_misfits(cells, LIMITS)) == [
        "digits: no cell fits cortex-m4; the nearest is near/original/fiq_int8/litert: "
        "flash 70.0 KiB; RAM 18.0 KiB"
    ]


def test_drop_is_ignored_when_task_has_no_classes():
    assert list_excesses(row(delta_float=-3.0, has_errors=True), LIMITS) == []


def test_gate_has_one_check_when_entry_has_fits():
    gate = MeasurableGate(fits=LIMITS, interval=0.95)
    result = evaluate_gate([row("large", flash_bytes_cortex_m4=1 << 20)], [gate])
    (check,) = result.requirements
    assert (check.gate, check.cells, check.failed) == ("gates[0].fits", 1, 1)
    assert check.text.startswith(describe_fits(LIMITS))
    (failure,) = result.failures
    assert failure.startswith("digits: no cell fits cortex-m4; the nearest is large/")
    assert failure.endswith(
        "gates[0].fits requires one cell of each dataset fits cortex-m4: flash at most 64.0 KiB, "
        "RAM at most 16.0 KiB, instructions at most 5,000,000, accuracy drop at most 1 points"
    )


def test_gate_settings_are_bytes_when_limits_have_units():
    fits = {"target": "cortex-m4", "flash": "64k", "ram": "16 KiB", "instructions": "5M"}
    config = changed("gates", [{"fits": fits}])
    config["firmware"] = {"targets": ["cortex-m4"]}
    study = Study(config)
    (entry,) = JobSettings(study.config, study.cells).collect(["gates"], {})["gates"]
    assert MeasurableGate.from_block(entry).fits == MeasurableFits(
        target="cortex-m4", flash=65536, ram=16384, instructions=5_000_000
    )


@pytest.mark.parametrize(
    ("fits", "message"),
    [
        ({"target": "cortex-m4"}, "fits: has no limit; set at least one of flash"),
        ({"target": "cortex-m0", "flash": "64k"}, "cortex-m0 is not measured; add it to firmware"),
        ({"target": "cortex-m4", "flash": "64 GB"}, "fits.flash: '64 GB' is not a size"),
        ({"target": "cortex-m4", "ram": 0}, "fits.ram: 0 is not a size"),
        ({"target": "cortex-m4", "instructions": "5 KiB"}, "'5 KiB' is not a number of instr"),
        ({"target": "cortex-m9", "flash": "64k"}, "cortex-m9"),
    ],
)
def test_study_fails_when_limits_are_wrong(fits, message):
    config = changed("gates", [{"fits": fits}])
    config["firmware"] = {"targets": ["cortex-m4"]}
    with pytest.raises(ValueError, match=message):
        Study(config)
