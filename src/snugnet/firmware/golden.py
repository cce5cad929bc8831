"""Golden vectors: inputs of a model with their exact outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snugnet.core.inputs import split_inputs
from snugnet.firmware.c_text import C_TYPES, format_array
from snugnet.firmware.header import list_ports
from snugnet.firmware.program import FirmwareProgram
from snugnet.int8.engine import Model

# Number of golden vectors, at most.
COUNT = 4


@dataclass(frozen=True)
class Vectors:
    """Invocations of a model: inputs, and the outputs that the engine computes.

    Attributes:
        inputs: For each input (n, bytes): its values in each of n invocations.
        outputs: The same for each output.
    """

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]

    @property
    def count(self) -> int:
        """The number of invocations."""
        return len(self.outputs[0])

    def take(self, indices: Sequence[int]) -> "Vectors":
        """Return some of the invocations."""
        rows = list(indices)
        return Vectors(
            tuple(array[rows] for array in self.inputs),
            tuple(array[rows] for array in self.outputs),
        )


def compute_vectors(model: Model, samples: np.ndarray) -> Vectors:
    """Compute the outputs of samples with the engine.

    Args:
        model: The model.
        samples: Samples in the types of the inputs, (n, ...); a structured array for several
            inputs. Those that do not fill an invocation are left out.
    """
    arrays = list(split_inputs(samples).values())
    batch = model.inputs[0].shape[0]
    count = len(arrays[0]) // batch
    arrays = [np.ascontiguousarray(array[: count * batch]) for array in arrays]
    outputs = model.predict(arrays[0] if len(arrays) == 1 else arrays)
    results = outputs if isinstance(outputs, list) else [outputs]
    return Vectors(
        tuple(array.reshape(count, -1) for array in arrays),
        tuple(np.ascontiguousarray(array).reshape(count, -1) for array in results),
    )


def choose_golden(vectors: Vectors, count: int = COUNT) -> Vectors:
    """Choose the invocations whose outputs show most: few values at the limits, and all different.

    An output at the limit of its type stays the same if the sum before it is wrong.

    Args:
        vectors: Invocations.
        count: Number of invocations to choose, at most.
    """
    inside = np.mean([_count_inside(array) for array in vectors.outputs], axis=0)
    order = np.argsort(-inside, kind="stable").tolist()
    chosen: dict[bytes, int] = {}
    for index in order:
        key = b"".join(array[index].tobytes() for array in vectors.outputs)
        chosen.setdefault(key, index)
    repeated = [index for index in order if index not in chosen.values()]
    return vectors.take([*chosen.values(), *repeated][:count])


def _count_inside(outputs: np.ndarray) -> np.ndarray:
    """Return for each invocation the share of values that are not at a limit of their type."""
    if outputs.dtype.kind == "f":
        return np.ones(len(outputs))
    limits = np.iinfo(outputs.dtype)
    share: np.ndarray = ((outputs > limits.min) & (outputs < limits.max)).mean(axis=1)
    return share


def write_golden(program: FirmwareProgram, name: str, golden: Vectors) -> str:
    """Return the header with the golden vectors.

    Args:
        program: The program.
        name: Prefix of all names.
        golden: The vectors.
    """
    guard = f"{name.upper()}_GOLDEN_H"
    arrays = zip(list_ports(program), (*golden.inputs, *golden.outputs), strict=True)
    parts = [
        "/* Inputs, and the outputs that the model must compute from them, bit for bit. */\n"
        f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        f"#define {name.upper()}_GOLDEN_COUNT {golden.count}\n"
    ]
    for (label, port), values in arrays:
        comment = f"{golden.count} x {values.shape[1]} numbers"
        # The bytes of floats are compared, so their text must be exact; %.9g is.
        assert C_TYPES[port.dtype]
        parts.append(format_array(f"{name}_golden_{label}", values, comment))
    return "\n".join([*parts, "#endif\n"])
