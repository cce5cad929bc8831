"""Rules for models that run on an Akida chip; they list all obstacles of a model's graph at once.

The vendor's own check stops at the first obstacle and names it in the terms of its converter. The
rules below are those of quantizeml 1.2.5, cnn2snn 2.19.3 and akida 2.19.3. They were read in the
source code and measured on the virtual devices. The vendor's tools make the final decision, see
`preflight`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from snugnet.akida.blocks import (
    AKIDA_KERNEL_LAYERS,
    CONVOLUTIONS,
    Block,
    get_padding,
    split_into_blocks,
)
from snugnet.akida.preflight_report import Obstacle
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers


@dataclass(frozen=True)
class Target:
    """Scheme and device that a model is checked for.

    Attributes:
        scheme: The Akida scheme.
        device: A name in `akida_schemes.DEVICES`.
    """

    scheme: AkidaScheme
    device: str

    @property
    def version(self) -> str:
        """Akida generation: `v1` or `v2`."""
        return self.scheme.version

    @property
    def weight_bits(self) -> int:
        """Bits of the weights of all layers except the first."""
        return self.scheme.weight_bits


Rule = Callable[[Block, Target], Iterator[Obstacle | None]]


def find_obstacles(model: tf_keras.Model, scheme: AkidaScheme, device: str) -> list[Obstacle]:
    """List the obstacles to converting a model and mapping it in hardware alone.

    Args:
        model: Model from `rewrite.prepare_model`, with one input and one output.
        scheme: Scheme to quantize with.
        device: Name of the device to map on.

    Returns:
        The obstacles, each once; an empty list if there is none.
    """
    blocks, unsupported = split_into_blocks(model)
    obstacles = [_describe_unsupported(layer) for layer in unsupported]
    if not blocks:
        return [*obstacles, Obstacle(model.name, "the model has no layer with weights", "add one")]
    readers = [
        block.name for block in blocks if block.reads_input and not block.follows_unsupported
    ]
    if len(readers) > 1:
        rule = f"{' and '.join(readers)} read the input"
        obstacles.append(Obstacle(readers[1], rule, "connect the input to a single convolution"))
    target = Target(scheme, device)
    rules = (*COMMON_RULES, *(V1_RULES if scheme.version == "v1" else V2_RULES))
    for block in blocks:
        for check in rules:
            obstacles += [obstacle for obstacle in check(block, target) if obstacle is not None]
    return list(dict.fromkeys(obstacles))


def _describe_unsupported(layer: tf_keras.layers.Layer) -> Obstacle:
    """Build the obstacle of a layer that belongs to no block."""
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


def _is_kind(block: Block, *kinds: str) -> bool:
    return block.kind in kinds


def _is_convolution(block: Block) -> bool:
    return _is_kind(block, *CONVOLUTIONS)


def _is_first(block: Block) -> bool:
    return block.reads_input


def _is_last(block: Block) -> bool:
    return not block.readers


def _obstacle_if(block: Block, is_broken: bool, rule: str, fix: str) -> Obstacle | None:
    """Build the obstacle of a block if it breaks a rule; otherwise return None."""
    return Obstacle(block.name, rule, fix) if is_broken else None


def _check_layer(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for layers on every chip."""
    layer = block.layer
    if _is_convolution(block):
        kernel, strides = layer.kernel_size, layer.strides
        yield _obstacle_if(
            block, getattr(layer, "groups", 1) > 1, "groups is greater than 1", "use groups=1"
        )
        yield _obstacle_if(
            block, max(layer.dilation_rate) > 1, "dilated convolution", "use dilation_rate=1"
        )
        yield _obstacle_if(
            block, kernel[0] != kernel[1], f"kernel {kernel} is not square", "use a square kernel"
        )
        can_differ = _is_first(block) and target.version == "v1"
        yield _obstacle_if(
            block,
            strides[0] != strides[1] and not can_differ,
            f"strides {strides} differ",
            "use the same stride along both axes",
        )
        multiplier = getattr(layer, "depth_multiplier", 1)
        yield _obstacle_if(
            block,
            multiplier > 1,
            "depth_multiplier is greater than 1",
            "use depth_multiplier=1, then a 1x1 Conv2D",
        )
    if _is_kind(block, "Dense"):
        rank = len(block.input_shape)
        is_flat = rank == 1 or all(size == 1 for size in block.input_shape[:-1])
        yield _obstacle_if(
            block, not is_flat, "Dense input has more than one axis", "add Flatten before it"
        )
    if _is_convolution(block) and block.is_flattened:
        yield _obstacle_if(block, True, "convolution after a reshape", "reshape only before Dense")


