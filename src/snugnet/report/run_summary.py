"""Text at the end of a run: verdict, recommended models, failed checks and failed jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.errors import InputError
from snugnet.core.files import read_json
from snugnet.core.paths import ResultPath
from snugnet.core.text import format_count
from snugnet.evaluation.gate import GateResult
from snugnet.evaluation.groups import warn_of_few_groups
from snugnet.evaluation.headline import Headline, format_headline
from snugnet.evaluation.recommend import describe_rule, recommend
from snugnet.evaluation.result_row import DeviceCost, ResultRow, list_measured_targets
from snugnet.report.files import read_table, to_records

# Number of failed checks or jobs that are printed; the others are counted.
MAX_ENTRIES = 20


@dataclass(frozen=True)
class FailedJob:
    """A job that failed.

    Attributes:
        name: Its rule and wildcards.
        logs: Paths of its log files.
    """

    name: str
    logs: Sequence[str]


@dataclass(frozen=True)
class Recommendation:
    """The recommended model of a dataset.

    Attributes:
        dataset: Name of the dataset.
        file: Path of the .tflite file or of the Akida program.
        headline: Accuracy on test with its interval, or the mean absolute error.
        size_bytes: Size of the file; None if unknown.
        arena_bytes: Size of the tensor arena; None if unknown.
        device_cost: Cost on `StudySummary.target`; None if it was not measured.
    """

    dataset: str
    file: str
    headline: Headline
    size_bytes: int | None
    arena_bytes: int | None
    device_cost: DeviceCost | None = None


@dataclass(frozen=True)
class StudySummary:
    """The results of a finished study.

    Attributes:
        cells: Number of cells.
        failures: Failed checks, each with its cell.
        warnings: Reasons to trust the figures less.
        recommendations: One for each dataset.
        confidence: Confidence level of the intervals.
        report: Path of the report.
        target: The microcontroller whose flash decides; None if the size of the file does.
    """

    cells: int
    failures: Sequence[str]
    warnings: Sequence[str]
    recommendations: Sequence[Recommendation]
    confidence: float
    report: str
    target: str | None = None


def summarize(results: str | Path, confidence: float) -> StudySummary:
    """Read the summary of a finished study.

    Args:
        results: The results folder, with gate.json and metrics.csv.
        confidence: Confidence level of the intervals in metrics.csv.

    Raises:
        InputError: If one of the two files is missing.
    """
    folder = Path(results)
    for path in (ResultPath.GATE, ResultPath.TABLE):
        if not (folder / path).is_file():
            raise InputError(f"{folder / path}: no such file. Create it: snakemake --cores 1 all")
    gate = GateResult.from_json(read_json(folder / ResultPath.GATE))
    table = to_records(read_table(folder / ResultPath.TABLE))
    rows = [ResultRow.from_columns(record) for record in table]
    target = next(iter(list_measured_targets(rows)), None)
    return StudySummary(
        cells=gate.cells,
        failures=gate.failures,
        warnings=warn_of_few_groups(rows),
        recommendations=[
            _build_recommendation(folder, choice.recommended, target) for choice in recommend(rows)
        ],
        confidence=confidence,
        report=str(folder / ResultPath.PAGE),
        target=target,
    )


def _build_recommendation(folder: Path, row: ResultRow, target: str | None) -> Recommendation:
    is_akida = row.scheme in AKIDA_SCHEMES
    size = row.akida_program_bytes if is_akida else row.size_bytes
    file = ResultPath.PROGRAM if is_akida else ResultPath.TFLITE
    return Recommendation(
        dataset=row.dataset,
        file=str(folder / file.of_cell(row)),
        headline=row.headline,
        size_bytes=None if size is None else int(size),
        arena_bytes=None if row.arena_bytes is None else int(row.arena_bytes),
        device_cost=None if target is None else row.device_cost(target),
    )


def describe_study(summary: StudySummary) -> str:
    """Format the verdict, the recommended models or the failed checks, and the report's path."""
    warnings = [f"Warning: {warning}" for warning in summary.warnings]
    if summary.failures:
        count = format_count(len(summary.failures), "check")
        lines = [f"{count} failed:", *_indent_entries(summary.failures), *warnings]
    else:
        lines = [f"All checks passed ({format_count(summary.cells, 'cell')})"]
        lines += warnings
        if summary.recommendations:
            names = dict.fromkeys(entry.headline.name for entry in summary.recommendations)
            rule = describe_rule(" or ".join(names), summary.target)
            lines.append(f"Recommended models: {rule}")
        for recommendation in summary.recommendations:
            lines += _format_recommendation(recommendation, summary.confidence)
    return "\n".join([*lines, f"Report: {summary.report}"])


def describe_failed_jobs(jobs: Sequence[FailedJob]) -> str:
    """Format the name and the log files of each failed job."""
    blocks = [job.name + "".join(f"\n    log: {log}" for log in job.logs) for job in jobs]
    return "\n".join([f"{format_count(len(jobs), 'job')} failed:", *_indent_entries(blocks)])


def _format_recommendation(recommendation: Recommendation, confidence: float) -> list[str]:
    headline = recommendation.headline
    figure = f"{headline.name} {headline}"
    if headline.low is not None and headline.high is not None:
        low, high = (
            format_headline(end, headline.is_error).removesuffix(" %")
            for end in (headline.low, headline.high)
        )
        figure += f" ({100 * confidence:g} % CI {low} to {high})"
    costs = {"file": recommendation.size_bytes, "arena": recommendation.arena_bytes}
    if (device := recommendation.device_cost) is not None:
        costs = {"flash": device.flash_bytes, "RAM": device.ram_bytes}
    known = [f"{name} {size:,} bytes" for name, size in costs.items() if size is not None]
    if device is not None:
        known.append(f"{device.instructions:,} instructions")
    return [
        f"  {recommendation.dataset}: {recommendation.file}",
        f"    {', '.join([figure, *known])}",
    ]


def _indent_entries(entries: Sequence[str]) -> list[str]:
    """Indent the first entries and count the others."""
    lines = [f"  {entry}" for entry in entries[:MAX_ENTRIES]]
    rest = len(entries) - MAX_ENTRIES
    return [*lines, f"  … and {rest} more"] if rest > 0 else lines
