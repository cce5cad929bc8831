"""What keeps a model from an Akida chip, found from its graph alone: all of it at once.

The vendor's own check stops at the first obstacle and names it in the terms of its converter. The
rules below are those of quantizeml 1.2.5, cnn2snn 2.19.3 and akida 2.19.3, read in their sources
and measured on their virtual devices; `preflight` gives the vendor the last word.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from snugnet.akida.blocks import CONVOLUTIONS, WEIGHTED, Block, get_padding, split_into_blocks
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers


@dataclass(frozen=True)
class Obstacle:
    """One thing that must change.

    Attributes:
        layer: The name of the layer.
        rule: What it breaks.
        fix: What would do.
    """

    layer: str
    rule: str
    fix: str


@dataclass(frozen=True)
class Target:
    """What a model is to become, and where it is to run.

    Attributes:
        scheme: The scheme.
        device: A name of `schemes.DEVICES`.
    """

    scheme: AkidaScheme
    device: str

    @property
    def version(self) -> str:
        """The generation of the chip."""
        return self.scheme.version

    @property
    def weight_bits(self) -> int:
        """Of the weights of all layers but the first."""
        return self.scheme.weight_bits


Rule = Callable[[Block, Target], Iterator[Obstacle | None]]


def find_obstacles(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> list[Obstacle]:
    """List what keeps a model from being converted, and mapped in hardware alone.

    Args:
        model: As `rewrite.ready` gives it, one input and one output.
        scheme: What it is to become.
        device: Where it is to run.
    """
    found, strange = split_into_blocks(model)
    listed = [_unknown(layer) for layer in strange]
    if not found:
        return [*listed, Obstacle(model.name, "the model has no layer with weights", "add one")]
    readers = [block.name for block in found if block.reads_input]
    if len(readers) > 1:
        rule = f"{' and '.join(readers)} read the input"
        listed.append(Obstacle(readers[1], rule, "connect the input to a single convolution"))
    for block in found:
        for check in (*COMMON, *(V1 if scheme.version == "v1" else V2)):
            told = check(block, Target(scheme, device))
            listed += [obstacle for obstacle in told if obstacle is not None]
    return list(dict.fromkeys(listed))


def _unknown(layer: tf_keras.layers.Layer) -> Obstacle:
    kind = type(layer).__name__
    fixes = {
        "AveragePooling2D": "use MaxPooling2D, or a convolution with strides",
        "BatchNormalization": "put it directly after Conv2D or Dense, before ReLU and pooling",
        "ZeroPadding2D": "use padding='same' in the convolution",
        "Softmax": "use Softmax only as the last layer",
        "GlobalMaxPooling2D": "use GlobalAveragePooling2D",
    }
    fix = fixes.get(kind, "use Conv2D, Dense, MaxPooling2D, GlobalAveragePooling2D or ReLU")
    return Obstacle(layer.name, f"{kind} cannot be quantized here", fix)


def _is(block: Block, *kinds: str) -> bool:
    return block.kind in kinds


def _convolution(block: Block) -> bool:
    return _is(block, *CONVOLUTIONS)


def _first(block: Block) -> bool:
    return block.reads_input


def _last(block: Block) -> bool:
    return not block.readers


def _says(block: Block, broken: bool, rule: str, fix: str) -> Obstacle | None:
    return Obstacle(block.name, rule, fix) if broken else None


def _plain(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for layers whatever the chip."""
    layer = block.layer
    if _convolution(block):
        kernel, strides = layer.kernel_size, layer.strides
        yield _says(
            block, getattr(layer, "groups", 1) > 1, "groups is greater than 1", "use groups=1"
        )
        yield _says(
            block, max(layer.dilation_rate) > 1, "dilated convolution", "use dilation_rate=1"
        )
        yield _says(
            block, kernel[0] != kernel[1], f"kernel {kernel} is not square", "use a square kernel"
        )
        each_axis = _first(block) and target.version == "v1"
        yield _says(
            block,
            strides[0] != strides[1] and not each_axis,
            f"strides {strides} differ",
            "use the same stride along both axes",
        )
        multiplier = getattr(layer, "depth_multiplier", 1)
        yield _says(
            block,
            multiplier > 1,
            "depth_multiplier is greater than 1",
            "use depth_multiplier=1, then a 1x1 Conv2D",
        )
    if _is(block, "Dense"):
        rank = len(block.input_shape)
        flat = rank == 1 or all(n == 1 for n in block.input_shape[:-1])
        yield _says(block, not flat, "Dense input has more than one axis", "add Flatten before it")
    if _convolution(block) and block.flat:
        yield _says(block, True, "convolution after a reshape", "reshape only before Dense")


