"""Smoke tests of the benchmark scripts with small workloads; times are not checked."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from snugnet.core.affine import quantize
from tests import debian
from tests.paths import ROOT

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d+)?|nan|inf)(?![\w.])", re.IGNORECASE)
# A training of the tiny study, and two files made from it.
STUDY = {"study": [{"models": ["digits_fc"], "schemes": ["float32", "fiq_int8"]}]}


def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark script as in its documentation, in the clone."""
    return subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **variables},
        capture_output=True,
        text=True,
    )


def output_of(name: str, *arguments: str) -> str:
    """Run a benchmark script that must succeed; return what it printed."""
    done = run(name, *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def numbers(text: str, row: str) -> list[float]:
    """Return the numbers in the one line that begins with `row`; all must be finite."""
    lines = [line for line in text.splitlines() if line.startswith(row)]
    assert len(lines) == 1, f"{len(lines)} lines begin with {row!r}:\n{text}"
    values = [float(value) for value in NUMBER.findall(lines[0].removeprefix(row))]
    assert values and all(map(math.isfinite, values)), lines[0]
    return values


def import_benchmark(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{name}_script", ROOT / f"benchmarks/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("zero_point", [-128, 0, 7])
@pytest.mark.parametrize("scale", [0.5, 0.0123])
def test_evaluation_quantize_equals_package_when_value_is_half(scale, zero_point):
    steps = np.arange(-300, 300, 0.25)
    below_half = np.nextafter(np.float32(0.5), np.float32(0))
    x = np.append(steps * scale, [below_half * scale, -below_half * scale]).astype(np.float32)
    expected = quantize(x, scale, zero_point, np.int8)
    inputs = {"quantization": (scale, zero_point)}
    np.testing.assert_array_equal(import_benchmark("evaluation").quantize(x, inputs), expected)


@pytest.mark.slow
def test_evaluation_prints_ratios_when_workload_is_small():
    text = output_of("evaluation", "--samples", "128", "--rounds", "1")
    for method in ("Snugnet", "bare batches", "one by one"):
        assert len(numbers(text, f"{method:12}  ")) == 2
    assert numbers(text, "Snugnet / bare batches")[0] > 0
    assert numbers(text, "one by one / Snugnet")[0] > 0


@pytest.mark.slow
def test_int8_engine_prints_ratios_when_datasets_are_missing(tmp_path):
    text = output_of(
        *("int8_engine", "--samples", "8", "--rounds", "1", "--datasets", str(tmp_path))
    )
    assert len(numbers(text, "InceptionNet")) == 7
    assert len(numbers(text, "nested loops:")) == 3
    assert text.count("left out, because") == 3


@pytest.mark.slow
def test_scheduling_prints_ratios_when_there_are_four_jobs():
    text = output_of("scheduling", "--jobs", "4")
    for row in ("100 starts a second at most, ilp", "no limit, ilp", "no limit, greedy"):
        assert len(numbers(text, row)) == 4


@pytest.mark.slow
def test_dag_prints_ratios_when_study_has_20_cells():
    text = output_of("dag", "--cells", "20")
    assert len(numbers(text, "   20   plan")) == 6
    assert len(numbers(text, "   20   no-op")) == 6


@pytest.mark.slow
@pytest.mark.browser
def test_page_prints_ratio_when_chromium_is_installed():
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    debian.require("chromium")
    text = output_of("page", "--repeats", "1")
    for study in ("two models", "default study"):
        assert len(numbers(text, f"{study}: ")) == 3
    assert numbers(text, "default study / two models")[0] > 0


def test_page_prints_install_command_when_chromium_is_missing(tmp_path):
    done = run("page", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "apt-get install chromium" in done.stderr


@pytest.fixture
def revision() -> str:
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        # Without a repository there is no old revision to export.
        pytest.skip("the project's folder is not a Git repository")
    return done.stdout.strip()


def write_config(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_overhead_compares_studies_when_revision_is_given(tmp_path, revision):
    config = write_config(tmp_path, STUDY)
    text = output_of(
        *("overhead", "--cores", "2", "--against", revision),
        *("--configfile", "config/tiny.yaml", str(config)),
    )
    jobs, seconds = numbers(text, "total")[:3], numbers(text, "total")[3:6]
    assert min(jobs) >= 10 and jobs[1] == jobs[2]
    assert min(seconds) > 0 and len(numbers(text, "total")) == 7
    assert numbers(text, "train  ")[:3] == [1, 1, 1]
    for title in ("old: ", "new: ", "cold: "):
        assert re.search(rf"^{title}\d+\.\d s of wall time, \d+\.\d\d times", text, re.MULTILINE)
    assert len(numbers(text, "new / old")) == 2
    assert numbers(text, "cold / new")[0] > 0
    assert "rows of metrics.csv: old 2, new 2, cold 2" in text
    assert "NOT THE SAME STUDY" not in text
    for title in ("new", "cold"):
        pattern = rf"^digests of results: (\d+) of (\d+) are the same in {title} and old; (.*)$"
        (digests,) = re.findall(pattern, text, re.MULTILINE)
        same, both, rest = digests
        assert int(same) == int(both) > 0
        assert rest == "0 in one only"


def test_overhead_prints_log_path_when_run_fails(tmp_path):
    config = write_config(tmp_path, {"no_such_key": 1})
    done = run("overhead", "--skip-cold", "--configfile", str(config), TMPDIR=str(tmp_path))
    assert done.returncode == 1
    log = re.search(r"Its log is (\S+), its files are in (\S+)\.$", done.stderr, re.MULTILINE)
    assert log is not None, done.stderr
    assert "no_such_key" in Path(log[1]).read_text()


def test_overhead_drops_keys_when_old_schema_lacks_them(tmp_path):
    overhead = import_benchmark("overhead")
    models = {"additionalProperties": {"additionalProperties": False, "properties": {"dense": {}}}}
    schema = {"additionalProperties": False, "properties": {"seed": {}, "models": models}}
    (tmp_path / "workflow/schemas").mkdir(parents=True)
    (tmp_path / "workflow/schemas/config.schema.yaml").write_text(json.dumps(schema))
    config = {"seed": 1, "no_such_key": 1, "models": {"net": {"dense": 3, "no_such_setting": 2}}}
    dropped = sorted(overhead.drop_unknown_keys(config, tmp_path))
    assert dropped == ["models.net.no_such_setting", "no_such_key"]
    assert config == {"seed": 1, "models": {"net": {"dense": 3}}}


def test_overhead_keeps_all_keys_when_schema_file_is_missing(tmp_path):
    overhead = import_benchmark("overhead")
    assert list(overhead.drop_unknown_keys({"no_such_key": 1}, tmp_path)) == []


def test_overhead_fails_when_revision_is_unknown(tmp_path):
    done = run("overhead", "--against", "no-such-revision", TMPDIR=str(tmp_path))
    assert done.returncode == 2
    assert "--against no-such-revision: neither a Git revision nor a folder" in done.stderr
    assert list(tmp_path.iterdir()) == []
