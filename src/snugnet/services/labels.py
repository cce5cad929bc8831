"""Labelled samples of a task, from the data of a user."""

from snugnet.core.labels import are_inputs, convert_labels
from snugnet.core.samples import Samples
from snugnet.core.tasks import ModelEnds, TaskChoice, choose_task
from snugnet.services.user_data import Data


def build_samples(
    data: Data, ends: ModelEnds, source: str, requested: str | None = None
) -> tuple[Samples, TaskChoice]:
    """Build samples of a task from the data of a user.

    Args:
        data: The data.
        ends: Input and output of the model.
        source: Path or name of the samples, for messages.
        requested: The task that the user asks for; None to find it.

    Returns:
        The samples, with labels in the form of the task, and the task.

    Raises:
        InputError: If there are no labels and the task needs some, or if they do not fit the model;
            the message has advice.
    """
    is_input = are_inputs(data.x, data.y)
    choice = choose_task(ends, data.y, requested, is_input)
    labels = convert_labels(data.x, data.y, data.class_names, ends, choice.task, source)
    samples = Samples(
        x=data.x,
        y=labels.y,
        class_names=labels.class_names,
        task=str(choice.task),
        group=data.group,
        threshold=choice.threshold,
    )
    return samples, choice
