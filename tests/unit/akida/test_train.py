"""Tests of training with Akida's quantizers."""

import numpy as np
import pytest

from snugnet.core.errors import NotAkidaError
from tests.unit.akida.conftest import images
from tests.unit.conftest import TRAINING


@pytest.fixture(scope="module")
def parent(keras):
    """A network that has hardly learned, and its samples."""
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn
    from snugnet.models.training.fit import fit

    settings = AkidaCnn(filters=(4, 6), dropout=0.1, batch_norm=True)
    model = akida_cnn.build(settings, (16, 20, 1), "multiclass", 3)
    train, val = samples(160, seed=1), samples(80, seed=2)
    fit(model, train, val, TRAINING.model_copy(update={"epochs": 2}), seed=1)
    return model, train, val


def samples(n: int, seed: int):
    from snugnet.core.samples import Samples

    x = images(n, seed).clip(0, 255).astype(np.uint8)
    return Samples(x, np.arange(n) % 3, ("a", "b", "c"), "multiclass")


def loss(quantized, val) -> float:
    from tf_keras import losses

    real = quantized.predict(val.x.astype(np.float32), verbose=0)
    return float(losses.SparseCategoricalCrossentropy(from_logits=True)(val.y, real))


# The restoring of weights is always tested with TFLite's quantizers, which need less time.
@pytest.mark.parametrize(
    ("learning_rate", "better"),
    [(0.003, True), pytest.param(30.0, False, marks=pytest.mark.slow)],
)
def test_train_quantized_loss_does_not_rise_when_rate_differs(learning_rate, better, parent):
    from snugnet.akida.quantize import quantize
    from snugnet.akida.train import train_quantized
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    model, train, val = parent
    scheme, calib = AKIDA_SCHEMES["akida_v1_w4a4"], train.x[:100]
    # `model_copy` does not check the learning rate; no configuration allows 30.
    training = TRAINING.model_copy(update={"epochs": 3, "learning_rate": learning_rate})
    quantized, history = train_quantized(model, scheme, calib, train, val, training, seed=1)
    assert len(history) == 3
    before, after = loss(quantize(model, scheme, calib), val), loss(quantized, val)
    if better:
        assert after < before
    else:
        assert after == pytest.approx(before, rel=1e-5)


def test_train_quantized_fails_first_when_layer_is_unsupported(keras, monkeypatch):
    from tf_keras import Model, layers

    from snugnet.akida import train as module
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    inputs = layers.Input((16, 20, 1), name="input")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.AveragePooling2D(2, name="average")(x)
    x = layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(x))
    monkeypatch.setattr(module, "fit", lambda *_: pytest.fail("it was trained"))
    part = samples(30, seed=3)
    scheme = AKIDA_SCHEMES["akida_v2_w8a8"]
    with pytest.raises(NotAkidaError, match="quantizeml does not quantize average"):
        module.train_quantized(Model(inputs, x), scheme, part.x, part, part, TRAINING, 1)
