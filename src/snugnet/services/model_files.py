"""Models of any kind as .tflite files: for services that measure or run files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.services.quantized_model import QuantizedModel


@contextmanager
def tflite_file(
    model: Any, allow_code: Path | None = None, budget: Budget = DEFAULT_BUDGET
) -> Iterator[Path]:
    """Provide a model as a .tflite file, which is temporary unless it is one already.

    Args:
        model: Path of a .tflite file; a `QuantizedModel`; or a Keras model or its path, which is
            converted to float32.
        allow_code: Python file that defines custom layers of a Keras file. The file is executed.
        budget: Limits for the weights of a Keras file, and for the time to read them.

    Raises:
        InputError: If the model is not supported.
        OSError: If a file cannot be read.
    """
    if isinstance(model, str | Path) and Path(model).suffix == ".tflite":
        yield Path(model)
        return
    if isinstance(model, QuantizedModel):
        content = model.content
    else:
        from snugnet.services.float_model import open_float_model

        content = open_float_model(model, allow_code, budget).content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        yield path


def name_of(model: Any) -> str:
    """Return the path of a model, or a name for one in memory."""
    if isinstance(model, str | Path):
        return str(model)
    if isinstance(model, QuantizedModel):
        return f"{model.scheme} model"
    return str(getattr(model, "name", type(model).__name__))
