"""Messages about missing packages: which extra of Snugnet installs each."""

from collections.abc import Iterator
from contextlib import contextmanager

from snugnet.core.installation import is_supported, unsupported_message

# The smallest extra that installs each package. `all` is for packages that only a study needs.
EXTRAS = {
    "ai_edge_litert": "tflite",
    "flatbuffers": "tflite",
    "tflite_micro": "tflite",
    "scipy": "tflite",
    "pandas": "tflite",
    "tqdm": "tflite",
    "typer": "tflite",
    "rich": "tflite",
    "tensorflow": "train",
    "tf_keras": "train",
    "tensorflow_model_optimization": "train",
    "h5py": "train",
    "sklearn": "tflite",
    "keras": "train",
    "tensorly": "train",
    "pydantic": "tflite",
    "pydantic_core": "tflite",
    "akida": "akida",
    "quantizeml": "akida",
    "cnn2snn": "akida",
    "snakemake": "all",
    "sqlalchemy": "all",
    "sqlmodel": "all",
    "yaml": "all",
    "neurokit2": "all",
    "wfdb": "all",
    "requests": "all",
    "tenacity": "all",
    "tabulate": "all",
    "jinja2": "all",
    "altair": "all",
    "vl_convert": "all",
}
# These have no builds for newer versions of Python.
LIBRARIES = {
    "tensorflow": "TensorFlow 2.19",
    "tf_keras": "TensorFlow 2.19",
    "tensorflow_model_optimization": "TensorFlow 2.19",
    "akida": "Akida 2.19",
    "quantizeml": "Akida 2.19",
    "cnn2snn": "Akida 2.19",
}


def install_command(extra: str) -> str:
    """Return the commands that install an extra, for a message."""
    return f"pip install 'snugnet[{extra}]' (in a clone: pip install '.[{extra}]')"


def missing(error: ModuleNotFoundError) -> str:
    """Return the message about a missing package, with the command that installs it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return str(error)
    if package in LIBRARIES and not is_supported():
        return unsupported_message(LIBRARIES[package])
    return f"package {package} is not installed. Run: {install_command(EXTRAS[package])}"


@contextmanager
def explain_missing_packages() -> Iterator[None]:
    """Name the command that installs a missing package; a context manager and a decorator.

    Raises:
        ModuleNotFoundError: If the code inside raises it, with the message of `missing`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(missing(error), name=error.name, path=error.path) from error
