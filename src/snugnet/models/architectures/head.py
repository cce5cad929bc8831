"""The last layer, which follows from the task."""

import tf_keras

ACTIVATION = {"multiclass": "softmax", "multilabel": "sigmoid", "binary": "sigmoid"}


def output_layer(task: str, classes: int) -> tf_keras.layers.Layer:
    """Make the output layer: k softmax, k sigmoids, or one sigmoid.

    Args:
        task: `multiclass`, `multilabel` or `binary`.
        classes: Number of classes; a binary task has 2 and one output.
    """
    units = 1 if task == "binary" else classes
    return tf_keras.layers.Dense(units, activation=ACTIVATION[task], name="scores")
