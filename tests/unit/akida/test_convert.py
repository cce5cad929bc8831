"""Tests of the conversion of a quantized model to an Akida program."""

import numpy as np

from tests.unit.akida.conftest import images


def halfway(kernel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weights of which nearly all lie half way between two of the integers from -7 to 7."""
    steps = rng.integers(-7, 7, kernel.shape) + 0.5
    steps[0] = 7.0  # sets the scale of each channel
    return (steps * rng.uniform(0.01, 0.1, kernel.shape[-1]) / 7).astype(np.float32)


def summed(weights: np.ndarray) -> np.ndarray:
    """Sum over the positions of a kernel, whose order programs reverse."""
    return weights.sum((0, 1)) if weights.ndim == 4 else weights


def test_convert_rounds_as_keras_when_weight_is_halfway(keras):
    from snugnet.akida.convert import convert
    from snugnet.akida.quantize import quantize
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn

    rng = np.random.default_rng(0)
    settings = AkidaCnn(filters=(32, 32, 64), dropout=0.0, batch_norm=False)
    model = akida_cnn.build(settings, (16, 20, 1), "multiclass", 3)
    model.set_weights([halfway(w, rng) if w.ndim > 1 else w for w in model.get_weights()])
    scheme = AKIDA_SCHEMES["akida_v2_w4a4"]
    quantized = quantize(model, scheme, images(30))
    program = convert(quantized, scheme)
    compared = 0
    for layer in quantized.layers:
        if hasattr(layer, "weight_quantizer"):
            integers = layer.weight_quantizer(layer.kernel).fp.values.numpy()
            held = program.get_layer(layer.name).variables["weights"].astype(float)
            np.testing.assert_array_equal(summed(held), summed(integers), layer.name)
            compared += integers.size
    assert compared > 10_000
