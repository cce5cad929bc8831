"""`snugnet verify`: check that a file is bit-exact on LiteRT and TensorFlow Lite Micro."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, bold, join, report_progress_on_stderr, show_result
from snugnet.cli.options import Arrays, BudgetFactor, make_budget, make_source
from snugnet.services.verify import CERTIFIED, TRACED, Verification, verify
from snugnet.verification.certificate import KernelDifference

Model = Annotated[Path, typer.Argument(help="Full-integer .tflite file.")]
DataPath = Annotated[
    Path | None,
    typer.Option("--data", help="Samples: .npz with x, .npy or .csv (default: random inputs)."),
]
RandomSamples = Annotated[
    int, typer.Option("--samples", min=1, help="Number of random samples, if there is no --data.")
]
Traced = Annotated[
    int,
    typer.Option(
        "--traced",
        min=1,
        help="Number of samples for which all tensors are compared, not only outputs.",
    ),
]


def command(
    model: Model,
    data: DataPath = None,
    samples: RandomSamples = CERTIFIED,
    traced: Traced = TRACED,
    array: Arrays = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Compare LiteRT and TensorFlow Lite Micro with the integer engine, tensor by tensor.

    Exit code: 0 if every tensor is identical, 1 if not, 2 if the file is not full-integer.
    """
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, None, limits)
    with report_progress_on_stderr():
        verification = verify(model, source, samples, traced, limits)
    show_result(verification, as_json, _show)
    if not verification.exact:
        raise typer.Exit(1)


def _show(console: Console, verification: Verification) -> None:
    certificate = verification.certificate
    console.print(f"samples: {certificate.samples} ({verification.inputs})")
    for profile, comparison in certificate.comparisons.items():
        console.print(join(f"{profile}: ", bold(comparison.verdict)))
        if comparison.reason is not None:
            console.print(f"  {comparison.reason}")
            continue
        console.print(
            f"  compared: {comparison.tensors} tensors of {comparison.samples_traced} samples, and "
            "the outputs of all samples"
        )
        if (first := comparison.first_operator) is not None:
            console.print(
                f"  {comparison.mismatches} values differ by up to {comparison.worst_lsb} LSB; the "
                f"first at operator {first.operator} {first.name}"
            )
    if certificate.xnnpack is not None:
        console.print(f"LiteRT's default kernels: {_describe_difference(certificate.xnnpack)}")
    if certificate.arena_bytes is not None:
        console.print(f"tensor arena (TensorFlow Lite Micro): {certificate.arena_bytes:,} bytes")


def _describe_difference(difference: KernelDifference) -> str:
    if not difference.fraction:
        return "identical"
    percent = 100 * difference.fraction
    return f"{percent:.2g} % of outputs differ, by up to {difference.worst_lsb} LSB"
