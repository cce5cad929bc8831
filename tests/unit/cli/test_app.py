"""Tests of the exit codes and messages of the command line."""

import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys

import pytest

from snugnet import __version__
from snugnet.cli import app, main
from snugnet.core import installation
from snugnet.core.errors import InputError
from snugnet.core.extras import EXTRAS, LIBRARIES, missing
from tests.unit.cli import foreign_models


def test_help_lists_all_commands_when_none_is_named(command):
    for arguments in ((), ("--help",)):
        code, output, _ = command(*arguments)
        assert code == 0
        for name in ("inspect", "run", "verify", "explain", "export", "quantize", "akida"):
            assert name in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspekt",), "No such command 'inspekt'"),
        (("inspect",), "Missing argument"),
        (("inspect", "--fast"), "No such option: --fast"),
        (("inspect", "none.tflite"), "none.tflite: No such file or directory"),
        (("inspect", "none.onnx"), "the file name must end in .tflite, .npz, .json"),
        (("akida",), "Missing command"),
        (
            ("quantize", "--model", "m.h5", "--output", "q.tflite", "--scheme", "int8"),
            "snugnet: Invalid value for '--scheme': 'int8' is not one of 'float32', 'drq', "
            "'fiq_float32', 'fiq_int8', 'fiq_uint8', 'float16', 'int16x8'. Did you mean "
            "'fiq_int8'?\n",
        ),
        (
            ("export", "m.tflite", "--to", "zip"),
            "snugnet: Invalid value for '--to': 'zip' is not one of 'c', 'firmware', 'npz', "
            "'json'.\n",
        ),
        (("akida", "check", "m.h5", "--scheme", "int4"), "akida_v1_w4a4"),
        (
            ("akida", "check", "m.h5", "--scheme", "akida_v1_w4a4", "--device", "X"),
            "--device X: unknown device",
        ),
    ],
)
def test_command_exits_2_when_request_is_wrong(command, arguments, message):
    code, output, complaint = command(*arguments)
    assert code == 2
    assert output == ""
    assert message in complaint


def test_command_prints_error_as_json_when_json_is_set(command_json):
    code, result = command_json("inspect", "none.tflite")
    assert code == 2
    assert result == {"error": "none.tflite: No such file or directory. Check the path."}


def test_command_exits_1_with_one_sentence_when_code_has_a_bug(command, model, monkeypatch):
    monkeypatch.setattr(app.inspect, "describe", lambda path: 1 // 0)
    code, _, complaint = command("inspect", model)
    assert code == 1
    assert "ZeroDivisionError" in complaint
    monkeypatch.setenv("SNUGNET_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        command("inspect", model)


@pytest.mark.parametrize("package", EXTRAS)
def test_missing_names_extra_when_package_is_not_installed(package):
    message = missing(ModuleNotFoundError(f"No module named '{package}.x'", name=f"{package}.x"))
    extra = EXTRAS[package]
    assert message == (
        f"package {package} is not installed. "
        f"Run: pip install 'snugnet[{extra}]' (in a clone: pip install '.[{extra}]')"
    )


@pytest.mark.parametrize("package", EXTRAS)
def test_missing_names_python_when_library_has_no_build_for_it(package, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    message = missing(ModuleNotFoundError(name=f"{package}.x"))
    if package in LIBRARIES:
        reason = "has no build for Python 3.13; use Python 3.11 or 3.12"
        assert message == f"{LIBRARIES[package]} {reason}"
    else:
        assert "pip install" in message


def test_check_python_fails_when_tensorflow_has_no_build(monkeypatch):
    installation.check_python()
    monkeypatch.setattr(sys, "version_info", (3, 14, 1))
    with pytest.raises(InputError, match=r"TensorFlow 2\.19 has no build for .*3\.14; use"):
        installation.check_python()


def test_version_option_prints_version_when_no_command_is_named(command):
    code, output, complaint = command("--version")
    assert (code, complaint) == (0, "")
    assert output == f"snugnet {__version__} (Python {platform.python_version()})\n"


def test_version_option_prints_version_when_metadata_is_missing(command, monkeypatch):
    """In the container image the package is only on PYTHONPATH: it has no metadata."""

    def distribution(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("snugnet")
    assert command("--version")[0::2] == (0, "")


def test_command_names_extra_when_package_is_missing(command, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    for name in [n for n in sys.modules if n.startswith("snugnet.tflite.flatbuffer")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, complaint = command("inspect", model)
    assert code == 2
    assert "snugnet[tflite]" in complaint


def test_command_prints_json_when_run_as_module(model):
    line = [sys.executable, "-m", "snugnet.cli.main", "inspect", str(model), "--json"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["scheme"] == "fiq_int8"
    assert done.stderr == ""


def test_command_exits_1_and_leaves_no_file_when_library_crashes(keras, tmp_path):
    """No output, partial output or temporary file remains."""
    foreign_models.save_model_file("custom", "h5", tmp_path)
    (tmp_path / "crash.py").write_text("import os\nos.abort()\n")
    (tmp_path / "temporary").mkdir()
    request = ("quantize", "--model", "custom.h5", "--output", "q.tflite", "--json")
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "snugnet.cli.main", *request, "--allow-code", "crash.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # Python itself would write the compiled crash.py.
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 1
    error_message = json.loads(done.stdout)["error"]
    assert error_message.startswith("crash.py crashed in <module> (SIGABRT): ")
    assert done.stderr == f"snugnet: {error_message}\n"
    assert {path.name for path in tmp_path.iterdir()} == before
    assert not list((tmp_path / "temporary").iterdir())


def test_describe_crash_explains_signal_when_process_is_killed(tmp_path):
    calls = tmp_path / "calls"
    calls.write_text("")
    assert "memory ran out" in main._describe_crash(signal.SIGKILL, calls)
    assert main._describe_crash(signal.SIGTERM, calls) == (
        "the process was ended by a signal (SIGTERM). Run the command again."
    )


def test_command_prints_one_line_when_libraries_log(tmp_path):
    """TensorFlow is imported, and writes log messages, before this model is rejected."""
    (tmp_path / "model.h5").write_bytes(b"nothing")
    request = ("quantize", "--model", "model.h5", "--output", "q.tflite")
    line = [sys.executable, "-m", "snugnet.cli.main", *request]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("snugnet: model.h5: ")
    verbose = subprocess.run(
        line,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"SNUGNET_TRACEBACK": "1"},
    )
    assert done.stderr in verbose.stderr
