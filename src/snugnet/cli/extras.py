"""Which extra of the package brings what a command needs."""

from snugnet.installation import is_supported, unsupported

EXTRAS = {
    "ai_edge_litert": "tflite",
    "flatbuffers": "tflite",
    "tflite_micro": "tflite",
    "scipy": "tflite",
    "pandas": "tflite",
    "tqdm": "tflite",
    "tensorflow": "train",
    "tf_keras": "train",
    "tensorflow_model_optimization": "train",
    "h5py": "train",
    "sklearn": "train",
    "akida": "akida",
    "quantizeml": "akida",
    "cnn2snn": "akida",
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


def missing(error: ModuleNotFoundError) -> str:
    """Say how to get what could not be imported."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return str(error)
    if package in LIBRARIES and not is_supported():
        return unsupported(LIBRARIES[package])
    return f"this needs {package}: pip install 'snugnet[{EXTRAS[package]}]'"
