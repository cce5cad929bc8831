"""Random networks near the limits of Akida; about half of them fit."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tf_keras import Model, layers


@dataclass
class RandomChoices:
    """Random choices, some of which Akida does not support.

    Attributes:
        rng: Random generator.
        version: `v1` or `v2`.
        odd: Probability of each unsupported choice.
        count: Number of layers, for their names.
    """

    rng: np.random.Generator
    version: str
    odd: float = 0.025
    count: int = field(default=0)

    def is_unusual(self) -> bool:
        return bool(self.rng.random() < self.odd)

    def pick(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"


def network(seed: int, version: str, deepest: int) -> Model:
    """Draw a network: images, convolutions, perhaps residual blocks, a mean or Flatten, Dense.

    Args:
        seed: Random seed.
        version: `v1` or `v2`: around which generation it is drawn.
        deepest: How many blocks follow the first at most.
    """
    choices = RandomChoices(np.random.default_rng(seed), version)
    channels = 2 if choices.is_unusual() else choices.pick(1, 3)
    height, width = (int(choices.rng.integers(6, 33)) for _ in range(2))
    inputs = layers.Input((height, width, channels), name="input")
    x = _block(choices, inputs, first=True, last=False)
    depth = int(choices.rng.integers(1, deepest + 1))
    for i in range(depth):
        branching = version == "v2" and i < depth - 1 and choices.rng.random() < 0.4
        # Inputs of a branch or of Dense must not be pooled.
        x = _block(choices, x, first=False, last=branching or i == depth - 1)
        if branching:
            x = _residual(choices, x)
    x = _end(choices, x)
    for _ in range(int(choices.rng.integers(0, 2))):
        x = layers.Dense(choices.pick(16, 32, 64), name=choices.name("dense"))(x)
        x = _relu(choices, x)
    x = layers.Dense(5, name="scores")(x)
    if choices.is_unusual():
        x = layers.ReLU(6.0, name="last_relu")(x)
    else:
        x = layers.Softmax(name="softmax")(x)
    return Model(inputs, x, name=f"network_{seed}")


def _block(choices: RandomChoices, x: Any, first: bool, last: bool) -> Any:
    kernel = (
        choices.pick(3, 3, 3, 5) if not choices.is_unusual() else choices.pick(1, 2, 4, 9, (3, 5))
    )
    stride = 2 if choices.rng.random() < 0.15 and kernel == 3 else 1
    if choices.is_unusual():
        stride = choices.pick(2, 3)
    padding = "valid" if choices.is_unusual() else "same"
    kind = choices.rng.random()
    name, filters = choices.name("conv"), int(choices.pick(4, 8, 16, 33))
    if not first and (kind < 0.15 or choices.is_unusual()):
        x = _thin(choices, x, kernel, padding, name, filters)
    else:
        x = layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=name)(x)
    if choices.rng.random() < 0.5 and not choices.is_unusual():
        x = layers.BatchNormalization(
            scale=not choices.is_unusual(), center=not choices.is_unusual(), name=f"{name}_bn"
        )(x)
    pool = choices.rng.random() < 0.5 and stride == 1 and min(x.shape[1:3]) >= 4
    if pool and (not last or choices.is_unusual()):
        size = choices.pick(2, 2, 2, 3) if choices.is_unusual() else 2
        wide = (size, 1) if choices.is_unusual() else size
        layer = layers.MaxPooling2D(
            wide, padding="valid" if choices.is_unusual() else padding, name=f"{name}_pool"
        )
        return layer(_relu(choices, x)) if choices.rng.random() < 0.3 else _relu(choices, layer(x))
    if choices.is_unusual():
        x = layers.AveragePooling2D(2, padding="same", name=f"{name}_average")(x)
    return _relu(choices, x)


def _thin(
    choices: RandomChoices, x: Any, kernel: Any, padding: str, name: str, filters: int
) -> Any:
    """A separable convolution for the first generation, a depthwise one for the second."""
    if (choices.version == "v1") != choices.is_unusual():
        return layers.SeparableConv2D(filters, kernel, padding=padding, name=name)(x)
    return layers.DepthwiseConv2D(kernel, padding=padding, name=name)(x)


def _relu(choices: RandomChoices, x: Any) -> Any:
    if choices.is_unusual():
        return x
    if choices.is_unusual():
        return layers.Activation(choices.pick("tanh", "relu"), name=choices.name("activation"))(x)
    unbounded = choices.version == "v2" and choices.rng.random() < 0.5
    return layers.ReLU(None if unbounded else 6.0, name=choices.name("relu"))(x)


def _residual(choices: RandomChoices, x: Any) -> Any:
    filters = x.shape[-1]
    branch = layers.Conv2D(filters, 3, padding="same", name=choices.name("branch"))(x)
    branch = layers.ReLU(name=choices.name("relu"))(branch)
    branch = layers.Conv2D(filters, 3, padding="same", name=choices.name("branch"))(branch)
    if choices.rng.random() < 0.85:
        branch = layers.ReLU(name=choices.name("relu"))(branch)
    return layers.Add(name=choices.name("add"))([x, branch])


def _end(choices: RandomChoices, x: Any) -> Any:
    rows, columns, channels = x.shape[1:]
    flat = rows * columns * channels <= 2048 or choices.version == "v1"
    if choices.version == "v1":
        mean = rows <= 32 and columns >= 3 and rows * columns <= 256
    else:
        mean = rows * columns <= 144
    if (choices.rng.random() < 0.6 if flat and mean else flat) != choices.is_unusual():
        return layers.Flatten(name="flatten")(x)
    name = choices.name("conv")
    x = layers.Conv2D(16, 3, padding="same", name=name)(x)
    mean = layers.GlobalAveragePooling2D(name="gap")
    if (choices.version == "v1") != choices.is_unusual():
        return layers.ReLU(6.0, name=f"{name}_relu")(mean(x))
    return mean(layers.ReLU(6.0, name=f"{name}_relu")(x))
