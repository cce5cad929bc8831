"""Tests of the right answers for models and data that users brought.

`make_cases.py` builds the models and prints the right answer of each, next to which README.md lists
what Snugnet must do. The environment variable SNUGNET_CASES has its path; the default is
`../shared/cases/make_cases.py`, beside the folder of the project.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from snugnet.cli.app import DONE, WRONG, run
from snugnet.report.files import read_table, to_records
from tests.paths import ROOT

PROGRAM = Path(os.environ.get("SNUGNET_CASES", ROOT.parent / "shared/cases/make_cases.py"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.is_file(), reason=f"{PROGRAM} is missing; set SNUGNET_CASES"),
]
# A line of the output of make_cases.py: one or more names with their numbers.
NAMED_NUMBER = re.compile(r"(.+?) (\d+\.\d+)(?:\s|$)")
# An answer is the value of Keras on all samples. The float32 .tflite file gives the same, except
# for sums in another order.
FLOAT_TOLERANCE = 0.01
# Five epochs of QAT move the weights a little, and the test split has about a hundred samples.
AWARE_TOLERANCE = 0.02
LABELS, COLUMN = ("--labels", "N,S,V,F,Q"), ("--array", "y=label")


@dataclass(frozen=True)
class Case:
    """A model with data, and the right answer.

    Attributes:
        model: The Keras file.
        data: The file with samples and labels.
        answer: Line of make_cases.py with the right answer, as `case: name`; or a number.
        task: The task that every command must assume.
        metric: `accuracy`, `mae` or `auc`.
        loss: Allowed difference of the int8 file from float32; relative for `mae`.
        spread: Allowed difference of the test split from all samples; relative for `mae`.
        options: Options of every command.
        rounding: Allowed difference of float32 from the answer; None for `FLOAT_TOLERANCE`.
    """

    model: str
    data: str
    answer: str | float
    task: str = "multiclass"
    metric: str = "accuracy"
    loss: float = 0.03
    spread: float = 0.06
    options: tuple[str, ...] = ()
    rounding: float | None = None

    def __str__(self) -> str:
        return f"{self.model} {self.data}"


def regression(model: str, data: str, answer: str, rounding: float | None = None) -> Case:
    """Make a case of a regression. An int8 output adds an error of up to half a step."""
    return Case(
        model, data, f"regression: {answer}", "regression", "mae", 0.25, 0.2, rounding=rounding
    )


CASES = (
    Case("lstm_gestures.h5", "lstm_gestures.npz", "lstm_gestures: Keras accuracy"),
    Case("one_hot_trained.h5", "one_hot.npz", "one_hot: trained accuracy", spread=0.1),
    Case("one_hot_untrained.h5", "one_hot.npz", "one_hot: untrained accuracy"),
    Case("named_labels.h5", "named_labels.npz", "named_labels: Keras accuracy", options=LABELS),
    Case(
        "named_labels.h5",
        "named_labels.csv",
        "named_labels: Keras accuracy",
        options=(*LABELS, *COLUMN),
    ),
    Case("named_labels.h5", "float_labels.npz", "named_labels: Keras accuracy"),
    Case("logit_one.h5", "logit_one.npz", "logit_one: right (logit >= 0)", task="binary"),
    Case("logits_ten.h5", "logits_ten.npz", "logits_ten: Keras accuracy"),
    Case(
        "autoencoder.h5",
        "autoencoder.npz",
        "autoencoder: AUC of the reconstruction error",
        task="reconstruction",
        metric="auc",
        loss=0.01,
        spread=0.01,
    ),
    regression("regression_one.h5", "regression_one.npz", "one mean absolute error"),
    regression("regression_two.h5", "regression_two.npz", "two mean absolute error"),
    regression("regression_box.h5", "regression_box.npz", "box mean absolute error"),
    # Targets that are rounded to integers: the error grows by less than half a unit.
    regression("regression_one.h5", "regression_whole.npz", "one mean absolute error", 0.05),
    Case("mixed_precision.h5", "mixed_precision.npz", "mixed_precision: Keras accuracy"),
    Case("windows.keras", "windows.npz", 1.0),
    Case("plain.keras", "windows.npz", 1.0),
    Case(
        "segmentation.h5",
        "segmentation.npz",
        "segmentation: accuracy over time steps",
        task="segmentation",
    ),
    Case("keras3_residual.keras", "keras3.npz", "keras3_files: residual accuracy", spread=0.12),
    Case("keras3_mixed.keras", "keras3.npz", "keras3_files: mixed accuracy", spread=0.12),
)
# Models that are trained with quantizers, on labels or on their inputs.
AWARE_CASES = tuple(
    case
    for case in CASES
    if case.model in ("logits_ten.h5", "autoencoder.h5")
    or (case.metric == "mae" and case.data != "regression_whole.npz")
)
# One of each task, a recurrent network, and class names whose order only the user knows.
STUDY_MODELS = (
    *("lstm_gestures.h5", "named_labels.h5", "logit_one.h5", "logits_ten.h5", "autoencoder.h5"),
    *("regression_two.h5", "segmentation.h5"),
)
STUDY_CASES = tuple(
    case for case in CASES if case.model in STUDY_MODELS and case.data != "float_labels.npz"
)


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    output: str
    message: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON that it printed."""
        return json.loads(self.output)


