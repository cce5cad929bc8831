"""Custom layers of a user, from a trusted Python file."""

import importlib.util
from pathlib import Path
from typing import Any

from snugnet.core.errors import InputError
from snugnet.core.text import get_first_line
from snugnet.models.loading.keras2 import tf_keras


def load_custom_layers(code: Path) -> dict[str, Any]:
    """Run a Python file and return the layer classes that it defines.

    Args:
        code: A trusted Python file.

    Returns:
        Subclasses of `tf_keras.layers.Layer` by name.

    Raises:
        InputError: If the file raises an exception, or defines no layers.
        OSError: If the file cannot be read.
    """
    # Raises OSError for an unreadable file; below, it would be reported as an error of the code.
    code.read_bytes()
    spec = importlib.util.spec_from_file_location("snugnet_custom_layers", code)
    if spec is None or spec.loader is None:
        raise InputError(f"{code}: must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{code}: {type(error).__name__}: {get_first_line(error)}") from None
    layer = tf_keras.layers.Layer
    layer_classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, layer) and value.__module__ == spec.name
    }
    if not layer_classes:
        raise InputError(f"{code}: defines no subclass of tf_keras.layers.Layer")
    return layer_classes
