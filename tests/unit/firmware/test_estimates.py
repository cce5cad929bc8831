"""Tests of the estimates of flash, RAM and instructions."""

import shutil

import snugnet as sn
from snugnet.firmware import estimates
from snugnet.firmware.estimates import (
    LinearModel,
    count_code,
    count_work,
    estimate_footprint,
    estimate_footprints,
    load_table,
)
from snugnet.firmware.program import make_program
from snugnet.firmware.source import count_constants
from snugnet.firmware.targets import TARGETS
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.tflite_files import Tensor, constant, single
from tests.unit.int8 import models


def make(file):
    return make_program(Model(parse_graph(file, "file"), "tflm"))


DENSE = single(
    "FULLY_CONNECTED",
    [
        Tensor((3, 10), "int8", 0.1),
        constant([[1] * 10] * 5, "int8", scale=0.1),
        constant([0] * 5, "int32", scale=0.01),
    ],
    [Tensor((3, 5), "int8", 0.1)],
    {"kind": "FullyConnectedOptions"},
)


def test_table_has_all_targets_when_it_is_read():
    table = load_table()
    assert set(table) == set(TARGETS)
    for model in table.values():
        assert 0 < model.flash_error < 0.2
        assert 0 < model.instructions_error < 1
        assert 0 < model.stack < 2000


def test_count_work_counts_words_when_depth_is_ten():
    work = count_work(make(DENSE))
    assert work == {
        "conv calls": 1,
        "conv outputs": 15,
        "conv windows": 3,
        "conv macs": 150,
        "conv words": 45,
        "conv vectors": 15,
        "conv gathered": 0,
    }


def test_count_code_counts_kernel_once_when_two_steps_use_it():
    code = count_code(make(models.network()))
    assert code["kernel snugnet_conv.h"] == 1
    assert code["steps"] > 2
    assert code["base"] == 1


def test_estimate_is_linear_when_table_has_all_kinds(monkeypatch):
    program = make(DENSE)
    work = dict.fromkeys(count_work(program), 0.0) | {"conv macs": 2.0, "conv calls": 7.0}
    code = dict.fromkeys(count_code(program), 100.0)
    model = LinearModel(work, code, stack=50, instructions_error=0.1, flash_error=0.01)
    monkeypatch.setattr(estimates, "load_table", lambda: {"cortex-m4": model})
    estimate = estimate_footprint(program, "cortex-m4")
    assert estimate is not None
    assert estimate.instructions == 307
    assert estimate.flash_bytes == 100 * len(code) + count_constants(program)
    assert estimate.ram_bytes == program.arena + 50
    assert (estimate.instructions_error, estimate.flash_error) == (0.1, 0.01)


def test_estimate_is_none_when_target_or_kernel_is_unknown(monkeypatch):
    program = make(DENSE)
    assert estimate_footprint(program, "cortex-m7") is None
    assert estimate_footprints(program, ["cortex-m7"]) == ()
    model = LinearModel({"conv calls": 1.0}, {"base": 1.0}, 1, 0.1, 0.1)
    monkeypatch.setattr(estimates, "load_table", lambda: {"cortex-m4": model})
    assert estimate_footprint(program, "cortex-m4") is None


def test_readme_has_estimates_when_no_target_is_measured(tmp_path, monkeypatch):
    path = tmp_path / "network.tflite"
    path.write_bytes(models.network())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    report = sn.export_firmware(path, tmp_path / "net")
    assert {estimate.target for estimate in report.estimates} == set(TARGETS)
    readme = (tmp_path / "net" / "README.md").read_text()
    assert "| cortex-m4 | ≈ " in readme
    assert "Estimated from other models" in readme
