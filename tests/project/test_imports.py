"""Tests of the import graph: which packages each module and job script may import."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from snugnet.config.job_settings import METHOD_MODULES
from snugnet.config.schema import Dataset
from snugnet.jobs.code_digests import compute_code_digests
from snugnet.jobs.fork_client import choose_server
from snugnet.jobs.import_costs import IMPORTS
from tests.paths import ROOT

SOURCE = ROOT / "src"
SCRIPTS = ROOT / "workflow" / "scripts"
# The check of variants knows all compression methods, and does not affect the outputs of a job.
REQUEST_CHECK = ("snugnet.compress.requests",)
HEAVY = (
    "tensorflow",
    "tf_keras",
    "tensorflow_model_optimization",
    "quantizeml",
    "cnn2snn",
    "akida",
)
# The layers that may reach TensorFlow.
MAY_BE_HEAVY = ("snugnet.models.", "snugnet.compress.", "snugnet.akida.")
# Services and the command line may reach it once a request needs it. No job script imports them.
COMMANDS = ("snugnet.cli.", "snugnet.services.")
MAY_BE_HEAVY_TOO = ("snugnet.tflite.convert", "snugnet.tflite.debug")

# Installed packages that each job may import.
TRAINING = {"numpy", "tqdm", "h5py", "sklearn", "tensorflow", "tf_keras", "pydantic"}
CONVERSION = {"numpy", "tqdm", "h5py", "tensorflow", "tf_keras", "ai_edge_litert", "pydantic"}
VERIFICATION = {"numpy", "tqdm", "ai_edge_litert", "flatbuffers", "tflite_micro"}
AKIDA = {"numpy", "tensorflow", "tf_keras", "quantizeml", "cnn2snn", "akida"}
PACKAGES = {
    "prepare_dataset.py": {"numpy", "sklearn", "pydantic"},
    "fetch.py": {"requests", "tenacity", "tqdm", "pydantic"},
    "draw_calibration.py": {"numpy"},
    "train.py": TRAINING,
    "adopt.py": CONVERSION | {"pydantic"},
    "pool_folds.py": {"numpy"},
    "compress.py": {"numpy", "h5py", "tensorflow", "tf_keras"},
    "explore.py": TRAINING | {"tensorly", "pydantic_core"},
    "train_quantized.py": TRAINING | {"tensorflow_model_optimization"},
    "calibrate_ranges.py": TRAINING | {"tensorflow_model_optimization", "pydantic_core"},
    "convert_tflite.py": CONVERSION,
    "convert_qat.py": CONVERSION | TRAINING | {"tensorflow_model_optimization"},
    "search_mixed.py": CONVERSION,
    "debug_layers.py": CONVERSION,
    "sweep_layers.py": CONVERSION | {"scipy"},
    "trace_layers.py": {"numpy", "tqdm", "ai_edge_litert"},
    "predict_litert.py": {"numpy", "tqdm", "ai_edge_litert"},
    "verify_network.py": VERIFICATION,
    "verify.py": VERIFICATION,
    "export_firmware.py": {"numpy", "ai_edge_litert"},
    "measure_mistakes.py": {"numpy", "tqdm", "ai_edge_litert", "scipy"},
    "preflight_akida.py": AKIDA | {"pydantic"},
    "convert_akida.py": AKIDA | {"h5py", "pydantic"},
    "train_akida.py": AKIDA | TRAINING,
    "predict_keras.py": AKIDA - {"akida", "cnn2snn"} | {"h5py", "tqdm"},
    "predict_akida.py": {"numpy", "tqdm", "akida"},
    "compare_akida.py": AKIDA - {"cnn2snn"} | {"h5py", "tqdm"},
    "score_akida.py": {"numpy", "scipy", "sklearn"},
    "tabulate_akida.py": {"pandas", "scipy", "numpy"},
    "tabulate_preflight.py": {"pandas", "scipy", "numpy"},
    "score.py": {"numpy", "scipy", "sklearn"},
    "tabulate.py": {"numpy", "pandas", "scipy"},
    "write_manifest.py": {"numpy", "h5py", "ai_edge_litert"},
    "bundle_vega.py": {"vl_convert"},
    "write_report.py": {"numpy", "pandas", "scipy", "altair", "jinja2"},
    "draw_figures.py": {"numpy", "pandas", "scipy", "altair", "tqdm", "vl_convert"},
    "evaluate_gate.py": {"pydantic"},
    "gate.py": set(),
}
METHODS = {
    "finetune": set(),
    "prune_structured": set(),
    "prune_magnitude": {"tensorflow_model_optimization"},
    "factorize": {"tensorly", "pydantic_core"},
}
KINDS = {
    "digits": set(),
    "mitdb": {"wfdb", "tqdm"},
    "mnist": set(),
    "ptbxl": {"wfdb", "tqdm", "pandas"},
    "recordings": {"pandas"},
    "synthetic_beats": {"neurokit2", "scipy", "tqdm"},
    "synthetic_ecg12": {"neurokit2", "scipy", "tqdm"},
    "synthetic_imu": {"scipy"},
    "windows": {"pandas"},
}
# Of these, what takes half a second and more.
SLOW = {
    *("tensorflow", "tf_keras", "tensorflow_model_optimization", "tensorly"),
    *("sklearn", "scipy", "neurokit2", "quantizeml", "cnn2snn"),
    *("ai_edge_litert", "tflite_micro"),  # quicker, but hundreds of jobs import them
}

MODULES = sorted(
    str(path.relative_to(SOURCE).with_suffix("")).replace("/", ".")
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py"
)


@cache
def imported(path: Path) -> set[str]:
    """Name the top-level packages that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def closure(script: str, *modules: str) -> dict[str, str]:
    return compute_code_digests(SCRIPTS / script, modules, SOURCE, REQUEST_CHECK)


