"""`snugnet run`: outputs of a full-integer model, from the bit-exact integer engine."""

from rich.console import Console

from snugnet.cli.console import Json, print_table, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    Arrays,
    BudgetFactor,
    DataPath,
    Kernels,
    Labels,
    Model,
    Raw,
    TaskOption,
    make_budget,
    make_source,
)
from snugnet.core.input_range import describe_saturation
from snugnet.int8.classification_report import OutputsReport, PredictionReport
from snugnet.int8.node import Profile
from snugnet.services.predict import PredictRequest, predict
from snugnet.services.user_data import describe_arrays

# Number of samples that are shown to people.
SHOWN = 20


def command(
    model: Model,
    data: DataPath,
    profile: Kernels = Profile.LITERT_REF,
    raw: Raw = False,
    array: Arrays = None,
    labels: Labels = None,
    task: TaskOption = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Run a full-integer model on samples, bit-exact to LiteRT or TensorFlow Lite Micro."""
    limits = make_budget(budget)
    source = make_source(data, array, labels, limits)
    request = PredictRequest(model, source, profile, raw, task, limits)
    with report_progress_on_stderr():
        report = predict(request)
    show_result(report, as_json, _show)


def _show(console: Console, report: PredictionReport) -> None:
    if isinstance(report, OutputsReport):
        for index, output in enumerate(report.outputs):
            console.print(f"output {index}: {output[:SHOWN]}")
        return
    pairs = list(zip(report.decision, report.raw, strict=True))
    rows = ((index, decision, raw) for index, (decision, raw) in enumerate(pairs[:SHOWN]))
    print_table(console, "", ("sample", "decision", "raw output"), rows)
    if len(pairs) > SHOWN:
        console.print(f"… and {len(pairs) - SHOWN} more (--json prints all)")
    if report.used:
        console.print(f"data: {describe_arrays(report.used)}")
    console.print(f"task: {report.task}")
    if report.accuracy is not None:
        console.print(f"accuracy {report.accuracy:.4f} on {len(pairs)} samples")
    if report.error is not None:
        console.print(f"mean absolute error {report.error:.4g} on {len(pairs)} samples")
    if report.auc is not None:
        console.print(f"AUC of the error {report.auc:.4g} on {len(pairs)} samples")
    if (warning := describe_saturation(report.saturation)) is not None:
        console.print(f"warning: {warning}")
    if report.reason is not None:
        console.print(f"quality not measured: {report.reason}")
