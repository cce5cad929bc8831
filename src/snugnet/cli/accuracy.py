"""Lines about accuracy, shared by the commands that measure it."""

from rich.console import Console

from snugnet.evaluation.accuracy import Accuracy, Difference
from snugnet.services.evaluate import describe_interval


def show_accuracy(
    console: Console, accuracy: Accuracy | None, difference: Difference | None, reason: str | None
) -> None:
    """Print accuracy and difference with their intervals, or why accuracy was not measured."""
    if accuracy is None:
        if reason is not None:
            console.print(f"accuracy not measured: {reason}", markup=False)
        return
    groups = "" if accuracy.n_groups is None else f" of {accuracy.n_groups} groups"
    interval = describe_interval(accuracy.low, accuracy.high, accuracy.confidence)
    console.print(
        f"accuracy [bold]{accuracy.accuracy:.4f}[/bold]{interval} on {accuracy.n} samples{groups}"
    )
    if difference is not None:
        interval = describe_interval(difference.low, difference.high, accuracy.confidence)
        console.print(
            f"baseline {difference.baseline:.4f}, difference {difference.delta:+.4f}{interval}, "
            f"p = {difference.p:.3g}"
        )
