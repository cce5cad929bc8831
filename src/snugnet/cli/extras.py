"""Which extra of the package brings what a command needs."""

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


def missing(error: ModuleNotFoundError) -> str:
    """Say how to get what could not be imported."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return str(error)
    return f"this needs {package}: pip install 'snugnet[{EXTRAS[package]}]'"
