"""The output layer of a network, by task."""

import tf_keras

ACTIVATION = {"multiclass": "softmax", "multilabel": "sigmoid", "binary": "sigmoid"}


def make_output_layer(task: str, classes: int) -> tf_keras.layers.Layer:
    """Make the output layer: k softmax outputs, k sigmoids, or one sigmoid.

    Args:
        task: `multiclass`, `multilabel` or `binary`.
        classes: Number of classes k; a binary task has 2 classes and one output.

    Returns:
        A Dense layer named `scores`.
    """
    units = 1 if task == "binary" else classes
    return tf_keras.layers.Dense(units, activation=ACTIVATION[task], name="scores")
