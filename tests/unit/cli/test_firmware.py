"""Tests of `snugnet export --to firmware` and `snugnet emulate`."""

import json
import shutil

import numpy as np
import pytest

from snugnet.firmware.emulator import EMULATOR
from snugnet.firmware.toolchain import COMPILER
from tests.tflite_files import Tensor, single

needs_toolchain = pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None,
    reason="not installed: gcc-arm-none-eabi qemu-system-arm",
)


def test_export_writes_folder_when_output_is_not_named(command_json, model, x, tmp_path):
    path = shutil.copy(model, tmp_path / "ecg.tflite")
    np.savez(tmp_path / "data.npz", x=x)
    code, result = command_json("export", path, "--to", "firmware", "--data", tmp_path / "data.npz")
    assert code == 0
    folder = tmp_path / "ecg_firmware"
    assert result["folder"] == str(folder)
    assert (folder / "model.c").stat().st_size == result["written"][str(folder / "model.c")]
    assert result["arena_bytes"] > 0
    assert result["footprints"] == []
    # The output exists now.
    code, result = command_json("export", path, "--to", "firmware")
    assert code == 2
    assert "the file exists" in result["error"]


@pytest.mark.parametrize("name", ["GNUmakefile", "string.h", "qemu"])
def test_export_fails_when_folder_has_other_files(command_json, model, tmp_path, name):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / ".gitignore").write_text("*.o\n")  # hidden files are no part of a build
    other = folder / name
    other.mkdir() if name == "qemu" else other.write_text("precious\n")
    code, result = command_json("export", model, "--to", "firmware", "--output", folder)
    assert code == 2
    assert f"a build could use its files, such as {name}" in result["error"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([".gitignore", name])
    options = ("--to", "firmware", "--output", folder, "--force")
    assert command_json("export", model, *options)[0] == 0
    assert name == "qemu" or other.read_text() == "precious\n"


def test_export_takes_names_when_options_have_them(command_json, model, tmp_path):
    output = tmp_path / "net"
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"scaling": {"kind": "minmax", "low": [0.0], "high": [4.0]}}))
    options = ("--to", "firmware", "--output", output, "--name", "ecg", "--record", record)
    assert command_json("export", model, *options, "--profile", "litert_ref")[0] == 0
    header = (output / "ecg.h").read_text()
    assert "LiteRT's reference kernels" in header
    assert "#define ECG_RAW_HIGH 4.0" in header


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "firmware", "--name", "int"), "--name int: not usable"),
        (("--to", "firmware", "--target", "cortex-m9"), "unknown target 'cortex-m9'. Known"),
        (("--to", "firmware", "--labels", "a"), "--labels: 1 names, but the output has"),
        (("--to", "firmware", "--record", "missing.json"), "missing.json: No such file"),
        (("--to", "c", "--name", "ecg"), "--name: only with --to firmware, not with --to c"),
        (("--to", "npz", "--target", "cortex-m4"), "--target: only with --to firmware"),
    ],
)
def test_export_fails_when_option_is_wrong(command_json, model, tmp_path, options, message):
    code, result = command_json("export", model, "--output", tmp_path / "net", *options)
    assert code == 2
    assert message in result["error"]
    assert not (tmp_path / "net").exists()


@needs_toolchain
def test_emulate_prints_costs_when_tools_are_installed(command_json, model, x, tmp_path):
    np.savez(tmp_path / "data.npz", x=x)
    options = ("--target", "cortex-m4", "--target", "cortex-m0", "--data", tmp_path / "data.npz")
    code, result = command_json("emulate", model, *options, "--samples", 2)
    assert code == 0
    assert result["exact"]
    first, second = result["footprints"]
    assert (first["target"], second["target"]) == ("cortex-m4", "cortex-m0")
    assert first["samples"] == 2
    assert first["flash_bytes"] == first["code_bytes"] + first["constant_bytes"]
    assert second["instructions"] > first["instructions"] > 1000


def test_emulate_fails_when_file_computes_in_float(command_json, tmp_path, monkeypatch):
    path = tmp_path / "float.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    code, result = command_json("emulate", path)
    assert code == 2
    assert "is not a full-integer file" in result["error"]
