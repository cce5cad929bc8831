"""Steps of a program: what generated C code does for one operator."""

from dataclasses import dataclass, field

from snugnet.core.tflite_graph import Tensor
from snugnet.firmware.c_text import C_TYPES
from snugnet.int8.node import Kernel, Node


@dataclass(frozen=True)
class KernelSource:
    """A file of C functions.

    Attributes:
        file: Name of the file in the folder `c`.
        replacements: Words of the file, and what they become; pairs.
    """

    file: str
    replacements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SumsTraits:
    """Properties of the sums of an operator, by which kernels are specialized.

    Attributes:
        is_simple: Whether sums are scaled by a right shift, without overflow.
        is_limited: Whether outputs have other limits than those of their type.
        is_scaled: Whether each output has its own multiplier.
    """

    is_simple: bool
    is_limited: bool
    is_scaled: bool


@dataclass(frozen=True)
class CodeStep:
    """The C code of one operator.

    Attributes:
        kernels: Files of functions that it needs.
        declarations: Definitions of constants.
        statements: Statements; `{in0}`, `{out0}` and `{scratch}` are pointers to the tensors.
        scratch: Bytes that it needs while it runs.
        overwrites: Positions of inputs that the first output may replace in memory.
        traits: Properties of its sums; None if it has none.
    """

    kernels: tuple[KernelSource, ...] = ()
    declarations: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    scratch: int = 0
    overwrites: tuple[int, ...] = field(default=())
    traits: SumsTraits | None = None


@dataclass(frozen=True)
class PreparedNode:
    """An operator to generate code for.

    Attributes:
        node: The operator with its tensors.
        kernel: Its kernel of the engine, whose parameters the code has.
    """

    node: Node
    kernel: Kernel

    def name(self, suffix: str) -> str:
        """Return the name of a constant of this operator."""
        return f"op{self.node.index}_{suffix}"

    def pointer(self, tensor: Tensor, place: str, is_output: bool = False) -> str:
        """Return a typed pointer to a tensor, for a statement."""
        const = "" if is_output else "const "
        return f"({const}{C_TYPES[tensor.dtype]} *){{{place}}}"

    def input(self, position: int) -> str:
        """Return a typed pointer to an input."""
        return self.pointer(self.node.input(position), f"in{position}")

    def output(self, position: int = 0) -> str:
        """Return a typed pointer to an output."""
        return self.pointer(self.node.outputs[position], f"out{position}", is_output=True)