# Activations that the second generation computes by a table.
TABLES = ("gelu", "hard_silu", "leaky_relu", "silu", "swish")


def _activations(block: Block, target: Target) -> Iterator[Obstacle | None]:
    for layer in block.tail:
        if type(layer).__name__ == "Activation":
            activation = layer.activation
            allowed = ("relu", *TABLES) if target.version == "v2" else ("relu",)
            strange = activation.__name__ not in allowed
            yield _says(block, strange, f"unsupported activation {activation.__name__}", "use ReLU")
        if type(layer).__name__ == "ReLU" and (layer.negative_slope or layer.threshold):
            yield Obstacle(layer.name, "ReLU has a slope or threshold", "use a plain ReLU")
    steps = block.steps
    yield _says(block, steps.count("relu") > 1, "two activations in one block", "keep one")
    yield _says(
        block,
        steps.count("pool") > 1,
        "two pooling layers in one block",
        "keep one per convolution",
    )
    yield _says(
        block,
        "relu" in steps and _last(block) and _is(block, *WEIGHTED),
        "the model ends with a ReLU",
        "remove it: Akida outputs potentials",
    )


def _pools(block: Block, target: Target) -> Iterator[Obstacle | None]:
    pool = block.last("pool")
    if pool is None:
        return
    if not _convolution(block):
        yield Obstacle(pool.name, f"pooling after {block.kind}", "put pooling after a convolution")
        return
    size, strides = pool.pool_size, pool.strides
    padding = get_padding(block.layer)
    if pool.padding != padding:
        yield Obstacle(
            pool.name,
            f"pooling has padding {pool.padding!r} after a convolution with {padding!r}",
            f"use padding={padding!r} in the pooling layer",
        )
    square = size[0] == size[1] and strides[0] == strides[1]
    wide_input = _first(block) and target.version == "v1"
    if not square and not wide_input:
        yield Obstacle(pool.name, f"pool size {size}, strides {strides}", "use a square pool")
    if max(strides) > max(size):
        yield Obstacle(
            pool.name, f"strides {strides} exceed the pool size {size}", "use strides=pool_size"
        )
    yield _says(
        block,
        target.version == "v1" and "gap" in block.steps,
        "pooling and GlobalAveragePooling2D after one convolution",
        "add a convolution between them",
    )
    if not _first(block) and "gap" not in block.steps:
        nexts = {reader.kind for reader in block.readers}
        wrong = not nexts or not nexts <= set(CONVOLUTIONS)
        yield _says(
            block, wrong, "pooling before Dense, Add or the output", "add a convolution after it"
        )
        yield _says(
            block,
            len(block.readers) > 1,
            "two layers read the pooling output",
            "use a single reader",
        )


