"""Snugnet: make small neural networks fit small devices, and prove that they compute the same.

The public API is what `__all__` lists. Each name is imported when it is first used: the integer
engine needs NumPy alone, and TensorFlow is imported only by functions that train or convert.
"""

from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snugnet.core.errors import InputError, ModelFormatError, NotAkidaError
    from snugnet.core.installation import DEFAULT_CONFIG, SNAKEFILE
    from snugnet.services.akida import AkidaProgram, to_akida
    from snugnet.services.compress import SVD, TensorTrain, Tucker2, factorize, prune
    from snugnet.services.evaluate import Comparison, Evaluation, compare, evaluate
    from snugnet.services.firmware import Emulation, FirmwareExport, emulate, export_firmware
    from snugnet.services.integer_model import load_int8
    from snugnet.services.quantize import quantize, quantize_aware
    from snugnet.services.quantized_model import QuantizedModel
    from snugnet.services.verify import Verification, verify

__version__ = "0.1.0"

# The module of each public name, and its name there.
_PUBLIC = {
    "AkidaProgram": ("snugnet.services.akida", "AkidaProgram"),
    "Comparison": ("snugnet.services.evaluate", "Comparison"),
    "DEFAULT_CONFIG": ("snugnet.core.installation", "DEFAULT_CONFIG"),
    "Emulation": ("snugnet.services.firmware", "Emulation"),
    "Evaluation": ("snugnet.services.evaluate", "Evaluation"),
    "FirmwareExport": ("snugnet.services.firmware", "FirmwareExport"),
    "InputError": ("snugnet.core.errors", "InputError"),
    "ModelFormatError": ("snugnet.core.errors", "ModelFormatError"),
    "NotAkidaError": ("snugnet.core.errors", "NotAkidaError"),
    "QuantizedModel": ("snugnet.services.quantized_model", "QuantizedModel"),
    "SNAKEFILE": ("snugnet.core.installation", "SNAKEFILE"),
    "SVD": ("snugnet.services.compress", "SVD"),
    "TensorTrain": ("snugnet.services.compress", "TensorTrain"),
    "Tucker2": ("snugnet.services.compress", "Tucker2"),
    "Verification": ("snugnet.services.verify", "Verification"),
    "compare": ("snugnet.services.evaluate", "compare"),
    "emulate": ("snugnet.services.firmware", "emulate"),
    "evaluate": ("snugnet.services.evaluate", "evaluate"),
    "export_firmware": ("snugnet.services.firmware", "export_firmware"),
    "factorize": ("snugnet.services.compress", "factorize"),
    "load_int8": ("snugnet.services.integer_model", "load_int8"),
    "prune": ("snugnet.services.compress", "prune"),
    "quantize": ("snugnet.services.quantize", "quantize"),
    "quantize_aware": ("snugnet.services.quantize", "quantize_aware"),
    "to_akida": ("snugnet.services.akida", "to_akida"),
    "verify": ("snugnet.services.verify", "verify"),
}

__all__ = [
    "DEFAULT_CONFIG",
    "SNAKEFILE",
    "SVD",
    "AkidaProgram",
    "Comparison",
    "Emulation",
    "Evaluation",
    "FirmwareExport",
    "InputError",
    "ModelFormatError",
    "NotAkidaError",
    "QuantizedModel",
    "TensorTrain",
    "Tucker2",
    "Verification",
    "__version__",
    "compare",
    "emulate",
    "evaluate",
    "export_firmware",
    "factorize",
    "load_int8",
    "prune",
    "quantize",
    "quantize_aware",
    "to_akida",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562).

    A missing package is an error that names the command to install it: here, and in each call.
    """
    if name not in _PUBLIC:
        raise AttributeError(f"module 'snugnet' has no attribute {name!r}")
    from snugnet.core.extras import explain_missing_packages

    module, attribute = _PUBLIC[name]
    with explain_missing_packages():
        value = getattr(import_module(module), attribute)
    if isinstance(value, FunctionType):
        value = explain_missing_packages()(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