def file_of(module: str) -> Path:
    base = SOURCE.joinpath(*module.split("."))
    return base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"


def reaches_tensorflow(names: dict[str, str]) -> list[str]:
    modules = [name for name in names if not name.endswith(".py")]
    return [name for name in modules if imported(file_of(name)) & set(HEAVY)]


def packages_of(names: dict[str, str]) -> set[str]:
    """Name the installed packages that the files of a closure import."""
    files = [SCRIPTS / name if name.endswith(".py") else file_of(name) for name in names]
    packages = set().union(*(imported(file) for file in files))
    return packages - set(sys.stdlib_module_names) - {"snugnet", "snakemake"}


def preloaded_packages(names: dict[str, str]) -> set[str]:
    """Name the packages that the fork server imports for a closure."""
    return {name.split(".")[0] for module in names for name in IMPORTS.get(module, ())}


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in MODULES
        if not module.startswith((*MAY_BE_HEAVY, *COMMANDS)) and module not in MAY_BE_HEAVY_TOO
    ],
)
def test_module_reaches_no_tensorflow_when_it_is_light(module, tmp_path):
    (tmp_path / "job.py").write_text("")
    reached = reaches_tensorflow(compute_code_digests(tmp_path / "job.py", (module,), SOURCE))
    assert reached == []


@pytest.mark.parametrize(
    "script",
    [
        "prepare_dataset.py",
        "draw_calibration.py",
        "predict_litert.py",
        "verify.py",
        "export_firmware.py",
        "trace_layers.py",
        "score_akida.py",
        "tabulate_akida.py",
        "tabulate_preflight.py",
        "score.py",
        "tabulate.py",
        "write_manifest.py",
        "bundle_vega.py",
        "write_report.py",
        "draw_figures.py",
        "evaluate_gate.py",
        "gate.py",
    ],
)
def test_script_does_not_reach_tensorflow_when_it_is_light(script):
    assert reaches_tensorflow(closure(script)) == []


@pytest.mark.parametrize(
    "script",
    [
        *("train.py", "compress.py", "train_quantized.py", "convert_tflite.py", "convert_akida.py"),
        *("debug_layers.py", "sweep_layers.py", "search_mixed.py"),
    ],
)
def test_script_reaches_tensorflow_when_it_is_heavy(script):
    """The test above would pass if the closure were empty: here it must find something."""
    assert reaches_tensorflow(closure(script))


def test_light_modules_do_not_load_tensorflow_when_imported():
    modules = [m for m in MODULES if not m.startswith(MAY_BE_HEAVY) and m not in MAY_BE_HEAVY_TOO]
    program = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_script_imports_package_only_when_table_lists_it(script):
    assert packages_of(closure(script.name)) == PACKAGES[script.name]


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_script_does_not_reach_cli_when_it_is_a_job_script(script):
    assert not any(module.startswith(COMMANDS) for module in closure(script.name))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_dataset_job_imports_package_only_when_kind_needs_it(kind):
    reached = closure("prepare_dataset.py", f"snugnet.datasets.{kind}")
    assert packages_of(reached) == PACKAGES["prepare_dataset.py"] | KINDS[kind]
    assert preloaded_packages(reached) == packages_of(reached) & SLOW