def call(*arguments: str | Path) -> Result:
    """Run a command with --json."""
    output, message = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(message):
        code = run([*map(str, arguments), "--json"])
    assert "SNUGNET_TRACEBACK" not in message.getvalue(), arguments
    return Result(code, output.getvalue(), message.getvalue())


def parse_answers(text: str) -> dict[str, float]:
    """Return the numbers that make_cases.py printed, by case and name."""
    answers, case = {}, ""
    for line in text.splitlines():
        if line.startswith("-- "):
            case = line[3:]
        for name, number in NAMED_NUMBER.findall(line):
            answers[f"{case}: {name.strip()}"] = float(number)
    return answers


class Cases:
    """The built cases.

    Attributes:
        folder: Folder of the models and data.
        answers: The right answers, by case and name.
    """

    def __init__(self, folder: Path, answers: dict[str, float]) -> None:
        self.folder = folder
        self.answers = answers
        self._results: dict[tuple[Case, str], Result] = {}

    def get_answer(self, case: Case) -> float:
        return self.answers[case.answer] if isinstance(case.answer, str) else case.answer

    def get_paths(self, case: Case) -> tuple[Path, Path]:
        """Return the model and the data."""
        return self.folder / case.model, self.folder / case.data

    def get_output(self, case: Case, method: str = "post_training") -> Path:
        options = "".join(case.options).strip("-")
        return self.folder / f"{case.model}-{case.data}-{options}-{method}.tflite"

    def quantize(self, case: Case, method: str = "post_training") -> Result:
        """Quantize the model of a case to `get_output`, once."""
        if (case, method) not in self._results:
            (model, data), output = self.get_paths(case), self.get_output(case, method)
            arguments = ["--model", model, "--data", data, "--output", output, *case.options]
            self._results[case, method] = call("quantize", *arguments, "--method", method)
        return self._results[case, method]


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Cases:
    """Build all cases, which takes minutes."""
    folder, answers = tmp_path_factory.mktemp("cases"), {}
    # One process cannot use both versions of Keras.
    for names in ((), ("keras3_files",)):
        program = [sys.executable, PROGRAM, folder, *names]
        done = subprocess.run(program, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        answers |= parse_answers(done.stdout)
    return Cases(folder, answers)


def get_value(case: Case, report: dict[str, Any]) -> float:
    """Return the metric of the int8 file, of a report of `quantize` or `benchmark`."""
    if case.metric == "accuracy":
        return report["accuracy"]["accuracy"]
    return report["errors"][case.metric]["value"]


def get_baseline(case: Case, report: dict[str, Any]) -> float | None:
    """Return the metric of the float32 file; None for the AUC, which has no comparison."""
    if case.metric == "accuracy":
        return report["accuracy"]["baseline"]
    return report["difference"]["baseline"] if case.metric == "mae" else None


def approximately(value: float, tolerance: float, case: Case) -> Any:
    relative = case.metric == "mae"
    return pytest.approx(value, rel=tolerance if relative else 0, abs=0 if relative else tolerance)


def check_report(case: Case, report: dict[str, Any], answer: float, tolerance: float) -> None:
    """Check task, baseline, value and intervals of a report.

    Args:
        case: The case.
        report: The report of `quantize` or `benchmark`.
        answer: The right value of the float model.
        tolerance: Allowed difference of the float32 file.
    """
    assert report["task"]["task"] == case.task
    value, baseline = get_value(case, report), get_baseline(case, report)
    if baseline is not None:
        assert baseline == approximately(answer, tolerance, case)
        assert 0 <= report["difference"]["p"] <= 1
    assert value == approximately(answer if baseline is None else baseline, case.loss, case)
    if case.metric == "accuracy":
        measured = report["accuracy"]
        assert 0 <= measured["low"] <= value <= measured["high"] <= 1
    else:
        for name in ("mae", "rmse", "r2"):
            measured = report["errors"][name]
            assert measured["low"] <= measured["value"] <= measured["high"], name
        assert report["sqnr_db"] > 20


@pytest.mark.parametrize("case", CASES, ids=str)
def test_quantize_reports_right_answer_when_file_is_valid(cases, case):
    result = cases.quantize(case)
    assert result.code == DONE, result.message
    check_report(case, result.report, cases.get_answer(case), case.spread)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_benchmark_reports_right_answer_when_file_is_valid(cases, case):
    cases.quantize(case)
    model, data = cases.get_paths(case)
    arguments = ["--model", cases.get_output(case), "--baseline", model, "--data", data]
    result = call("benchmark", *arguments, "--runs", "10", "--warm-up", "0", *case.options)
    assert result.code == DONE, result.message
    check_report(case, result.report, cases.get_answer(case), case.rounding or FLOAT_TOLERANCE)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_run_reports_right_answer_when_file_is_quantized(cases, case):
    cases.quantize(case)
    result = call("run", cases.get_output(case), cases.folder / case.data, *case.options)
    assert result.code == DONE, result.message
    report, answer = result.report, cases.get_answer(case)
    assert report["task"] == case.task
    tolerance = case.loss + (case.rounding or FLOAT_TOLERANCE)
    name = {"accuracy": "accuracy", "mae": "error", "auc": "auc"}[case.metric]
    assert report[name] == approximately(answer, tolerance, case)
    if case.task == "segmentation":
        shape = np.load(cases.folder / case.data)["y"].shape
        assert np.shape(report["decision"]) == shape


@pytest.mark.parametrize("case", STUDY_CASES, ids=str)
def test_study_has_right_answer_when_init_writes_it(cases, case, tmp_path, monkeypatch):
    """`snugnet init` and Snakemake, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    model, data = (Path(shutil.copy(path, tmp_path)).name for path in cases.get_paths(case))
    result = call("init", "--data", data, "--model", model, "--name", "study", *case.options)
    assert result.code == DONE, result.message
    assert result.report["task"] == case.task
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["study"] = [{"models": ["study"], "schemes": ["float32", "fiq_int8"]}]
    Path("config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "all"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = to_records(read_table(tmp_path / "results/study/report/metrics.csv"))
    column = {"accuracy": "accuracy", "mae": "mae", "auc": "auc_macro"}[case.metric]
    float32, int8 = (row[column] for row in rows)
    assert float32 == approximately(cases.get_answer(case), case.spread, case)
    assert int8 == approximately(float32, case.loss, case)
    assert {row["tflm"] for row in rows} == {None, "exact"}


@pytest.mark.parametrize("case", AWARE_CASES, ids=str)
def test_qat_is_as_good_as_ptq_when_model_is_trained(cases, case):
    result = cases.quantize(case, "quantization_aware")
    assert result.code == DONE, result.message
    assert result.report["task"]["task"] == case.task
    value, other = (
        get_value(case, found) for found in (result.report, cases.quantize(case).report)
    )
    if case.metric == "mae":
        assert value <= other * (1 + AWARE_TOLERANCE)
    else:
        assert value >= other - AWARE_TOLERANCE


def test_qat_trains_on_inputs_when_targets_are_inputs(cases):
    case = Case("autoencoder.h5", "autoencoder_target.npz", 0.0, "reconstruction", "mae")
    for method in ("post_training", "quantization_aware"):
        result = cases.quantize(case, method)
        assert result.code == DONE, result.message
        assert result.report["task"]["task"] == "reconstruction"
        assert result.report["errors"]["auc"]["value"] is None  # there are no marks of anomalies
        assert result.report["sqnr_db"] > 20
    result = call("run", cases.get_output(case), cases.folder / case.data)
    assert result.code == DONE, result.message
    assert result.report["task"] == "reconstruction"
    assert 0 < result.report["error"] < 0.5


# Labels without the order of the outputs, or outside of it: data, options, part of the reason.
UNKNOWN_LABELS = (
    ("named_labels.npz", (), "--labels"),
    ("named_labels.csv", COLUMN, "--labels"),
    ("one_based_labels.npz", (), "y - 1"),
)


@pytest.mark.parametrize(("data", "options", "remedy"), UNKNOWN_LABELS)
def test_commands_name_remedy_when_labels_are_unknown(cases, data, options, remedy):
    case = Case("named_labels.h5", data, 0.0, options=options)
    results = {"quantize": cases.quantize(case)}
    output, path = cases.get_output(case), cases.folder / data
    arguments = ["--model", output, "--data", path, "--runs", "10", *options]
    results["benchmark"] = call("benchmark", *arguments)
    results["run"] = call("run", output, path, *options)
    aware = cases.quantize(case, "quantization_aware")
    for name, result in results.items():
        assert result.code == DONE, (name, result.message)  # labels are not needed
        assert result.report.get("accuracy") is None, name
        assert remedy in result.report["reason"], name
    assert aware.code == WRONG  # it needs labels
    assert remedy in aware.message
    assert not cases.get_output(case, "quantization_aware").exists()


@pytest.mark.parametrize(
    ("model", "note"), [("tfmot_quantized.h5", "quantizers"), ("tfmot_pruned.h5", "pruning")]
)
def test_quantize_names_removed_wrappers_when_tfmot_wrote_file(cases, model, note):
    result = cases.quantize(Case(model, "tfmot.npz", 0.0))
    assert result.code == DONE, result.message
    assert note in " ".join(result.report["notes"])
    assert result.report["accuracy"]["accuracy"] > 0.85
    assert result.report["accuracy"]["baseline"] > 0.85


def test_quantize_speaks_of_user_model_when_layer_is_attention(cases):
    case = Case(
        "keras3_attention.keras", "keras3.npz", "keras3_files: attention accuracy", spread=0.12
    )
    result = cases.quantize(case)
    if result.code == DONE:
        check_report(case, result.report, cases.get_answer(case), case.spread)
    else:
        assert result.code == WRONG
        assert "attention" in result.message
        assert "query_shape" not in result.message
