"""Write small random networks as full-integer files, to calibrate the estimates with.

python tools/write_random_networks.py FOLDER --count 40

The networks are not trained: what they cost depends on their shapes only.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
from tf_keras import Model as Network
from tf_keras import layers

import snugnet as sn

SIZES = ((8, 8), (1, 32), (16, 16), (1, 64), (12, 4), (1, 128))


def build_network(random: np.random.Generator) -> Network:
    """Build a network of some convolutions, poolings, sums and dense layers."""
    height, width = SIZES[random.integers(len(SIZES))]
    inputs = layers.Input((height, width, int(random.choice([1, 2, 3, 6, 12]))))
    x: Any = inputs
    for _ in range(random.integers(1, 5)):
        x = _add_layer(x, random)
    x = layers.Flatten()(x) if random.random() < 0.5 else layers.GlobalAveragePooling2D()(x)
    if random.random() < 0.5:
        x = layers.Dense(int(random.integers(4, 80)), activation="relu")(x)
    outputs = layers.Dense(int(random.integers(2, 16)), activation="softmax")(x)
    return Network(inputs, outputs)


def _add_layer(x: Any, random: np.random.Generator) -> Any:
    """Add a random layer."""
    height, width, channels = x.shape[1:]
    kernel = (1 if height == 1 else int(random.choice([1, 3])), int(random.choice([1, 3, 5])))
    filters = int(random.choice([3, 4, 6, 8, 12, 16, 22, 32, 48]))
    kind = random.choice(["conv", "conv", "conv", "depthwise", "pool", "mean", "add", "concat"])
    if kind == "conv":
        return layers.Conv2D(filters, kernel, padding="same", activation="relu")(x)
    if kind == "depthwise":
        return layers.DepthwiseConv2D(kernel, padding="same", activation="relu")(x)
    if kind in ("pool", "mean") and width >= 4:
        pool = layers.MaxPooling2D if kind == "pool" else layers.AveragePooling2D
        return pool((1 if height == 1 else 2, 2))(x)
    other = layers.Conv2D(channels, kernel, padding="same")(x)
    return layers.Add()([x, other]) if kind == "add" else layers.Concatenate()([x, other])


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    for number in range(options.count):
        random = np.random.default_rng(number)
        network = build_network(random)
        samples = random.normal(size=(20, *network.input_shape[1:])).astype(np.float32)
        path = options.folder / f"net{number}" / "random" / "fiq_int8" / "model.tflite"
        path.parent.mkdir(parents=True, exist_ok=True)
        sn.quantize(network, "fiq_int8", calibration=samples).save(path, overwrite=True)
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
