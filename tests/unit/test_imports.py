"""The import graph is the re-run graph, and TensorFlow stays where it is needed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snugnet.provenance import code_digests
from tests.paths import ROOT

SOURCE = ROOT / "src"
SCRIPTS = ROOT / "workflow" / "scripts"
HEAVY = (
    "tensorflow",
    "tf_keras",
    "tensorflow_model_optimization",
    "quantizeml",
    "cnn2snn",
    "akida",
)
# The rooms that may reach TensorFlow.
MAY_BE_HEAVY = ("snugnet.models.", "snugnet.compress.", "snugnet.akida.")
MAY_BE_HEAVY_TOO = ("snugnet.tflite.convert", "snugnet.tflite.debug")

MODULES = sorted(
    str(path.relative_to(SOURCE).with_suffix("")).replace("/", ".")
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py"
)


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
    return code_digests(SCRIPTS / script, modules, SOURCE)


def file_of(module: str) -> Path:
    base = SOURCE.joinpath(*module.split("."))
    return base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"


def reaches_tensorflow(names: dict[str, str]) -> list[str]:
    modules = [name for name in names if not name.endswith(".py")]
    return [name for name in modules if imported(file_of(name)) & set(HEAVY)]


@pytest.mark.parametrize("module", MODULES)
def test_only_some_rooms_reach_tensorflow(module, tmp_path):
    (tmp_path / "job.py").write_text("")
    reached = reaches_tensorflow(code_digests(tmp_path / "job.py", (module,), SOURCE))
    if not module.startswith(MAY_BE_HEAVY) and module not in MAY_BE_HEAVY_TOO:
        assert reached == []


@pytest.mark.parametrize(
    "script",
    [
        "prepare_dataset.py",
        "draw_calibration.py",
        "predict_litert.py",
        "score.py",
        "tabulate.py",
        "judge.py",
        "gate.py",
    ],
)
def test_light_jobs_do_not_reach_tensorflow(script):
    assert reaches_tensorflow(closure(script)) == []


@pytest.mark.parametrize("script", ["train.py", "finetune.py", "convert_tflite.py"])
def test_heavy_jobs_are_told_apart(script):
    """The test above would pass if the closure were empty: here it must find something."""
    assert reaches_tensorflow(closure(script))


def test_light_jobs_load_no_tensorflow_in_fact():
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
def test_scripts_load_their_libraries_only_once_the_log_is_open(script):
    """At the top a script imports what opens the log; all else, in `main`, is logged."""
    top = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in top} == {"typing", "snugnet.jobs"}
    assert len(script.read_text().splitlines()) <= 45


@pytest.mark.parametrize("rules", sorted((ROOT / "workflow/rules").glob("*.smk")))
def test_every_rule_tracks_settings_and_code(rules):
    text = rules.read_text()
    blocks = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    for block in blocks:
        name = block.split(":")[0]
        script = re.search(r'"\.\./scripts/(\w+)\.py"', block)
        assert script, f"{name} runs no script"
        assert f'code=code("{script[1]}"' in block, name
        assert "settings=settings(" in block, name
        for directive in ("log:", "benchmark:"):
            assert directive in block, f"{name} has no {directive}"
        for forbidden in ("shell:", "run:", "lambda", "protected("):
            assert forbidden not in block, f"{name} uses {forbidden}"


def test_packages_are_empty():
    for path in SOURCE.rglob("__init__.py"):
        assert path.read_text() == "", path


def test_imports_chosen_at_run_time_are_only_of_modules_that_rules_name():
    """`import_module` hides an import from the digests unless the rule names the module."""
    users = {
        path.name
        for path in [*SOURCE.rglob("*.py"), *SCRIPTS.glob("*.py")]
        if "import_module" in path.read_text()
    }
    assert users == {"prepare_dataset.py", "train.py"}
    rules = (ROOT / "workflow/rules/data.smk").read_text()
    assert '"snugnet.datasets.{kind}"' in rules
    assert '"snugnet.models.{architecture}"' in (ROOT / "workflow/rules/models.smk").read_text()
