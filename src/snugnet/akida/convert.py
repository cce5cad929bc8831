"""Conversion of quantized Keras models to Akida models, and a description of their layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import akida
import numpy as np

from snugnet.akida.quantize import is_dequantizer
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.errors import NotAkidaError
from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf, tf_keras

with importing():
    import cnn2snn

VERSIONS = {"v1": cnn2snn.AkidaVersion.v1, "v2": cnn2snn.AkidaVersion.v2}


def convert(quantized: tf_keras.Model, scheme: AkidaScheme) -> akida.Model:
    """Convert a quantized model for the Akida generation of a scheme.

    Args:
        quantized: Model from `quantize`.
        scheme: Scheme that the model was quantized with.

    Returns:
        The Akida model, not mapped on a device.

    Raises:
        NotAkidaError: If the model is a float model or cnn2snn rejects it.
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
    """Run TensorFlow functions eagerly, operation by operation, like the Keras runtime does.

    cnn2snn computes the integer weights in a call that it traces into a graph. TensorFlow
    optimizes the graph, which can change the last bit of a scale. A weight halfway between two
    integers is then rounded to the other integer than in Keras.
    """
    was_eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(was_eager)


@dataclass(frozen=True)
class ProgramLayer:
    """A layer of an Akida model.

    Attributes:
        name: Name of the layer.
        type: Akida's type of the layer.
        output_shape: Shape of its output.
        weights: Number of parameters.
        sparsity: Share of zeros in its output; None if it cannot be measured.
    """

    name: str
    type: str
    output_shape: tuple[int, ...]
    weights: int
    sparsity: float | None


def list_program_layers(model: akida.Model, samples: np.ndarray) -> list[ProgramLayer]:
    """List the layers of an Akida model.

    Args:
        model: Model that is not mapped on a device.
        samples: Inputs for measuring activation sparsity, (n, ...).
    """
    return [
        ProgramLayer(
            name=layer.name,
            type=layer.parameters.layer_type.name,
            output_shape=tuple(int(size) for size in layer.output_dims),
            weights=int(sum(np.size(layer.variables[name]) for name in layer.variables.names)),
            sparsity=_measure_sparsity(model, position, samples),
        )
        for position, layer in enumerate(model.layers)
    ]


def _measure_sparsity(model: akida.Model, position: int, samples: np.ndarray) -> float | None:
    """Measure the share of zeros in a layer's output; None if the model cannot be cut there."""
    if position == 0:
        return None
    try:
        part = akida.Model(layers=model.layers[: position + 1])
        return float((part.forward(samples) == 0).mean())
    except (RuntimeError, ValueError):
        return None
