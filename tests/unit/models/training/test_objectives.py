"""Tests of loss, metrics and targets of each task."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.tasks import LOGIT_THRESHOLD, PROBABILITY_THRESHOLD, Task

RNG = np.random.default_rng(0)
COUNT = 8
# Shape of an output of each task, and labels in the form of the task.
CASES: dict[str, tuple[tuple[int, ...], np.ndarray]] = {
    "multiclass": ((3,), np.arange(COUNT) % 3),
    "binary": ((1,), np.arange(COUNT) % 2),
    "multilabel": ((3,), RNG.integers(0, 2, (COUNT, 3)).astype(np.uint8)),
    "segmentation": ((5, 3), RNG.integers(0, 3, (COUNT, 5))),
    "segmentation of one class": ((5, 1), RNG.integers(0, 2, (COUNT, 5))),
    "segmentation of images": ((4, 5, 3), RNG.integers(0, 3, (COUNT, 4, 5))),
    "regression": ((1,), RNG.normal(size=(COUNT, 1)).astype(np.float32)),
    "regression of several": ((3,), RNG.normal(size=(COUNT, 3)).astype(np.float32)),
    "regression of positions": ((5, 2), RNG.normal(size=(COUNT, 10)).astype(np.float32)),
    "reconstruction": ((6, 2), np.arange(COUNT) % 2),
    "reconstruction without labels": ((12,), np.zeros(0, np.int64)),
    "reconstruction of images": ((2, 3, 2), np.zeros(0, np.int64)),
}
WITH_LOGITS = [name for name in CASES if Task(name.split()[0]).has_classes]


@pytest.fixture(scope="module")
def objectives(keras) -> Any:
    """The module, which imports TensorFlow."""
    from snugnet.models.training import objectives

    return objectives


def make_samples(name: str, threshold: float = PROBABILITY_THRESHOLD) -> Samples:
    x = RNG.normal(size=(COUNT, 6, 2)).astype(np.float32)
    task = name.split(maxsplit=1)[0]
    return Samples(x, CASES[name][1], ("a", "b", "c"), task, threshold=threshold)


def make_model(keras: Any, name: str, activation: str | None) -> Any:
    """Make a network of one layer with the output of a task."""
    layers, (shape, _) = keras.tf_keras.layers, CASES[name]
    keras.tf_keras.utils.set_random_seed(1)
    return keras.tf_keras.Sequential(
        [
            layers.Input((6, 2)),
            layers.Flatten(),
            layers.Dense(int(np.prod(shape))),
            layers.Reshape(shape),
            layers.Activation(activation or "linear"),
        ]
    )


def name_of(metric: Any) -> str:
    return type(metric).__name__


# --- Loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("multiclass", "sparse_categorical_crossentropy"),
        ("binary", "binary_crossentropy"),
        ("multilabel", "binary_crossentropy"),
        ("segmentation", "sparse_categorical_crossentropy"),
        ("segmentation of one class", "binary_crossentropy"),
        ("regression", "mse"),
        ("regression of several", "mse"),
        ("reconstruction", "mse"),
    ],
)
def test_loss_has_name_when_outputs_are_probabilities(objectives, name, expected):
    assert objectives.make_loss(make_samples(name), CASES[name][0][-1]) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("multiclass", "SparseCategoricalCrossentropy"),
        ("segmentation", "SparseCategoricalCrossentropy"),
        ("binary", "BinaryCrossentropy"),
        ("multilabel", "BinaryCrossentropy"),
        ("segmentation of one class", "BinaryCrossentropy"),
    ],
)
def test_loss_takes_logits_when_threshold_is_zero(objectives, name, kind):
    samples = make_samples(name, LOGIT_THRESHOLD)
    loss = objectives.make_loss(samples, CASES[name][0][-1])
    assert name_of(loss) == kind
    assert loss.get_config()["from_logits"] is True


@pytest.mark.parametrize("name", ["regression", "regression of positions", "reconstruction"])
def test_loss_is_mse_when_outputs_have_no_activation(objectives, name):
    """There, a threshold of 0 has no meaning."""
    samples = make_samples(name, LOGIT_THRESHOLD)
    assert objectives.make_loss(samples, CASES[name][0][-1]) == "mse"


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_loss_of_logits_equals_loss_of_probabilities_when_same(objectives, keras, name):
    """The loss of logits is the loss of their softmax or sigmoid."""
    tf, shape = keras.tf, CASES[name][0]
    logits = tf.constant(RNG.normal(size=(COUNT, *shape)) * 2, tf.float32)
    is_softmax = shape[-1] > 1 and not name.startswith("multilabel")
    probabilities = tf.nn.softmax(logits) if is_softmax else tf.nn.sigmoid(logits)
    values = []
    for threshold, outputs in ((0.0, logits), (0.5, probabilities)):
        samples = make_samples(name, threshold)
        loss = keras.tf_keras.losses.get(objectives.make_loss(samples, shape[-1]))
        targets = tf.constant(objectives.make_targets(samples, shape).astype(np.float32))
        targets = tf.reshape(targets, (COUNT, 1)) if name == "binary" else targets
        values.append(float(tf.reduce_mean(loss(targets, outputs))))
    assert values[0] == pytest.approx(values[1], rel=1e-4)


# --- Metrics -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("multiclass", "SparseCategoricalAccuracy"),
        ("segmentation", "SparseCategoricalAccuracy"),
        ("segmentation of images", "SparseCategoricalAccuracy"),
        ("segmentation of one class", "BinaryAccuracy"),
        ("binary", "BinaryAccuracy"),
        ("multilabel", "BinaryAccuracy"),
        ("regression", "MeanAbsoluteError"),
        ("regression of positions", "MeanAbsoluteError"),
        ("reconstruction", "MeanAbsoluteError"),
    ],
)
@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_metric_fits_task_when_auc_is_not_monitored(objectives, name, kind, monitor):
    (metric,) = objectives.make_metrics(make_samples(name), CASES[name][0][-1], monitor)
    assert name_of(metric) == kind
    assert metric.name == ("mae" if kind == "MeanAbsoluteError" else "accuracy")


@pytest.mark.parametrize("name", ["binary", "multilabel", "segmentation of one class"])
@pytest.mark.parametrize("threshold", [LOGIT_THRESHOLD, PROBABILITY_THRESHOLD])
def test_accuracy_uses_threshold_when_it_is_binary(objectives, name, threshold):
    samples = make_samples(name, threshold)
    (metric,) = objectives.make_metrics(samples, CASES[name][0][-1], "loss")
    metric.update_state([[1], [1], [0], [0]], [[0.2], [0.7], [0.2], [-0.1]])
    # At 0: 1, 1, 1, 0. At 0.5: 0, 1, 0, 0.
    assert float(metric.result()) == pytest.approx(0.75)
    metric.reset_state()
    metric.update_state([[1]], [[0.2]])
    assert float(metric.result()) == (1.0 if threshold == 0 else 0.0)


@pytest.mark.parametrize("name", ["binary", "multilabel"])
def test_metrics_include_auc_when_it_is_monitored(objectives, name):
    accuracy, auc = objectives.make_metrics(make_samples(name), CASES[name][0][-1], "auc")
    assert (accuracy.name, auc.name) == ("accuracy", "auc")
    assert auc.multi_label == (name == "multilabel")


@pytest.mark.parametrize("name", ["binary", "multilabel"])
@pytest.mark.parametrize("threshold", [PROBABILITY_THRESHOLD, LOGIT_THRESHOLD])
def test_auc_equals_sklearn_when_it_is_monitored(objectives, name, threshold):
    """The AUC of logits is that of their probabilities."""
    outputs = CASES[name][0][-1]
    truth = np.random.default_rng(3).integers(0, 2, (300, outputs))
    logits = np.random.default_rng(4).normal(size=truth.shape) + truth
    scores = logits if threshold == LOGIT_THRESHOLD else 1 / (1 + np.exp(-logits))
    _, auc = objectives.make_metrics(make_samples(name, threshold), outputs, "auc")
    auc.update_state(truth, scores.astype(np.float32))
    assert float(auc.result()) == pytest.approx(roc_auc_score(truth, logits), abs=0.01)


# --- Targets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multiclass", "binary", "multilabel", "segmentation"])
def test_targets_are_labels_when_task_has_classes(objectives, name):
    samples = make_samples(name)
    targets = objectives.make_targets(samples, CASES[name][0])
    np.testing.assert_array_equal(targets, samples.y)
    assert targets.dtype == samples.y.dtype


def test_targets_have_an_axis_when_one_class_is_segmented(objectives):
    samples = make_samples("segmentation of one class")
    targets = objectives.make_targets(samples, (5, 1))
    assert targets.shape == (COUNT, 5, 1)
    np.testing.assert_array_equal(targets[..., 0], samples.y)


@pytest.mark.parametrize("name", ["regression", "regression of several", "regression of positions"])
def test_targets_have_shape_of_output_when_regression(objectives, name):
    samples, shape = make_samples(name), CASES[name][0]
    targets = objectives.make_targets(samples, shape)
    assert targets.shape == (COUNT, *shape)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets.ravel(), samples.y.ravel())


def test_targets_are_scalars_when_output_has_no_axis(objectives):
    samples = make_samples("regression")
    np.testing.assert_array_equal(objectives.make_targets(samples, ()), samples.y[:, 0])


@pytest.mark.parametrize("shape", [(6, 2), (12,), (2, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.uint8])
def test_targets_are_inputs_when_reconstruction(objectives, shape, dtype):
    x = RNG.integers(0, 100, (COUNT, 6, 2)).astype(dtype)
    for y in (np.zeros(0, np.int64), np.arange(COUNT) % 2):
        targets = objectives.make_targets(Samples(x, y, (), "reconstruction"), shape)
        assert targets.shape == (COUNT, *shape)
        assert targets.dtype == np.float32
        np.testing.assert_array_equal(targets.ravel(), x.ravel())


# --- All together ------------------------------------------------------------------------------

ACTIVATIONS = {
    "multiclass": "softmax",
    "binary": "sigmoid",
    "multilabel": "sigmoid",
    "segmentation": "softmax",
    "segmentation of one class": "sigmoid",
    "segmentation of images": "softmax",
}


@pytest.mark.parametrize("is_logit", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_model_learns_when_objectives_are_compiled(objectives, keras, name, is_logit):
    """Loss, metric and targets fit each other and the output; the metric is that of predictions."""
    from snugnet.core.predictions import Predictions

    activation = ACTIVATIONS.get(name)
    if activation is not None and is_logit:
        activation = None
    samples = make_samples(name, LOGIT_THRESHOLD if is_logit else PROBABILITY_THRESHOLD)
    model, shape = make_model(keras, name, activation), CASES[name][0]
    model.compile(
        optimizer=keras.tf_keras.optimizers.Adam(0.02),
        loss=objectives.make_loss(samples, shape[-1]),
        metrics=objectives.make_metrics(samples, shape[-1], "loss"),
        run_eagerly=True,
    )
    targets = objectives.make_targets(samples, shape)
    losses = model.fit(samples.x, targets, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    result = model.evaluate(samples.x, targets, verbose=0, return_dict=True)
    scores = model.predict(samples.x, verbose=0)
    predictions = Predictions.from_samples(samples, scores, scores)
    if predictions.has_classes:
        expected = predictions.compute_correctness().mean()
        assert result["accuracy"] == pytest.approx(expected)
    else:
        assert result["mae"] == pytest.approx(predictions.compute_errors().mean(), rel=1e-4)


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "auc"])
def test_fit_trains_when_task_has_no_classes(keras, monitor):
    """The monitored metric must exist in the history of a regression."""
    from snugnet.core.settings.training import TrainingSettings
    from snugnet.models.training.fit import fit

    samples = make_samples("regression")
    settings = TrainingSettings(epochs=2, batch_size=4, monitor=monitor)
    history = fit(make_model(keras, "regression", None), samples, samples, settings, seed=1)
    assert len(history) == 2
    assert history[-1]["mae"] > 0


@pytest.mark.parametrize("name", ["regression", "reconstruction", "segmentation"])
def test_fit_trains_when_classes_are_weighted(keras, name):
    """`class_weights` has no meaning without one class for each sample: ignored or refused."""
    from snugnet.core.settings.training import TrainingSettings
    from snugnet.models.training.fit import fit

    samples = make_samples(name)
    settings = TrainingSettings(epochs=1, batch_size=4, class_weights=True)
    model = make_model(keras, name, ACTIVATIONS.get(name))
    try:
        history = fit(model, samples, samples, settings, seed=1)
    except InputError:
        return
    assert len(history) == 1
