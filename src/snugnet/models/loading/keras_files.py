"""Loading of Keras files from untrusted sources.

Supported are .h5 and .keras files of Keras 2 and Keras 3, and SavedModels that Keras 2 wrote. The
description in a file is checked before any layer is built. Code in a file, above all the bytecode
of a Lambda layer, is never run.
"""

import importlib.util
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from snugnet.core.errors import InputError
from snugnet.models.loading.flatten_submodels import flatten_submodels
from snugnet.models.loading.keras2 import tf_keras

MODEL_CLASSES = ("Functional", "Model", "Sequential")
# TensorFlow functions that a functional model may call: they compute, without side effects.
ALLOWED_FUNCTION_PREFIXES = ("math.", "nn.", "__operators__.", "linalg.")
ALLOWED_FUNCTIONS = frozenset(
    {
        "cast",
        "clip_by_value",
        "compat.v1.transpose",
        "concat",
        "convert_to_tensor",
        "expand_dims",
        "identity",
        "pad",
        "reshape",
        "shape",
        "split",
        "squeeze",
        "stack",
        "strided_slice",
        "tile",
        "transpose",
        "unstack",
    }
)
# Largest size of config.json and metadata.json together. A small network takes kilobytes.
MAX_DESCRIPTION_BYTES = 1 << 26


@dataclass(frozen=True)
class ModelDescription:
    """The format of a Keras file and the description of its layers.

    Attributes:
        form: `keras2` (.h5 or .keras of Keras 2), `keras3` (.h5 or .keras of Keras 3) or
            `saved_model`.
        layers: The described objects: layers, models and parts of layers. Each is the name of the
            layer that it is or belongs to, and a mapping with `class_name` and `config`.
    """

    form: str
    layers: tuple[tuple[str | None, Mapping[str, Any]], ...]


def load_keras_file(path: str | Path, code: Path | None = None) -> tf_keras.Model:
    """Load a Keras model from an untrusted file.

    Args:
        path: An .h5 or .keras file, or the folder of a SavedModel.
        code: A Python file with the classes of custom layers. It is run, so the user must trust it.

    Returns:
        An uncompiled model with one float32 input of a fixed shape and one output. Submodels are
        replaced by their layers (`flatten_submodels`).

    Raises:
        InputError: If the file has another format, or the model is not supported; the message
            names the layers and the reasons.
        OSError: If a file cannot be read.
    """
    path = Path(path)
    description = read_description(path)
    custom_layers = {} if code is None else load_custom_layers(code)
    # Registered permanently: code that copies the model later looks up its layers by name.
    tf_keras.utils.get_custom_objects().update(custom_layers)
    problems = [
        problem
        for owner, entry in description.layers
        if (problem := _find_problem(owner, entry, custom_layers))
    ]
    if problems:
        raise InputError(f"{path}: " + "; ".join(dict.fromkeys(problems)))
    try:
        model = _LOADERS[description.form](path)
    except InputError:
        raise
    # Keras passes on every exception that a layer raises.
    except Exception as error:
        raise InputError(f"{path}: Keras cannot build this model ({_first_line(error)})") from None
    _check_ends(model, path)
    return flatten_submodels(model)


def accept_model(model: Any) -> tf_keras.Model:
    """Check a model in memory as `load_keras_file` checks a file, and flatten submodels.

    Args:
        model: A tf_keras model.

    Raises:
        InputError: If it is no tf_keras model, or has not one float32 input of a fixed shape and
            one output.
    """
    if not isinstance(model, tf_keras.Model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise InputError(
            f"the model is a {kind}, not a tf_keras model. Save a Keras 3 model as a .keras file, "
            "and give its path."
        )
    _check_ends(model, Path(model.name))
    return flatten_submodels(model)


def read_description(path: Path) -> ModelDescription:
    """Read the description of a model from a Keras file, without building anything.

    Args:
        path: An .h5 or .keras file, or the folder of a SavedModel.

    Returns:
        The format of the file and its layers.

    Raises:
        InputError: If the file is not a Keras model.
        OSError: If the file cannot be read.
    """
    if path.is_dir():
        return _describe_saved_model(path)
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    if zipfile.is_zipfile(path):
        return _describe_keras(path)
    if h5py.is_hdf5(path):
        return _describe_h5(path)
    raise InputError(
        f"{path}: not a Keras model; supported: .h5 and .keras files, and SavedModel folders"
    )


def _describe_h5(path: Path) -> ModelDescription:
    try:
        with h5py.File(path, "r") as file:
            config = json.loads(file.attrs["model_config"])
            version = file.attrs.get("keras_version", "2")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: this .h5 file does not hold a Keras model ({_first_line(error)})"
        ) from None
    form = "keras3" if str(version).startswith("3") else "keras2"
    return ModelDescription(form, tuple(_iterate_descriptions(config)))


def _describe_keras(path: Path) -> ModelDescription:
    try:
        with zipfile.ZipFile(path) as archive:
            names = ("config.json", "metadata.json")
            if sum(archive.getinfo(name).file_size for name in names) > MAX_DESCRIPTION_BYTES:
                raise ValueError("its config.json or metadata.json is too large")
            config, metadata = (json.loads(archive.read(name)) for name in names)
        version = str(metadata.get("keras_version", "2"))
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(
            f"{path}: truncated or damaged .keras file ({_first_line(error)})"
        ) from None
    form = "keras2" if version.startswith("2") else "keras3"
    return ModelDescription(form, tuple(_iterate_descriptions(config)))


