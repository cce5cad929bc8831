"""Lines about quality, shared by the commands that measure it."""

from rich.console import Console

from snugnet.cli.console import bold, join, print_table
from snugnet.core.text import describe_groups, format_count
from snugnet.services.evaluate import ERROR_FORMAT, describe_errors, describe_interval
from snugnet.services.quality import Quality
from snugnet.services.user_data import describe_arrays


def show_quality(console: Console, quality: Quality, total: int | None = None) -> None:
    """Print accuracy or errors with their intervals, or why quality was not measured.

    Args:
        console: The console.
        quality: The quality.
        total: Number of all samples, if the model was quantized with the samples that are not
            measured; None if all samples are measured.
    """
    if quality.used:
        console.print(f"data: {describe_arrays(quality.used)}")
    if quality.task is None:
        if quality.reason is not None:
            console.print(f"quality not measured: {quality.reason}")
        _show_warnings(console, quality)
        return
    console.print(f"task: {quality.task}; --task sets another one")
    measured = quality.accuracy or quality.errors
    assert measured is not None
    samples = f"{format_count(measured.n, 'sample')}{describe_groups(measured.n_groups)}"
    use = ""
    if total is not None:
        groups = measured.n_groups
        in_groups = "" if groups is None else f" ({format_count(groups, 'group')})"
        samples = f"{measured.n:,} of {format_count(total, 'sample')}{in_groups}"
        use = ", which were not used for calibration or training"
    if quality.accuracy is not None:
        accuracy = quality.accuracy
        interval = describe_interval(accuracy.low, accuracy.high, accuracy.confidence)
        value = bold(f"{accuracy.accuracy:.4f}")
        console.print(join("accuracy ", value, f"{interval} on {samples}{use}"))
    if quality.errors is not None:
        for name, text in describe_errors(quality.errors).items():
            console.print(f"{name} {text} on {samples}{use}")
            use = ""
    if quality.difference is not None:
        difference = quality.difference
        form = ".4f" if quality.errors is None else ERROR_FORMAT
        interval = describe_interval(difference.low, difference.high, measured.confidence, form)
        console.print(
            f"baseline {difference.baseline:{form}}, difference "
            f"{difference.delta:+{form}}{interval}, p = {difference.p:.3g}"
        )
    if quality.sqnr_db is not None:
        console.print(f"outputs against the baseline: SQNR {quality.sqnr_db:.1f} dB")
    rows = (
        (entry.name, entry.n, _percent(entry.precision), _percent(entry.recall))
        for entry in quality.classes
    )
    columns = ("class", "samples", "precision", "recall")
    print_table(console, "classes are unbalanced", columns, rows, right=columns[1:])
    _show_warnings(console, quality)


def _show_warnings(console: Console, quality: Quality) -> None:
    for warning in quality.warnings:
        console.print(f"warning: {warning}")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
