"""One TensorFlow for all unit tests, and one small trained model for each task."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snugnet.core.settings.architectures.inception import Inception
from snugnet.core.settings.training import TrainingSettings

TRAINING = TrainingSettings(epochs=8, batch_size=32, learning_rate=0.005, patience=5)
INCEPTION = Inception(stages=2, filters=8, bottleneck=4, kernel=5, stride=2)
SHAPE = (1, 64, 1)


@pytest.fixture(scope="session")
def keras() -> Any:
    """TensorFlow configured as jobs configure it."""
    from snugnet.models.loading import keras2

    keras2.configure(seed=1, threads=1)
    return keras2


def waves(task: str, n: int = 240) -> Any:
    """Samples of sines whose frequency is the class; several at once for multi-label tasks."""
    from snugnet.core.samples import Samples

    rng = np.random.default_rng(5)
    t = np.arange(SHAPE[1]) / SHAPE[1]
    tones = np.stack([np.sin(2 * np.pi * f * t) for f in (2, 5, 9)])
    if task == "multilabel":
        y = rng.integers(0, 2, (n, 3)).astype(np.uint8)
        x = y @ tones
    else:
        y = np.arange(n) % (2 if task == "binary" else 3)
        x = tones[y]
    x = (x + rng.normal(0, 0.4, x.shape)).astype(np.float32)[:, np.newaxis, :, np.newaxis]
    names = ("low", "high") if task == "binary" else ("low", "mid", "high")
    return Samples(x, y, names, task, np.arange(n) // 8)


@pytest.fixture(scope="session", params=["multiclass", "multilabel", "binary"])
def trained(request, keras, tmp_path_factory) -> Any:
    """A small Inception trained on sines: `model`, `path`, `samples`, `history`."""
    from snugnet.models.architectures import inception
    from snugnet.models.loading.storage import save_model
    from snugnet.models.training.fit import fit

    samples = waves(request.param)
    train, val = samples.take(np.arange(160)), samples.take(np.arange(160, 240))
    # The first weights are drawn here: they must not depend on what ran before in this process.
    keras.tf_keras.utils.set_random_seed(1)
    model = inception.build(INCEPTION, SHAPE, samples.task, len(samples.class_names))
    history = fit(model, train, val, TRAINING, seed=1)
    path: Path = tmp_path_factory.mktemp(request.param) / "model.h5"
    save_model(model, path)
    return SimpleNamespace(model=model, path=path, samples=samples, history=history)


@pytest.fixture
def save(tmp_path):
    """Write the bytes of a .tflite file; return its path."""

    def saved(file: bytes) -> Path:
        path = tmp_path / "model.tflite"
        path.write_bytes(file)
        return path

    return saved
