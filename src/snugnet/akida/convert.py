"""From a quantized Keras model to an Akida model, and what its layers hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import akida
import cnn2snn
import numpy as np

from snugnet.akida.quantize import is_dequantizer
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.models.loading.keras2 import tf, tf_keras

VERSIONS = {"v1": cnn2snn.AkidaVersion.v1, "v2": cnn2snn.AkidaVersion.v2}


def convert(quantized: tf_keras.Model, scheme: AkidaScheme) -> akida.Model:
    """Convert a quantized model for the generation of a scheme.

    Raises:
        NotAkidaError: If it is a float model, or cnn2snn refuses it.
    """
    if not any(is_dequantizer(layer) for layer in quantized.layers):
        raise NotAkidaError(f"{quantized.name} is a float model; quantize it first")
    try:
        with cnn2snn.set_akida_version(VERSIONS[scheme.version]), run_eagerly():
            return cnn2snn.convert(quantized)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise NotAkidaError(f"cnn2snn: {error}") from None


@contextmanager
def run_eagerly() -> Iterator[None]:
    """Run TensorFlow's functions operation by operation, as the Keras runtime does.

    cnn2snn takes the integers of weights from a call that it traces into a graph. TensorFlow
    rearranges a graph, a scale comes out a last bit larger or smaller, and a weight half way
    between two integers becomes the other one.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def describe_layers(model: akida.Model, samples: np.ndarray) -> list[dict[str, Any]]:
    """List the layers of a model: name, type, shape of the output, parameters, share of zeros.

    Args:
        model: Not mapped on a device.
        samples: Inputs on which the zeros of activations are counted, (n, ...).
    """
    return [
        {
            "name": layer.name,
            "type": layer.parameters.layer_type.name,
            "output_shape": [int(n) for n in layer.output_dims],
            "weights": int(sum(np.size(layer.variables[n]) for n in layer.variables.names)),
            "sparsity": _sparsity(model, place, samples),
        }
        for place, layer in enumerate(model.layers)
    ]


def _sparsity(model: akida.Model, place: int, samples: np.ndarray) -> float | None:
    """Measure the share of zeros of a layer's output; None where the model cannot be cut."""
    if place == 0:
        return None
    try:
        part = akida.Model(layers=model.layers[: place + 1])
        return float((part.forward(samples) == 0).mean())
    except (RuntimeError, ValueError):
        return None