@pytest.mark.parametrize("method", sorted(METHODS))
def test_compress_job_imports_package_only_when_method_needs_it(method):
    reached = closure("compress.py", METHOD_MODULES[method])
    assert packages_of(reached) == TRAINING | METHODS[method]
    assert preloaded_packages(reached) == packages_of(reached) & SLOW
    others = set(METHOD_MODULES.values()) - {METHOD_MODULES[method]}
    assert not others & set(reached)


def test_package_table_lists_kind_when_schema_has_it():
    kinds = [
        get_args(block.model_fields["kind"].annotation)[0]
        for block in get_args(get_args(Dataset)[0])
    ]
    assert set(kinds) == set(KINDS)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_fork_server_preloads_package_when_its_import_is_slow(script):
    """Each child process would import again a package that the server lacks."""
    names = closure(script.name)
    assert preloaded_packages(names) == packages_of(names) & SLOW


def test_fork_server_preloads_only_litert_when_script_predicts():
    assert preloaded_packages(closure("predict_litert.py")) == {"ai_edge_litert"}


def test_light_server_has_no_tensorflow_when_packages_are_loaded():
    """A script whose packages import TensorFlow would make the small server large."""
    packages = {name for names in IMPORTS.values() for name in names}
    light = sorted(name for name in packages if choose_server([name]) == "light")
    program = f"""
import importlib, sys
for name in {light!r}:
    importlib.import_module(name)
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_import_table_names_package_only_when_module_imports_it():
    for module, packages in IMPORTS.items():
        assert {name.split(".")[0] for name in packages} <= imported(file_of(module)), module


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_script_imports_only_run_at_top_when_it_is_a_job_script(script):
    """At the top a script imports what opens the log; all else, in `main`, is logged."""
    top = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in top} == {"typing", "snugnet.jobs.run"}
    assert len(script.read_text().splitlines()) <= 40


@pytest.mark.parametrize("rules", sorted((ROOT / "workflow/rules").glob("*.smk")))
def test_rule_tracks_settings_and_code_when_it_runs_a_script(rules):
    text = rules.read_text()
    blocks = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    for block in blocks:
        name = block.split(":")[0]
        script = re.search(r'"\.\./scripts/(\w+)\.py"', block)
        assert script, f"{name} runs no script"
        assert f'code=code("{script[1]}"' in block, name
        assert "settings=settings(" in block, name
        assert "log:" in block, f"{name} has no log:"
        # Only a rule without outputs, whose work is outside of the results, has no benchmark file.
        assert ("benchmark:" in block) == ("output:" in block), f"{name}: benchmark:"
        for forbidden in ("shell:", "run:", "lambda", "protected("):
            assert forbidden not in block, f"{name} uses {forbidden}"


def test_init_file_is_empty_when_package_has_no_public_api():
    """But for the one whose face is public: `from snugnet.int8 import load`."""
    for path in (SOURCE / "snugnet").rglob("__init__.py"):
        if path.parent.name == "int8":
            names = {node.module for node in ast.parse(path.read_text()).body}
            assert names == {"snugnet.int8.engine"}
        elif path.parent.name != "snugnet":  # its face is lazy, which tests/unit/services checks
            assert path.read_text() == "", path


def test_rule_names_module_when_script_imports_it_by_name():
    """`import_module` hides an import from the digests unless the rule names the module."""
    users = {
        path.name
        for path in [*SOURCE.rglob("*.py"), *SCRIPTS.glob("*.py")]
        if "import_module" in path.read_text()
    }
    # The lazy API is of no job. The fork server imports packages, none of them ours.
    scripts = {"prepare_dataset.py", "train.py", "compress.py", "preflight_akida.py"}
    assert users == scripts | {"__init__.py", "fork_server.py"}
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    for script, setting in (
        ("prepare_dataset", "loader_module"),
        ("train", "architecture_module"),
        ("preflight_akida", "architecture_module"),
        ("compress", "method_module"),
    ):
        assert f'import_module(settings["{setting}"])' in (SCRIPTS / f"{script}.py").read_text()
        assert f'code("{script}", "{setting}"' in rules


def test_rule_excludes_request_check_when_script_uses_it():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert f"REQUEST_CHECK = {REQUEST_CHECK!r}".replace("'", '"') in rules
    users = {path.stem for path in SCRIPTS.glob("*.py") if "check_in_child" in path.read_text()}
    assert users == {"train", "adopt", "compress"}
    assert rules.count("without=REQUEST_CHECK)") == len(users)
    assert rules.count("without=") == len(users) + 1  # and the definition of `code`
