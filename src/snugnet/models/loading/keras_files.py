"""Anyone's Keras files: what they describe is looked at before anything of it is made.

Taken are .h5 and .keras files of Keras 2 and 3, and SavedModels that Keras 2 wrote. Code that a
file brings along, a Lambda's bytes above all, is never run.
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
from snugnet.models.loading.flatten_submodels import flat
from snugnet.models.loading.keras2 import tf_keras

MODELS = ("Functional", "Model", "Sequential")
# TensorFlow's functions within a functional model that compute and touch nothing else.
FUNCTIONS = ("math.", "nn.", "__operators__.", "linalg.")
SINGLE_FUNCTIONS = frozenset(
    {
        *("cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "identity"),
        *("pad", "reshape", "shape", "split", "squeeze", "stack", "strided_slice", "tile"),
        *("transpose", "unstack", "compat.v1.transpose"),
    }
)
# A description of a small network takes kilobytes.
MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Described:
    """What a file says of itself.

    Attributes:
        form: `keras2` (.h5 or .keras), `keras3` (the same), or `saved_model`.
        layers: What is described, models and parts of layers among it: the name of the layer that
            it is or belongs to, and a mapping with `class_name` and `config`.
    """

    form: str
    layers: tuple[tuple[str | None, Mapping[str, Any]], ...]


def load_foreign(path: str | Path, code: Path | None = None) -> tf_keras.Model:
    """Read anyone's model.

    Args:
        path: .h5, .keras, or the folder of a SavedModel.
        code: A Python file, trusted by whoever names it, with the classes of custom layers.

    Returns:
        Uncompiled, with one input of a fixed shape, float32, and one output; models within it are
        laid out (`nested.flat`).

    Raises:
        InputError: If the file is none of these, or the model cannot be handled: layers and
            reasons are named.
        OSError: If a file cannot be read.
    """
    path = Path(path)
    described = describe(path)
    own = {} if code is None else custom_layers(code)
    # For good: whoever copies the model later must find its layers by their names.
    tf_keras.utils.get_custom_objects().update(own)
    problems = [problem for part in described.layers if (problem := _problem(*part, own))]
    if problems:
        raise InputError(f"{path}: " + "; ".join(dict.fromkeys(problems)))
    try:
        model = _LOADERS[described.form](path)
    except InputError:
        raise
    except Exception as error:  # Keras raises whatever its layers do
        raise InputError(f"{path}: Keras cannot build this model ({_line(error)})") from None
    _check_ends(model, path)
    return flat(model)


def accept_model(model: Any) -> tf_keras.Model:
    """Check a model in memory as `load_foreign` checks a file, and flatten models within it.

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
    return flat(model)


