"""`snugnet quantize`: convert one Keras model to a .tflite file and measure the loss."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, bold, join, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    Arrays,
    BudgetFactor,
    Force,
    Labels,
    TaskOption,
    make_budget,
    make_source,
)
from snugnet.cli.quality import show_quality
from snugnet.core.tflite_schemes import CONVERTED_SCHEMES, FULL_INTEGER
from snugnet.services.quantize import (
    Method,
    QuantizeReport,
    QuantizeRequest,
    choose_scheme,
    quantize_file,
)

# Number of violations, or of operators in float, that are shown to people.
SHOWN = 5

SchemeName = StrEnum("SchemeName", {name: name for name in CONVERTED_SCHEMES})  # type: ignore[misc]
Model = Annotated[
    Path, typer.Option("--model", help="Keras model: .h5, .keras or SavedModel folder.")
]
Output = Annotated[Path, typer.Option("--output", help="Path of the .tflite file to write.")]
MethodOption = Annotated[
    Method,
    typer.Option(
        "--method", help="Quantization method: post_training is PTQ, quantization_aware is QAT."
    ),
]
SchemeOption = Annotated[
    SchemeName | None,
    typer.Option("--scheme", help="Quantization scheme (default: fiq_int8; drq without --data)."),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help=(
            "Samples for calibration, QAT and accuracy: .npz with x and y, .npy with x, or .csv. "
            "If they have labels, 60 % are for calibration and training, 20 % for validation, and "
            "20 % for accuracy; groups stay whole."
        ),
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Number of QAT epochs.")]
Rate = Annotated[
    float, typer.Option("--learning-rate", min=0, help="Learning rate for QAT fine-tuning.")
]
CalibrationSamples = Annotated[
    int, typer.Option("--calibration", min=1, help="Maximum number of calibration samples.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Random seed.")]
Code = Annotated[
    Path | None,
    typer.Option(
        "--allow-code", help="Python file that defines custom layers. The file is executed."
    ),
]


def command(
    model: Model,
    output: Output,
    method: MethodOption = Method.POST_TRAINING,
    scheme: SchemeOption = None,
    data: DataPath = None,
    epochs: Epochs = 5,
    learning_rate: Rate = 1e-4,
    calibration: CalibrationSamples = 200,
    seed: Seed = 0,
    allow_code: Code = None,
    array: Arrays = None,
    labels: Labels = None,
    task: TaskOption = None,
    force: Force = False,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Quantize a Keras model and report size, accuracy and exactness.

    If the model was trained on the samples in --data, the accuracy is too high.
    Measure the test accuracy with `snugnet benchmark` on other samples.
    """
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, labels, limits)
    request = QuantizeRequest(
        model=model,
        output=output,
        method=method,
        scheme=str(scheme or choose_scheme(source)),
        data=source,
        epochs=epochs,
        learning_rate=learning_rate,
        calibration=calibration,
        seed=seed,
        allow_code=allow_code,
        task=task,
        force=force,
        budget=limits,
    )
    with report_progress_on_stderr():
        report = quantize_file(request)
    show_result(report, as_json, _show)


def _show(console: Console, report: QuantizeReport) -> None:
    request, contract = report.request, report.contract
    console.print(f"{request.output}: {request.scheme}, {request.method}")
    for note in report.notes:
        console.print(f"note: {note}")
    console.print(
        join(
            f"size: {report.model_bytes:,} bytes as Keras model, {report.float32_bytes:,} as "
            "float32 TFLite, ",
            bold(f"{report.output_bytes:,}"),
            f" quantized ({100 * report.output_bytes / report.float32_bytes:.0f} % of float32)",
        )
    )
    console.print(f"input type: {contract.input}, output type: {contract.output}")
    console.print(
        f"weight tensors: {len(set(contract.int8_weights))} int8, "
        f"{len(set(contract.float_weights))} float"
    )
    if request.scheme in FULL_INTEGER:
        in_float = contract.in_float
        console.print(f"operators in float: {len(in_float) or 'none'}{_first_lines(in_float)}")
    if contract.findings:
        console.print(f"violations of the scheme{_first_lines(contract.findings)}")
    show_quality(console, report.quality, sum(report.splits.values()) or None)
    if report.certificate is not None:
        for profile, comparison in report.certificate.comparisons.items():
            reason = "" if comparison.reason is None else f" ({comparison.reason[:120]})"
            console.print(f"bit-exactness, {profile}: {comparison.verdict}{reason}")


def _first_lines(texts: Sequence[str]) -> str:
    """List the first of possibly hundreds of texts, each on a line of its own and cut off."""
    if not texts:
        return ""
    lines = [f"\n  {text if len(text) < 110 else text[:100] + ' …'}" for text in texts[:SHOWN]]
    rest = len(texts) - SHOWN
    more = f"\n  and {rest} more (--json prints all)" if rest > 0 else ""
    return ":" + "".join(lines) + more
