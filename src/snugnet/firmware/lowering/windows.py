"""C code of pooling operators."""

from snugnet.firmware.c_text import C_TYPES, SUFFIXES, braces, format_struct
from snugnet.firmware.lowering.sums import Image, format_windows
from snugnet.firmware.step import CodeStep, KernelSource, PreparedNode
from snugnet.int8.node import limits
from snugnet.int8.parameters import Pooling


def lower_pooling(prepared: PreparedNode, pooling: Pooling) -> CodeStep:
    """Generate a maximum or mean over windows."""
    node = prepared.node
    suffix = SUFFIXES[node.output.dtype]
    replacements = (
        ("SUFFIX", suffix),
        ("ELEMENT", C_TYPES[node.output.dtype]),
        ("FAST", str(int(suffix == "s8"))),
    )
    name = prepared.name("pool")
    image = Image.of(node.input(0).shape)
    value = braces(
        format_windows(prepared, pooling.windows, image),
        pooling.is_mean,
        (pooling.low, pooling.high) != limits(node.output),
        pooling.low,
        pooling.high,
    )
    return CodeStep(
        (KernelSource("snugnet_pool.h", replacements),),
        (format_struct(f"snugnet_pool_{suffix}", name, value),),
        (f"snugnet_run_pool_{suffix}({prepared.input(0)}, {prepared.output()}, &{name});",),
    )