def describe(path: Path) -> Described:
    """Read what a file says of its layers.

    Raises:
        InputError: If it is no model of Keras.
        OSError: If it cannot be read.
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


def _describe_h5(path: Path) -> Described:
    try:
        with h5py.File(path, "r") as file:
            config = json.loads(file.attrs["model_config"])
            version = file.attrs.get("keras_version", "2")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: this .h5 file does not hold a Keras model ({_line(error)})"
        ) from None
    form = "keras3" if str(version).startswith("3") else "keras2"
    return Described(form, tuple(_nested(config)))


def _describe_keras(path: Path) -> Described:
    try:
        with zipfile.ZipFile(path) as archive:
            names = ("config.json", "metadata.json")
            if sum(archive.getinfo(name).file_size for name in names) > MOST_BYTES:
                raise ValueError("its config.json or metadata.json is too large")
            config, about = (json.loads(archive.read(name)) for name in names)
        version = str(about.get("keras_version", "2"))
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"{path}: truncated or damaged .keras file ({_line(error)})") from None
    form = "keras2" if version.startswith("2") else "keras3"
    return Described(form, tuple(_nested(config)))


def _describe_saved_model(path: Path) -> Described:
    from tf_keras.protobuf import saved_metadata_pb2

    if not (path / "saved_model.pb").is_file():
        raise InputError(f"{path}: not a SavedModel: the folder has no saved_model.pb")
    if not (path / "keras_metadata.pb").is_file():
        raise InputError(
            f"{path}: the SavedModel has no keras_metadata.pb, which describes its layers; save "
            "the model as .keras or .h5"
        )
    found = saved_metadata_pb2.SavedMetadata()
    try:
        found.ParseFromString((path / "keras_metadata.pb").read_bytes())
        # Metrics have descriptions too, and take no part.
        layers = [
            json.loads(node.metadata) for node in found.nodes if "metric" not in node.identifier
        ]
    except ValueError as error:
        raise InputError(f"{path}: keras_metadata.pb is damaged ({_line(error)})") from None
    return Described("saved_model", tuple(_nested(layers)))


def _nested(
    config: Any, owner: str | None = None
) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """List a description and those within it: of models, wrappers, and functions made of code."""
    if isinstance(config, list):
        for entry in config:
            yield from _nested(entry, owner)
    elif isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            owner = _name_of(config) if _is_layer(config) else owner
            yield owner, config
        for value in config.values():
            yield from _nested(value, owner)


def _settings(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, dict) else {}


def _name_of(entry: Mapping[str, Any]) -> str | None:
    name = _settings(entry).get("name", entry.get("name"))
    return None if name is None else str(name)


def _is_layer(entry: Mapping[str, Any]) -> bool:
    """Tell layers from initializers, policies and tensors, which are described in the same way."""
    settings = _settings(entry)
    return "trainable" in settings or ("name" in settings and "inbound_nodes" in entry)


def _problem(owner: str | None, entry: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """Say why something that is described cannot be made, if so."""
    kind, settings = entry["class_name"], _settings(entry)
    where = f"layer {owner!r}"
    if kind in ("Lambda", "__lambda__") or settings.get("function_type") == "lambda":
        return f"{where}: Lambda layers are not allowed, they run code; use Keras layers"
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        function = str(settings.get("function", ""))
        if function.startswith(FUNCTIONS) or function in SINGLE_FUNCTIONS:
            return None
        return f"{where}: the function tf.{function} is not supported; use Keras layers"
    if not _is_layer(entry) or kind in MODELS or kind in own or _is_keras(kind):
        return None
    return f"{where}: {kind!r} is not a Keras layer; use --allow-code with the file that defines it"


def _is_keras(kind: str) -> bool:
    return isinstance(getattr(tf_keras.layers, kind, None), type)


def custom_layers(code: Path) -> dict[str, Any]:
    """Run a Python file and give the layers that it defines, by name.

    Raises:
        InputError: If it cannot be run, or defines none.
        OSError: If it cannot be read.
    """
    code.read_bytes()  # what is wrong with the file itself is said as such
    spec = importlib.util.spec_from_file_location("snugnet_custom_layers", code)
    if spec is None or spec.loader is None:
        raise InputError(f"{code}: must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{code}: {type(error).__name__}: {_line(error)}") from None
    layer = tf_keras.layers.Layer
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, layer) and value.__module__ == spec.name
    }
    if not found:
        raise InputError(f"{code}: defines no subclass of tf_keras.layers.Layer")
    return found


def _load_keras2(path: Path) -> tf_keras.Model:
    return tf_keras.models.load_model(path, compile=False)


def _load_saved_model(path: Path) -> tf_keras.Model:
    model = _load_keras2(path)
    # As loaded its layers call functions that were traced when it was saved.
    fresh = type(model).from_config(model.get_config())
    if not fresh.built:
        fresh.build(model.input_shape)
    fresh.set_weights(model.get_weights())
    return fresh


def _load_keras3(path: Path) -> tf_keras.Model:
    from snugnet.models.loading.keras3 import convert

    return convert(path)


_LOADERS: dict[str, Callable[[Path], tf_keras.Model]] = {
    "keras2": _load_keras2,
    "saved_model": _load_saved_model,
    "keras3": _load_keras3,
}


def _check_ends(model: tf_keras.Model, path: Path) -> None:
    """Refuse what has not one input of a fixed shape and one output."""
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


def task_of(model: tf_keras.Model) -> str | None:
    """Tell a model's task from its last activation; None for what does not classify."""
    outputs = model.output_shape
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    if type(model.layers[-1]).__name__ == "Softmax":
        activation = "softmax"
    if len(outputs) != 2 or activation not in ("softmax", "sigmoid"):
        return None
    if activation == "softmax":
        return "multiclass"
    return "binary" if outputs[1] == 1 else "multilabel"


def _line(error: Exception) -> str:
    """Give the first line of what an error says: Keras goes on for pages."""
    return str(error).strip().split("\n", maxsplit=1)[0][:300]
