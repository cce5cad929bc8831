"""Full-integer models on this machine: with NumPy alone, or compiled."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.int8 import engine

if TYPE_CHECKING:
    from snugnet.firmware.host import CompiledModel

BACKENDS = ("numpy", "c")


@overload
def load_int8(
    path: str | Path,
    profile: str = ...,
    budget: float | Budget = ...,
    backend: Literal["numpy"] = ...,
) -> engine.Model: ...


@overload
def load_int8(
    path: str | Path,
    profile: str = ...,
    budget: float | Budget = ...,
    *,
    backend: Literal["c"],
) -> "CompiledModel": ...


def load_int8(
    path: str | Path,
    profile: str = "litert_ref",
    budget: float | Budget = DEFAULT_BUDGET,
    backend: str = "numpy",
) -> "engine.Model | CompiledModel":
    """Read a full-integer model for the integer engine.

    Args:
        path: Path of a .tflite file, which requires the extra `tflite`, or of a .npz or .json file
            that `snugnet export` or `snugnet.int8.export.write` wrote.
        profile: Runtime whose kernels to reproduce: `litert_ref` (LiteRT's reference kernels) or
            `tflm` (TensorFlow Lite Micro).
        budget: Limits on work and memory, or the factor by which the default limits are multiplied.
        backend: `numpy`, or `c`: the C code of the model is compiled with the compiler of this
            machine. It computes the same bits, faster; only `predict` is available.

    Returns:
        The model, ready to run.

    Raises:
        ModelFormatError: If the file is damaged, or if the engine or the runtime does not support
            the model.
        InputError: If the path is none, if the profile, the file format or the backend is unknown,
            or if there is no C compiler.
        OSError: If the file cannot be read.
    """
    if backend not in BACKENDS:
        raise InputError(f"unknown backend {backend!r}. Known: {', '.join(BACKENDS)}.")
    model = engine.load(path, profile, budget)
    if backend == "numpy":
        return model
    from snugnet.firmware.host import CompiledModel

    return CompiledModel(model)
