"""Float models that users bring: Keras models, their files, and the same networks as TFLite."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.text import get_first_line
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.services.model_files import name_of

if TYPE_CHECKING:
    from snugnet.models.loading.keras_files import LoadedModel


@dataclass(frozen=True)
class FloatModel:
    """A Keras model that TFLite can represent.

    Attributes:
        keras: The tf_keras model, with recurrent layers unrolled where TFLite needs it.
        content: The model as a float32 .tflite file.
        name: Path of the model's file, or the name of the model, for messages.
        size_bytes: Size of the model's own file; None if it comes from memory.
        notes: Changes made to the model when it was read, for people.
    """

    keras: Any = field(repr=False)
    content: bytes = field(repr=False)
    name: str
    size_bytes: int | None
    notes: tuple[str, ...] = ()


def open_float_model(
    model: Any, allow_code: Path | None = None, budget: Budget = DEFAULT_BUDGET
) -> FloatModel:
    """Open a Keras model and convert it to float32 TFLite.

    Seeds and threads of this process stay as they are: TensorFlow cannot change its threads after
    it has run an operator. Services of the command line call `keras2.configure` first.

    Args:
        model: Path of a .h5 or .keras file or a SavedModel folder, or a tf_keras model.
        allow_code: Python file that defines custom layers of a model file. The file is executed.
        budget: Limits on work and memory for a file.

    Raises:
        InputError: If the model is not supported; layers and reasons are named.
        BudgetError: If the network of a file needs more work or memory than the budget allows.
        OSError: If a file cannot be read.
    """
    name = name_of(model)
    loaded = open_keras(model, allow_code, budget)
    keras, content = _convert_to_float32(name, loaded.model)
    if not isinstance(model, str | Path):
        return FloatModel(keras, content, name, None, loaded.notes)
    _check_file(content, name, budget)
    return FloatModel(keras, content, name, file_size(Path(model)), loaded.notes)


def _check_file(content: bytes, name: str, budget: Budget) -> None:
    """Check what the converted network of a file takes to run, before it is calibrated."""
    from snugnet.services.resources import check_resources
    from snugnet.tflite.flatbuffer import parse_graph

    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(content)
        graph = parse_graph(content, name, only_main=True)
        check_resources(path, graph, 1, budget, name, is_converted=True)


def open_keras(
    model: Any, allow_code: Path | None = None, budget: Budget = DEFAULT_BUDGET
) -> "LoadedModel":
    """Open a Keras model without converting it.

    Args:
        model: Path of a .h5 or .keras file or a SavedModel folder, or a tf_keras model.
        allow_code: Python file that defines custom layers of a model file. The file is executed.
        budget: Limits for the weights of a file, and for the time to read them.

    Returns:
        The tf_keras model, and what was changed when it was read.

    Raises:
        InputError: If the model is not supported; layers and reasons are named.
        OSError: If a file cannot be read.
    """
    from snugnet.models.loading.keras_files import LoadedModel, accept_model, read_keras_file

    if isinstance(model, str | Path):
        return read_keras_file(model, allow_code, budget)
    return LoadedModel(accept_model(model))


def file_size(path: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes; 0 if there is none."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def convert_model(
    name: str,
    model: Any,
    scheme: str,
    calibration: np.ndarray | None = None,
    quantized: bool = False,
) -> bytes:
    """Convert a user's model; see `tflite.convert.convert`.

    Args:
        name: Path or name of the model, for messages.
        model: The tf_keras model.
        scheme: Name of the scheme.
        calibration: Calibration samples, (n, ...); needed if the scheme is calibrated.
        quantized: Whether the model was trained with quantizers.

    Raises:
        InputError: If the converter rejects the model.
    """
    from snugnet.tflite.convert import convert

    try:
        return convert(model, SCHEMES[scheme], calibration, quantized)
    except InputError:
        raise
    except Exception as error:  # the passes of the converter raise exceptions of any type
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        raise InputError(
            f"{name}: the TFLite converter rejects the model for scheme {scheme}. Try another "
            f"scheme, or replace the layer that the converter names: {reason}"
        ) from None


def _convert_to_float32(name: str, model: Any) -> tuple[Any, bytes]:
    """Convert a model to float32; return it, unrolled if TFLite needs that, and the file."""
    from snugnet.tflite.convert import unroll_loops

    try:
        return unroll_loops(model, lambda copy: convert_model(name, copy, "float32"))
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(name) else f"{name}: {text}") from None
    # Keras cannot copy every model that it can build.
    except (TypeError, ValueError) as error:
        reason = get_first_line(error)
        raise InputError(f"{name}: Keras cannot copy this model ({reason})") from None
