"""Program that runs a model in Keras 3: python keras3_program.py MODEL.json WEIGHTS OUT.npz.

`snugnet.models.loading.keras3` runs it by path in a new process, in which Keras 2 is not loaded.
The description and the weights are not those of a user's file, but checked copies.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Keras 3 would import matplotlib, which writes to the user's home.
sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]

# Keras 3, which is the only reader of its own weights. All other modules use Keras 2 (tf_keras).
import keras  # noqa: E402
import numpy as np  # noqa: E402


def iterate_weights(model: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights of all layers.

    Args:
        model: A Keras 3 model; it may contain submodels.
        prefix: Start of every key.

    Yields:
        Key (`submodel/layer/number of the weight`) and value.
    """
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from iterate_weights(layer, f"{prefix}{layer.name}/")
        else:
            for i, weight in enumerate(layer.weights):
                yield f"{prefix}{layer.name}/{i}", np.asarray(weight)


def main(description: str, weights: str, target: str) -> None:
    """Write the weights of a model, and its output for a random input.

    Args:
        description: JSON file with the description of the model.
        weights: HDF5 file with its weights.
        target: Path of the .npz file: `x/0`, `x/1`, … for the inputs, `y` for the output, and the
            weights. There is no `y` if the model has several outputs, or an input without a fixed
            shape.
    """
    model = keras.models.model_from_json(Path(description).read_text())
    model.load_weights(weights)
    arrays = dict(iterate_weights(model))
    if len(model.outputs) == 1 and not any(None in port.shape[1:] for port in model.inputs):
        rng = np.random.default_rng(0)
        shapes = [(2, *port.shape[1:]) for port in model.inputs]
        inputs = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        arrays |= {f"x/{i}": values for i, values in enumerate(inputs)}
        arrays["y"] = np.asarray(model(inputs if len(inputs) > 1 else inputs[0], training=False))
    np.savez(target, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
