"""`snugnet run`: outputs of a full-integer model, from the bit-exact integer engine."""

from rich.console import Console

from snugnet.cli.console import Json, print_table, report_progress_on_stderr, show_result
from snugnet.cli.options import DataPath, Kernels, Model, Raw
from snugnet.int8.classification_report import OutputsReport, PredictionReport
from snugnet.int8.node import Profile
from snugnet.services.predict import predict

# Number of samples that are shown to people.
SHOWN = 20


def command(
    model: Model,
    data: DataPath,
    profile: Kernels = Profile.LITERT_REF,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Run a full-integer model on samples, bit-exact to LiteRT or TensorFlow Lite Micro."""
    with report_progress_on_stderr():
        report = predict(model, data, profile, raw)
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
    if report.accuracy is not None:
        console.print(f"accuracy {report.accuracy:.4f} on {len(pairs)} samples")