def _input(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for the layer that reads 8-bit images."""
    if not _first(block):
        return
    if not _is(block, "Conv2D"):
        yield Obstacle(block.name, f"{block.kind} reads the input", "start with Conv2D")
        return
    channels, layer = block.input_shape[-1], block.layer
    yield _says(
        block,
        channels not in (1, 3),
        f"{channels} input channels",
        "use 1 or 3: reshape the others into height or width",
    )
    yield _says(
        block,
        channels == 1 and layer.filters == 1,
        "one filter on one input channel is converted as a depthwise convolution",
        "use at least two filters",
    )
    kernel = _effective_kernel(block)
    allowed = (3, 5, 7) if target.version == "v1" else (3, 4, 5, 7)
    yield _says(
        block,
        kernel not in allowed,
        f"kernel {layer.kernel_size} in the first convolution",
        f"use {_listed(allowed)}",
    )
    stride = max(layer.strides)
    most = 3 if target.version == "v1" else min(kernel, 6)
    yield _says(
        block, stride > most, f"stride {stride} in the first convolution", f"use at most {most}"
    )
    height, width = block.input_shape[:2]
    widest = 256 if target.version == "v1" else 384
    yield _says(
        block,
        height < 5 or not 5 <= width <= widest,
        f"input size {height} x {width}",
        f"reshape it to at least 5 x 5, at most {widest} wide",
    )
    yield _says(
        block,
        "gap" in block.steps,
        "GlobalAveragePooling2D directly after the first convolution",
        "add a convolution",
    )
    yield _says(
        block, "relu" not in block.steps, "the first convolution has no ReLU", "add ReLU(6)"
    )
    if channels in (1, 3) and target.version == "v1":
        filters = {1: {3: 512, 5: 192, 7: 96}, 3: {3: 192, 5: 64, 7: 32}}[channels].get(kernel, 512)
    else:
        filters = 512
    yield _says(
        block, layer.filters > filters, f"{layer.filters} filters", f"use at most {filters}"
    )
    pool = block.last("pool")
    if pool is None:
        return
    if target.version == "v1":
        wrong = max(pool.pool_size) > 2 or pool.strides != pool.pool_size
    else:
        wrong = pool.pool_size[0] not in (2, 3) or pool.strides != (2, 2)
    if wrong:
        yield Obstacle(
            pool.name,
            f"pool size {pool.pool_size}, strides {pool.strides} in the first block",
            "use pool size 2 x 2 with stride 2",
        )


def _effective_kernel(block: Block) -> int:
    """Give the size of a kernel after quantizeml has made even ones odd."""
    layer = block.layer
    size, stride = max(layer.kernel_size), max(layer.strides)
    if layer.padding != "same" or size % 2 or _is(block, "SeparableConv2D"):
        return int(size)
    if _first(block):
        return size + 1 if size in (2, 6) and stride <= 2 else int(size)
    return size + 1 if stride == 1 or (stride == 2 and size == 2) else int(size)


def _hidden(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for convolutions behind the first."""
    if _first(block) or not _convolution(block):
        return
    layer, kernel, stride = block.layer, _effective_kernel(block), max(block.layer.strides)
    allowed = (1, 3, 5, 7) if _is(block, "Conv2D") else (3, 5, 7)
    yield _says(
        block, kernel not in allowed, f"kernel {layer.kernel_size}", f"use {_listed(allowed)}"
    )
    yield _says(
        block, layer.padding != "same" and kernel > 1, "padding 'valid'", "use padding='same'"
    )
    with_two: tuple[int, ...] = (3,)
    if target.version == "v2":
        with_two = (1, 3) if _is(block, "Conv2D") else (3, 5, 7)
    yield _says(
        block,
        stride > 2 or (stride == 2 and kernel not in with_two),
        f"stride {stride} with kernel {kernel}",
        f"use stride 2 with kernel {_listed(with_two)}, or stride 1",
    )
    yield _says(block, _filters(block) > 2048, f"{_filters(block)} filters", "use at most 2048")
    pool = block.last("pool")
    if pool is not None:
        most = 3 if target.device == "AKD1500" else 2
        if max(pool.pool_size) > most:
            yield Obstacle(pool.name, f"pool size {pool.pool_size}", f"use at most {most} x {most}")
        if target.version == "v2" and stride > 1:
            yield Obstacle(pool.name, "pooling after a strided convolution", "use only one of them")


def _filters(block: Block) -> int:
    return int(getattr(block.layer, "filters", None) or block.input_shape[-1])


def _channels(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for how much a processor holds of one filter."""
    if _first(block) or not _convolution(block) or _is(block, "DepthwiseConv2D"):
        return
    kernel, channels = _effective_kernel(block), block.input_shape[-1]
    if target.version == "v1":
        tables = {"Conv2D": {7: 149}, "SeparableConv2D": {3: 2048, 5: 1792, 7: 896}}
        most = tables[block.kind].get(kernel, 448)
    elif target.weight_bits == 8:
        most = {3: 682, 5: 204, 7: 73}.get(kernel, 2048)
    else:
        most = {3: 1365, 5: 512, 7: 195}.get(kernel, 2048)
    yield _says(block, channels > most, f"{channels} input channels", f"use at most {most}")


def _precedes(steps: list[str], one: str, other: str) -> bool:
    return one in steps and other in steps and steps.index(one) < steps.index(other)


def _v1_order(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """The first generation: a sequence of convolutions, each with a bounded ReLU, then Dense."""
    yield _says(
        block,
        _is(block, "Add", "Concatenate"),
        f"{block.kind}: Akida 1 supports sequential models only",
        "remove the branch, or use Akida 2",
    )
    yield _says(
        block,
        _is(block, "DepthwiseConv2D"),
        "DepthwiseConv2D without a pointwise convolution",
        "use SeparableConv2D or Conv2D, or Akida 2",
    )
    yield _says(
        block,
        len(block.readers) > 1,
        "two layers read its output",
        "use a sequential model, or Akida 2",
    )
    relu = block.last("relu")
    if not _last(block) and _is(block, *WEIGHTED):
        bounded = getattr(relu, "max_value", None) is not None
        yield _says(block, not bounded, "no bounded ReLU after it", "add ReLU(max_value=6)")
    steps = block.steps
    yield _says(
        block,
        _precedes(steps, "relu", "gap"),
        "GlobalAveragePooling2D after the ReLU",
        "put it before the ReLU",
    )
    if "gap" in steps and _convolution(block):
        height = block.input_shape[0]
        rows, columns = block.layer.output_shape[1:3]
        wrong = height > 32 or columns < 3 or rows * columns > 256
        yield _says(
            block,
            wrong,
            f"GlobalAveragePooling2D over {rows} x {columns}",
            "use at most 32 input rows, at most 256 positions, at least 3 columns",
        )


def _v2_order(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """The second generation: residual networks, the mean behind the ReLU."""
    yield _says(
        block,
        _is(block, "SeparableConv2D"),
        "SeparableConv2D",
        "use DepthwiseConv2D, then a 1x1 Conv2D",
    )
    steps = block.steps
    yield _says(
        block,
        _precedes(steps, "gap", "relu"),
        "GlobalAveragePooling2D before the ReLU",
        "put it after the ReLU",
    )
    if "gap" in steps:
        yield _says(
            block,
            not _is(block, "Conv2D") or "pool" in steps,
            "GlobalAveragePooling2D is not directly after a Conv2D",
            "add a 1x1 Conv2D with ReLU before it",
        )
        yield _says(
            block, _last(block), "the model ends with GlobalAveragePooling2D", "add Dense after it"
        )
        if _is(block, "Conv2D"):
            height, width = block.input_shape[:2]
            wrong = height * width > 144 or height > 64 or max(block.layer.strides) > 1
            yield _says(
                block,
                wrong,
                f"GlobalAveragePooling2D over {height} x {width}",
                "use at most 144 positions, stride 1",
            )


def _dense(block: Block, target: Target) -> Iterator[Obstacle | None]:
    if not _is(block, "Dense"):
        return
    most = {"AKD1000": 57334, "AKD1500": 81920}.get(target.device, 2048)
    inputs = block.layer.kernel.shape[0]
    yield _says(block, inputs > most, f"Dense has {inputs} inputs", f"use at most {most}")
    follow = {reader.kind for reader in block.readers} - {"Dense"}
    if target.version == "v2":
        yield _says(
            block,
            bool(follow),
            f"{', '.join(sorted(follow))} after Dense",
            "put only Dense layers after Dense",
        )


def _merges(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for Add and Concatenate."""
    if not _is(block, "Add", "Concatenate"):
        return
    count = len(block.layer.input) if isinstance(block.layer.input, list) else 1
    yield _says(
        block,
        _is(block, "Add") and count != 2,
        f"Add has {count} inputs",
        "add two tensors at a time",
    )
    for before in block.before:
        yield _says(
            block,
            _is(before, "Dense") or "gap" in before.steps or "pool" in before.steps,
            f"{before.name}, a Dense or a block with pooling, feeds {block.kind}",
            "feed it from convolutions, with strides instead of pooling",
        )
        if target.weight_bits == 4:
            yield _says(
                block,
                _first(before),
                f"4-bit weights: {before.name}, the first layer, feeds {block.kind}",
                "add a Conv2D with ReLU between them",
            )
            yield _says(
                block,
                "relu" not in before.steps and _is(before, "Conv2D"),
                f"{before.name} feeds it without ReLU: 4-bit weights require a 4-bit input",
                f"add ReLU after {before.name}",
            )
    if target.weight_bits == 4:
        convolved = all(_is(reader, "Conv2D", "DepthwiseConv2D") for reader in block.readers)
        yield _says(
            block,
            bool(block.tail) or not block.readers or not convolved,
            "4-bit weights: the next layer is not a convolution",
            "add a Conv2D directly after it",
        )


def _four_bits(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """4-bit weights give a 4-bit result only through a ReLU."""
    if target.version == "v1" or target.weight_bits == 8 or _last(block) or _first(block):
        return
    yield _says(
        block,
        "relu" not in block.steps and _is(block, "Conv2D", "Dense"),
        "4-bit weights without ReLU after the layer",
        "add ReLU",
    )


def _listed(numbers: tuple[int, ...]) -> str:
    return (
        ", ".join(str(n) for n in numbers[:-1]) + f" or {numbers[-1]}"
        if numbers[1:]
        else str(numbers[0])
    )


COMMON: tuple[Rule, ...] = (_plain, _activations, _pools, _input, _hidden, _channels, _dense)
V1: tuple[Rule, ...] = (_v1_order,)
V2: tuple[Rule, ...] = (_v2_order, _merges, _four_bits)