# Activations that Akida 2 computes with a lookup table.
TABLE_ACTIVATIONS = ("gelu", "hard_silu", "leaky_relu", "silu", "swish")


def _check_activations(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for the activations of a block."""
    for layer in block.followers:
        if type(layer).__name__ == "Activation":
            activation = layer.activation
            allowed = ("relu", *TABLE_ACTIVATIONS) if target.version == "v2" else ("relu",)
            is_unsupported = activation.__name__ not in allowed
            yield _obstacle_if(
                block, is_unsupported, f"unsupported activation {activation.__name__}", "use ReLU"
            )
        if type(layer).__name__ == "ReLU" and (layer.negative_slope or layer.threshold):
            yield Obstacle(layer.name, "ReLU has a slope or threshold", "use a plain ReLU")
    steps = block.steps
    yield _obstacle_if(block, steps.count("relu") > 1, "two activations in one block", "keep one")
    yield _obstacle_if(
        block,
        steps.count("pool") > 1,
        "two pooling layers in one block",
        "keep one per convolution",
    )
    yield _obstacle_if(
        block,
        "relu" in steps and _is_last(block) and _is_kind(block, *AKIDA_KERNEL_LAYERS),
        "the model ends with a ReLU",
        "remove it: Akida outputs potentials",
    )


def _check_pooling(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for pooling layers."""
    pool = block.find_last("pool")
    if pool is None:
        return
    if not _is_convolution(block):
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
    is_square = size[0] == size[1] and strides[0] == strides[1]
    can_differ = _is_first(block) and target.version == "v1"
    if not is_square and not can_differ:
        yield Obstacle(pool.name, f"pool size {size}, strides {strides}", "use a square pool")
    if max(strides) > max(size):
        yield Obstacle(
            pool.name, f"strides {strides} exceed the pool size {size}", "use strides=pool_size"
        )
    yield _obstacle_if(
        block,
        target.version == "v1" and "gap" in block.steps,
        "pooling and GlobalAveragePooling2D after one convolution",
        "add a convolution between them",
    )
    if not _is_first(block) and "gap" not in block.steps:
        reader_kinds = {reader.kind for reader in block.readers}
        is_wrong = not reader_kinds or not reader_kinds <= set(CONVOLUTIONS)
        yield _obstacle_if(
            block, is_wrong, "pooling before Dense, Add or the output", "add a convolution after it"
        )
        yield _obstacle_if(
            block,
            len(block.readers) > 1,
            "two layers read the pooling output",
            "use a single reader",
        )


# The largest number of filters of the first convolution. On Akida 1, it depends on the number of
# input channels and the kernel size: {channels: {kernel size: filters}}.
MAX_FILTERS = 512
V1_MAX_FILTERS = {1: {3: 512, 5: 192, 7: 96}, 3: {3: 192, 5: 64, 7: 32}}


def _check_first_layer(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for the first layer, which reads 8-bit images."""
    if not _is_first(block):
        return
    if not _is_kind(block, "Conv2D"):
        rule = (
            "the layers before it cannot be converted"
            if block.follows_unsupported
            else f"{block.kind} reads the input"
        )
        yield Obstacle(block.name, rule, "start with Conv2D")
        return
    yield from _check_first_channels(block)
    yield from _check_first_kernel(block, target)
    yield from _check_first_size(block, target)
    yield from _check_first_followers(block)
    yield from _check_first_filters(block, target)
    yield from _check_first_pooling(block, target)


def _check_first_channels(block: Block) -> Iterator[Obstacle | None]:
    """Rules for the channels that the first convolution reads."""
    channels = block.input_shape[-1]
    yield _obstacle_if(
        block,
        channels not in (1, 3),
        f"{channels} input channels",
        "use 1 or 3: reshape the others into height or width",
    )
    yield _obstacle_if(
        block,
        channels == 1 and block.layer.filters == 1,
        "one filter on one input channel is converted as a depthwise convolution",
        "use at least two filters",
    )


def _check_first_kernel(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for the kernel and the stride of the first convolution."""
    kernel, layer = _get_effective_kernel(block), block.layer
    allowed = (3, 5, 7) if target.version == "v1" else (3, 4, 5, 7)
    yield _obstacle_if(
        block,
        kernel not in allowed,
        f"kernel {layer.kernel_size} in the first convolution",
        f"use {_format_choices(allowed)}",
    )
    stride = max(layer.strides)
    max_stride = 3 if target.version == "v1" else min(kernel, 6)
    yield _obstacle_if(
        block,
        stride > max_stride,
        f"stride {stride} in the first convolution",
        f"use at most {max_stride}",
    )


def _check_first_size(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rule for the height and the width of the input."""
    height, width = block.input_shape[:2]
    max_width = 256 if target.version == "v1" else 384
    yield _obstacle_if(
        block,
        height < 5 or not 5 <= width <= max_width,
        f"input size {height} x {width}",
        f"reshape it to at least 5 x 5, at most {max_width} wide",
    )


def _check_first_followers(block: Block) -> Iterator[Obstacle | None]:
    """Rules for the layers after the first convolution, except pooling."""
    yield _obstacle_if(
        block,
        "gap" in block.steps,
        "GlobalAveragePooling2D directly after the first convolution",
        "add a convolution",
    )
    yield _obstacle_if(
        block, "relu" not in block.steps, "the first convolution has no ReLU", "add ReLU(6)"
    )


def _check_first_filters(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rule for the number of filters of the first convolution."""
    filters, channels = block.layer.filters, block.input_shape[-1]
    max_filters = MAX_FILTERS
    if target.version == "v1":
        by_kernel = V1_MAX_FILTERS.get(channels, {})
        max_filters = by_kernel.get(_get_effective_kernel(block), MAX_FILTERS)
    yield _obstacle_if(
        block, filters > max_filters, f"{filters} filters", f"use at most {max_filters}"
    )


def _check_first_pooling(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rule for the pooling layer after the first convolution."""
    pool = block.find_last("pool")
    if pool is None:
        return
    if target.version == "v1":
        is_wrong = max(pool.pool_size) > 2 or pool.strides != pool.pool_size
    else:
        is_wrong = pool.pool_size[0] not in (2, 3) or pool.strides != (2, 2)
    if is_wrong:
        yield Obstacle(
            pool.name,
            f"pool size {pool.pool_size}, strides {pool.strides} in the first block",
            "use pool size 2 x 2 with stride 2",
        )


def _get_effective_kernel(block: Block) -> int:
    """Get the kernel size after quantizeml, which makes some even kernels odd."""
    layer = block.layer
    size, stride = int(max(layer.kernel_size)), max(layer.strides)
    is_odd = size % 2 == 1
    if layer.padding != "same" or is_odd or _is_kind(block, "SeparableConv2D"):
        return size
    if _is_first(block):
        is_enlarged = size in (2, 6) and stride <= 2
    else:
        is_enlarged = stride == 1 or (stride == 2 and size == 2)
    return size + 1 if is_enlarged else size


def _check_hidden_convolution(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for convolutions after the first layer."""
    if _is_first(block) or not _is_convolution(block):
        return
    layer, kernel, stride = block.layer, _get_effective_kernel(block), max(block.layer.strides)
    allowed = (1, 3, 5, 7) if _is_kind(block, "Conv2D") else (3, 5, 7)
    yield _obstacle_if(
        block,
        kernel not in allowed,
        f"kernel {layer.kernel_size}",
        f"use {_format_choices(allowed)}",
    )
    yield _obstacle_if(
        block, layer.padding != "same" and kernel > 1, "padding 'valid'", "use padding='same'"
    )
    # Kernel sizes that allow stride 2.
    strided_kernels: tuple[int, ...] = (3,)
    if target.version == "v2":
        strided_kernels = (1, 3) if _is_kind(block, "Conv2D") else (3, 5, 7)
    yield _obstacle_if(
        block,
        stride > 2 or (stride == 2 and kernel not in strided_kernels),
        f"stride {stride} with kernel {kernel}",
        f"use stride 2 with kernel {_format_choices(strided_kernels)}, or stride 1",
    )
    filters = _count_filters(block)
    yield _obstacle_if(block, filters > 2048, f"{filters} filters", "use at most 2048")
    pool = block.find_last("pool")
    if pool is not None:
        max_size = 3 if target.device == "AKD1500" else 2
        if max(pool.pool_size) > max_size:
            yield Obstacle(
                pool.name, f"pool size {pool.pool_size}", f"use at most {max_size} x {max_size}"
            )
        if target.version == "v2" and stride > 1:
            yield Obstacle(pool.name, "pooling after a strided convolution", "use only one of them")


def _count_filters(block: Block) -> int:
    """Count the output channels of a convolution."""
    return int(getattr(block.layer, "filters", None) or block.input_shape[-1])


def _check_input_channels(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for the number of input channels: a processor has limited memory for a filter."""
    if _is_first(block) or not _is_convolution(block) or _is_kind(block, "DepthwiseConv2D"):
        return
    kernel, channels = _get_effective_kernel(block), block.input_shape[-1]
    if target.version == "v1":
        limits = {"Conv2D": {7: 149}, "SeparableConv2D": {3: 2048, 5: 1792, 7: 896}}
        max_channels = limits[block.kind].get(kernel, 448)
    elif target.weight_bits == 8:
        max_channels = {3: 682, 5: 204, 7: 73}.get(kernel, 2048)
    else:
        max_channels = {3: 1365, 5: 512, 7: 195}.get(kernel, 2048)
    yield _obstacle_if(
        block,
        channels > max_channels,
        f"{channels} input channels",
        f"use at most {max_channels}",
    )


def _is_before(steps: list[str], first: str, second: str) -> bool:
    """Check whether a block has both steps, in this order."""
    return first in steps and second in steps and steps.index(first) < steps.index(second)


def _check_v1_structure(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules of Akida 1: a sequence of convolutions, each with a bounded ReLU, then Dense."""
    yield _obstacle_if(
        block,
        _is_kind(block, "Add", "Concatenate"),
        f"{block.kind}: Akida 1 supports sequential models only",
        "remove the branch, or use Akida 2",
    )
    yield _obstacle_if(
        block,
        _is_kind(block, "DepthwiseConv2D"),
        "DepthwiseConv2D without a pointwise convolution",
        "use SeparableConv2D or Conv2D, or Akida 2",
    )
    yield _obstacle_if(
        block,
        len(block.readers) > 1,
        "two layers read its output",
        "use a sequential model, or Akida 2",
    )
    relu = block.find_last("relu")
    if not _is_last(block) and _is_kind(block, *AKIDA_KERNEL_LAYERS):
        is_bounded = getattr(relu, "max_value", None) is not None
        yield _obstacle_if(
            block, not is_bounded, "no bounded ReLU after it", "add ReLU(max_value=6)"
        )
    steps = block.steps
    yield _obstacle_if(
        block,
        _is_before(steps, "relu", "gap"),
        "GlobalAveragePooling2D after the ReLU",
        "put it before the ReLU",
    )
    if "gap" in steps and _is_convolution(block):
        height = block.input_shape[0]
        rows, columns = block.layer.output_shape[1:3]
        is_wrong = height > 32 or columns < 3 or rows * columns > 256
        yield _obstacle_if(
            block,
            is_wrong,
            f"GlobalAveragePooling2D over {rows} x {columns}",
            "use at most 32 input rows, at most 256 positions, at least 3 columns",
        )


def _check_v2_structure(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules of Akida 2: residual networks are allowed; global pooling comes after the ReLU."""
    yield _obstacle_if(
        block,
        _is_kind(block, "SeparableConv2D"),
        "SeparableConv2D",
        "use DepthwiseConv2D, then a 1x1 Conv2D",
    )
    steps = block.steps
    yield _obstacle_if(
        block,
        _is_before(steps, "gap", "relu"),
        "GlobalAveragePooling2D before the ReLU",
        "put it after the ReLU",
    )
    if "gap" in steps:
        yield _obstacle_if(
            block,
            not _is_kind(block, "Conv2D") or "pool" in steps,
            "GlobalAveragePooling2D is not directly after a Conv2D",
            "add a 1x1 Conv2D with ReLU before it",
        )
        yield _obstacle_if(
            block,
            _is_last(block),
            "the model ends with GlobalAveragePooling2D",
            "add Dense after it",
        )
        if _is_kind(block, "Conv2D"):
            height, width = block.input_shape[:2]
            is_wrong = height * width > 144 or height > 64 or max(block.layer.strides) > 1
            yield _obstacle_if(
                block,
                is_wrong,
                f"GlobalAveragePooling2D over {height} x {width}",
                "use at most 144 positions, stride 1",
            )


def _check_dense(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for Dense layers."""
    if not _is_kind(block, "Dense"):
        return
    max_inputs = {"AKD1000": 57334, "AKD1500": 81920}.get(target.device, 2048)
    inputs = block.layer.kernel.shape[0]
    yield _obstacle_if(
        block, inputs > max_inputs, f"Dense has {inputs} inputs", f"use at most {max_inputs}"
    )
    reader_kinds = {reader.kind for reader in block.readers} - {"Dense"}
    if target.version == "v2":
        yield _obstacle_if(
            block,
            bool(reader_kinds),
            f"{', '.join(sorted(reader_kinds))} after Dense",
            "put only Dense layers after Dense",
        )


def _check_merge(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rules for Add and Concatenate."""
    if not _is_kind(block, "Add", "Concatenate"):
        return
    count = len(block.layer.input) if isinstance(block.layer.input, list) else 1
    yield _obstacle_if(
        block,
        _is_kind(block, "Add") and count != 2,
        f"Add has {count} inputs",
        "add two tensors at a time",
    )
    for producer in block.producers:
        yield _obstacle_if(
            block,
            _is_kind(producer, "Dense") or "gap" in producer.steps or "pool" in producer.steps,
            f"{producer.name}, a Dense or a block with pooling, feeds {block.kind}",
            "feed it from convolutions, with strides instead of pooling",
        )
        if target.weight_bits == 4:
            yield _obstacle_if(
                block,
                _is_first(producer),
                f"4-bit weights: {producer.name}, the first layer, feeds {block.kind}",
                "add a Conv2D with ReLU between them",
            )
            yield _obstacle_if(
                block,
                "relu" not in producer.steps and _is_kind(producer, "Conv2D"),
                f"{producer.name} feeds it without ReLU: 4-bit weights require a 4-bit input",
                f"add ReLU after {producer.name}",
            )
    if target.weight_bits == 4:
        only_convolutions = all(
            _is_kind(reader, "Conv2D", "DepthwiseConv2D") for reader in block.readers
        )
        yield _obstacle_if(
            block,
            bool(block.followers) or not block.readers or not only_convolutions,
            "4-bit weights: the next layer is not a convolution",
            "add a Conv2D directly after it",
        )


def _check_4_bit_output(block: Block, target: Target) -> Iterator[Obstacle | None]:
    """Rule for 4-bit weights: the layer has a 4-bit output only if a ReLU follows it."""
    if target.version == "v1" or target.weight_bits == 8 or _is_last(block) or _is_first(block):
        return
    yield _obstacle_if(
        block,
        "relu" not in block.steps and _is_kind(block, "Conv2D", "Dense"),
        "4-bit weights without ReLU after the layer",
        "add ReLU",
    )


def _format_choices(numbers: tuple[int, ...]) -> str:
    """Format numbers as a choice, such as `1, 3 or 5`."""
    *others, last = (str(number) for number in numbers)
    return f"{', '.join(others)} or {last}" if others else last


COMMON_RULES: tuple[Rule, ...] = (
    _check_layer,
    _check_activations,
    _check_pooling,
    _check_first_layer,
    _check_hidden_convolution,
    _check_input_channels,
    _check_dense,
)
V1_RULES: tuple[Rule, ...] = (_check_v1_structure,)
V2_RULES: tuple[Rule, ...] = (_check_v2_structure, _check_merge, _check_4_bit_output)