def _describe_saved_model(path: Path) -> ModelDescription:
    from tf_keras.protobuf import saved_metadata_pb2

    if not (path / "saved_model.pb").is_file():
        raise InputError(f"{path}: not a SavedModel: the folder has no saved_model.pb")
    if not (path / "keras_metadata.pb").is_file():
        raise InputError(
            f"{path}: the SavedModel has no keras_metadata.pb, which describes its layers; save "
            "the model as .keras or .h5"
        )
    metadata = saved_metadata_pb2.SavedMetadata()
    try:
        metadata.ParseFromString((path / "keras_metadata.pb").read_bytes())
        # Metrics are described too, but they are not part of the model.
        layers = [
            json.loads(node.metadata) for node in metadata.nodes if "metric" not in node.identifier
        ]
    except ValueError as error:
        raise InputError(f"{path}: keras_metadata.pb is damaged ({_first_line(error)})") from None
    return ModelDescription("saved_model", tuple(_iterate_descriptions(layers)))


def _iterate_descriptions(
    config: Any, owner: str | None = None
) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Yield every object described in a configuration, also in submodels, wrappers and functions.

    Args:
        config: Parsed JSON: a description, or a list or mapping that contains some.
        owner: Name of the layer that the objects belong to; None outside of layers.

    Yields:
        Name of the layer that the object is or belongs to, and its description.
    """
    if isinstance(config, list):
        for entry in config:
            yield from _iterate_descriptions(entry, owner)
    elif isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            owner = _get_name(config) if _is_layer(config) else owner
            yield owner, config
        for value in config.values():
            yield from _iterate_descriptions(value, owner)


def _get_settings(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, dict) else {}


def _get_name(entry: Mapping[str, Any]) -> str | None:
    name = _get_settings(entry).get("name", entry.get("name"))
    return None if name is None else str(name)


def _is_layer(entry: Mapping[str, Any]) -> bool:
    """Check that a description is a layer, not an initializer, a policy or a tensor."""
    settings = _get_settings(entry)
    return "trainable" in settings or ("name" in settings and "inbound_nodes" in entry)


def _find_problem(
    owner: str | None, entry: Mapping[str, Any], custom_layers: Mapping[str, Any]
) -> str | None:
    """Explain why a described object is not allowed; return None if it is allowed."""
    kind, settings = entry["class_name"], _get_settings(entry)
    where = f"layer {owner!r}"
    if kind in ("Lambda", "__lambda__") or settings.get("function_type") == "lambda":
        return f"{where}: Lambda layers are not allowed, they run code; use Keras layers"
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        function = str(settings.get("function", ""))
        if function.startswith(ALLOWED_FUNCTION_PREFIXES) or function in ALLOWED_FUNCTIONS:
            return None
        return f"{where}: the function tf.{function} is not supported; use Keras layers"
    if not _is_layer(entry) or kind in MODEL_CLASSES or kind in custom_layers:
        return None
    if _is_keras_layer(kind):
        return None
    return f"{where}: {kind!r} is not a Keras layer; name the file that defines it as allow_code"


def _is_keras_layer(kind: str) -> bool:
    return isinstance(getattr(tf_keras.layers, kind, None), type)


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
        raise InputError(f"{code}: {type(error).__name__}: {_first_line(error)}") from None
    layer = tf_keras.layers.Layer
    layer_classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, layer) and value.__module__ == spec.name
    }
    if not layer_classes:
        raise InputError(f"{code}: defines no subclass of tf_keras.layers.Layer")
    return layer_classes


def _load_keras2(path: Path) -> tf_keras.Model:
    return tf_keras.models.load_model(path, compile=False)


def _load_saved_model(path: Path) -> tf_keras.Model:
    model = _load_keras2(path)
    # The layers of a loaded SavedModel call functions that were traced when it was saved. A copy
    # made from the configuration has ordinary Keras layers.
    copy = type(model).from_config(model.get_config())
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights(model.get_weights())
    return copy


def _load_keras3(path: Path) -> tf_keras.Model:
    from snugnet.models.loading.keras3 import convert

    return convert(path)


_LOADERS: dict[str, Callable[[Path], tf_keras.Model]] = {
    "keras2": _load_keras2,
    "saved_model": _load_saved_model,
    "keras3": _load_keras3,
}


def _check_ends(model: tf_keras.Model, path: Path) -> None:
    """Check that a model has one float32 input of a fixed shape and one output."""
    inputs, outputs = model.inputs or [], model.outputs or []
    if not inputs or not outputs:
        raise InputError(f"{path}: subclassed models are not supported; save a functional model")
    if len(inputs) != 1 or len(outputs) != 1:
        names = ", ".join(model.output_names)
        raise InputError(
            f"{path}: {len(inputs)} inputs and {len(outputs)} outputs ({names}); only one of each "
            "is supported: save one model per output"
        )
    shape = tuple(inputs[0].shape[1:])
    if None in shape:
        raise InputError(
            f"{path}: the input has shape {shape}; every dimension but the batch must be fixed"
        )
    if inputs[0].dtype != "float32":
        raise InputError(f"{path}: the input is {inputs[0].dtype.name}; only float32 is supported")


def infer_task(model: tf_keras.Model) -> str | None:
    """Infer the task of a model from its last activation and its number of outputs.

    Args:
        model: A model with one output.

    Returns:
        `multiclass`, `binary` or `multilabel`; None if the model is not a classifier.
    """
    outputs = model.output_shape
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    if type(model.layers[-1]).__name__ == "Softmax":
        activation = "softmax"
    if len(outputs) != 2 or activation not in ("softmax", "sigmoid"):
        return None
    if activation == "softmax":
        return "multiclass"
    return "binary" if outputs[1] == 1 else "multilabel"


def _first_line(error: Exception) -> str:
    """Return the first line of an error message: those of Keras can fill pages."""
    return str(error).strip().split("\n", maxsplit=1)[0][:300]
