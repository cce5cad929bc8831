"""Networks drawn at random around what Akida takes: about half of them fit."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tf_keras import Model, layers


@dataclass
class Drawn:
    """A random generator with a chance to go wrong.

    Attributes:
        rng: What decides.
        version: `v1` or `v2`.
        odd: The chance of each single departure from what the chip takes.
        count: Of layers, for their names.
    """

    rng: np.random.Generator
    version: str
    odd: float = 0.025
    count: int = field(default=0)

    def strange(self) -> bool:
        return bool(self.rng.random() < self.odd)

    def pick(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"


def network(seed: int, version: str, deepest: int) -> Model:
    """Draw a network: images, convolutions, perhaps residual blocks, a mean or Flatten, Dense.

    Args:
        seed: What it follows from.
        version: `v1` or `v2`: around which generation it is drawn.
        deepest: How many blocks follow the first at most.
    """
    drawn = Drawn(np.random.default_rng(seed), version)
    channels = 2 if drawn.strange() else drawn.pick(1, 3)
    height, width = (int(drawn.rng.integers(6, 33)) for _ in range(2))
    inputs = layers.Input((height, width, channels), name="input")
    x = _block(drawn, inputs, first=True, last=False)
    depth = int(drawn.rng.integers(1, deepest + 1))
    for i in range(depth):
        branching = version == "v2" and i < depth - 1 and drawn.rng.random() < 0.4
        # What a branch, or Dense, reads must not be pooled.
        x = _block(drawn, x, first=False, last=branching or i == depth - 1)
        if branching:
            x = _residual(drawn, x)
    x = _end(drawn, x)
    for _ in range(int(drawn.rng.integers(0, 2))):
        x = layers.Dense(drawn.pick(16, 32, 64), name=drawn.name("dense"))(x)
        x = _relu(drawn, x)
    x = layers.Dense(5, name="scores")(x)
    if drawn.strange():
        x = layers.ReLU(6.0, name="last_relu")(x)
    else:
        x = layers.Softmax(name="softmax")(x)
    return Model(inputs, x, name=f"network_{seed}")


def _block(drawn: Drawn, x: Any, first: bool, last: bool) -> Any:
    kernel = drawn.pick(3, 3, 3, 5) if not drawn.strange() else drawn.pick(1, 2, 4, 9, (3, 5))
    stride = 2 if drawn.rng.random() < 0.15 and kernel == 3 else 1
    if drawn.strange():
        stride = drawn.pick(2, 3)
    padding = "valid" if drawn.strange() else "same"
    kind = drawn.rng.random()
    name, filters = drawn.name("conv"), int(drawn.pick(4, 8, 16, 33))
    if not first and (kind < 0.15 or drawn.strange()):
        x = _thin(drawn, x, kernel, padding, name, filters)
    else:
        x = layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=name)(x)
    if drawn.rng.random() < 0.5 and not drawn.strange():
        x = layers.BatchNormalization(
            scale=not drawn.strange(), center=not drawn.strange(), name=f"{name}_bn"
        )(x)
    pool = drawn.rng.random() < 0.5 and stride == 1 and min(x.shape[1:3]) >= 4
    if pool and (not last or drawn.strange()):
        size = drawn.pick(2, 2, 2, 3) if drawn.strange() else 2
        wide = (size, 1) if drawn.strange() else size
        layer = layers.MaxPooling2D(
            wide, padding="valid" if drawn.strange() else padding, name=f"{name}_pool"
        )
        return layer(_relu(drawn, x)) if drawn.rng.random() < 0.3 else _relu(drawn, layer(x))
    if drawn.strange():
        x = layers.AveragePooling2D(2, padding="same", name=f"{name}_average")(x)
    return _relu(drawn, x)


def _thin(drawn: Drawn, x: Any, kernel: Any, padding: str, name: str, filters: int) -> Any:
    """A separable convolution for the first generation, a depthwise one for the second."""
    if (drawn.version == "v1") != drawn.strange():
        return layers.SeparableConv2D(filters, kernel, padding=padding, name=name)(x)
    return layers.DepthwiseConv2D(kernel, padding=padding, name=name)(x)


def _relu(drawn: Drawn, x: Any) -> Any:
    if drawn.strange():
        return x
    if drawn.strange():
        return layers.Activation(drawn.pick("tanh", "relu"), name=drawn.name("activation"))(x)
    unbounded = drawn.version == "v2" and drawn.rng.random() < 0.5
    return layers.ReLU(None if unbounded else 6.0, name=drawn.name("relu"))(x)


def _residual(drawn: Drawn, x: Any) -> Any:
    filters = x.shape[-1]
    branch = layers.Conv2D(filters, 3, padding="same", name=drawn.name("branch"))(x)
    branch = layers.ReLU(name=drawn.name("relu"))(branch)
    branch = layers.Conv2D(filters, 3, padding="same", name=drawn.name("branch"))(branch)
    if drawn.rng.random() < 0.85:
        branch = layers.ReLU(name=drawn.name("relu"))(branch)
    return layers.Add(name=drawn.name("add"))([x, branch])


def _end(drawn: Drawn, x: Any) -> Any:
    rows, columns, channels = x.shape[1:]
    flat = rows * columns * channels <= 2048 or drawn.version == "v1"
    if drawn.version == "v1":
        mean = rows <= 32 and columns >= 3 and rows * columns <= 256
    else:
        mean = rows * columns <= 144
    if (drawn.rng.random() < 0.6 if flat and mean else flat) != drawn.strange():
        return layers.Flatten(name="flatten")(x)
    name = drawn.name("conv")
    x = layers.Conv2D(16, 3, padding="same", name=name)(x)
    mean = layers.GlobalAveragePooling2D(name="gap")
    if (drawn.version == "v1") != drawn.strange():
        return layers.ReLU(6.0, name=f"{name}_relu")(mean(x))
    return mean(layers.ReLU(6.0, name=f"{name}_relu")(x))
