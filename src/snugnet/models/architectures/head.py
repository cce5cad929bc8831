"""The output layer of a network, by task."""

import tf_keras

from snugnet.core.errors import InputError

ACTIVATION = {
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "binary": "sigmoid",
    "regression": "linear",
}


def make_output_layer(task: str, classes: int) -> tf_keras.layers.Layer:
    """Make the output layer: k softmax outputs, k sigmoids, one sigmoid, or k real numbers.

    Args:
        task: A task with one output vector for each sample.
        classes: Number of classes or targets k; a binary task has 2 classes and one output.

    Returns:
        A Dense layer named `scores`.

    Raises:
        InputError: If the task needs outputs at several positions.
    """
    if task not in ACTIVATION:
        raise InputError(
            f"task {task}: the architectures of Snugnet have one output vector for each sample; "
            "bring your own model (`file` in `models`)"
        )
    units = 1 if task == "binary" else classes
    return tf_keras.layers.Dense(units, activation=ACTIVATION[task], name="scores")
