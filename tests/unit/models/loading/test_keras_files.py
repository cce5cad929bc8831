"""Tests of loading Keras files that try to run code or to read other files."""

import copy
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snugnet.core.budget import Budget, BudgetError
from snugnet.core.errors import InputError

X = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)


@pytest.fixture
def mark(tmp_path) -> Path:
    """A file that hostile code would create."""
    return tmp_path / "mark"


@pytest.fixture
def network(keras) -> Any:
    """A small network: two dense layers."""
    layers = keras.tf_keras.layers
    keras.tf_keras.utils.set_random_seed(1)
    return keras.tf_keras.Sequential(
        [layers.Input((12,)), layers.Dense(6, "relu"), layers.Dense(4, "softmax")]
    )


@pytest.fixture
def hostile(keras, mark) -> Any:
    """A network whose Lambda layer creates the mark."""
    layers = keras.tf_keras.layers
    code = f"open({str(mark)!r}, 'w').close() or x"
    run = eval(f"lambda x: {code}")
    model = keras.tf_keras.Sequential([layers.Input((12,)), layers.Lambda(run), layers.Dense(4)])
    assert mark.exists()
    mark.unlink()
    return model


def load(path: Path, **settings: Any) -> Any:
    from snugnet.models.loading.keras_files import load_keras_file

    return load_keras_file(path, **settings)


def edit_h5(path: Path, change: Callable[[dict], None]) -> None:
    """Change the description in an .h5 file."""
    with h5py.File(path, "r+") as file:
        description = json.loads(file.attrs["model_config"])
        change(description)
        file.attrs["model_config"] = json.dumps(description)


def edit_keras(path: Path, change: Callable[[dict], None]) -> None:
    """Change the description in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(parts["config.json"])
    change(description)
    parts["config.json"] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def last_layer(description: dict) -> dict:
    layer: dict = description["config"]["layers"][-1]
    return layer


def test_load_keras_file_reads_hdf5_when_zip_follows(network, hostile, mark, tmp_path):
    """Keras would decide by the archive at the end, a check by the start of the file."""
    harmless, bad = tmp_path / "harmless.keras", tmp_path / "bad.h5"
    network.save(harmless)
    hostile.save(bad)
    bad.write_bytes(bad.read_bytes() + harmless.read_bytes())
    with pytest.raises(InputError, match="Lambda layers are not allowed"):
        load(bad)
    assert not mark.exists()


def test_load_keras_file_ignores_zip_when_hdf5_comes_first(network, hostile, mark, tmp_path):
    good, bad = tmp_path / "good.h5", tmp_path / "bad.keras"
    network.save(good)
    hostile.save(bad)
    good.write_bytes(good.read_bytes() + bad.read_bytes())
    np.testing.assert_array_equal(load(good)(X), network(X))
    assert not mark.exists()


def command(mark: Path) -> list[str]:
    return [f"touch {mark}"]


OBJECTS: dict[str, dict[str, Any]] = {
    "function of a module": {
        **{"class_name": "function", "module": "os", "config": "system"},
        "registered_name": "Custom>system",
    },
    "builtin": {
        **{"class_name": "builtins.eval", "module": "builtins", "config": "eval"},
        "registered_name": "eval",
    },
    "lambda": {"class_name": "__lambda__", "config": {"value": "AAAA"}},
    "unknown class": {"class_name": "Popen", "module": "subprocess", "config": {"args": ["true"]}},
    "typed": {"class_name": "__typespec__", "spec_name": "x", "config": ["a"]},
}


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize(
    "setting", ["activation", "kernel_regularizer", "kernel_constraint", "units", "dtype", "layer"]
)
@pytest.mark.parametrize("name", OBJECTS)
def test_load_keras_file_fails_when_setting_is_an_object(
    network, mark, tmp_path, form, setting, name
):
    path = tmp_path / f"model.{form}"
    network.save(path)
    edit = edit_h5 if form == "h5" else edit_keras

    def change(description: dict) -> None:
        last_layer(description)["config"][setting] = OBJECTS[name]

    edit(path, change)
    with pytest.raises(InputError, match=r"model\.(h5|keras): .*dense"):
        load(path)


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", OBJECTS)
def test_load_keras_file_fails_when_layer_is_another_object(network, tmp_path, form, name):
    path = tmp_path / f"model.{form}"
    network.save(path)
    edit = edit_h5 if form == "h5" else edit_keras

    def change(description: dict) -> None:
        description["config"]["layers"].append(OBJECTS[name])

    edit(path, change)
    with pytest.raises(InputError, match=r"model\.(h5|keras): "):
        load(path)


def name_by_list(description: dict, place: str) -> None:
    """Make a name of a description a list, which cannot be looked up in a set."""
    names = ["relu"]
    if place == "model":
        description["class_name"] = names
    elif place == "layer":
        last_layer(description)["class_name"] = names
    elif place == "activation":
        last_layer(description)["config"]["activation"] = names
    else:
        described = {"class_name": names, "config": {}}
        last_layer(description)["config"][place] = described


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize(
    "place", ["model", "layer", "activation", "recurrent_activation", "bias_constraint", "dtype"]
)
def test_load_keras_file_fails_clearly_when_name_is_a_list(network, tmp_path, form, place):
    path = tmp_path / f"model.{form}"
    network.save(path)
    edit = edit_h5 if form == "h5" else edit_keras
    edit(path, lambda description: name_by_list(description, place))
    with pytest.raises(InputError, match=r"model\.(h5|keras): ") as error:
        load(path)
    assert "unhashable" not in str(error.value)


@pytest.mark.parametrize("name", OBJECTS)
def test_load_keras_file_drops_initializer_when_it_is_an_object(network, tmp_path, name):
    path = tmp_path / "model.keras"
    network.save(path)

    def change(description: dict) -> None:
        last_layer(description)["config"]["kernel_initializer"] = OBJECTS[name]

    edit_keras(path, change)
    np.testing.assert_array_equal(load(path)(X), network(X))


@pytest.mark.parametrize("wrapper", ["ResidualWrapper", "DropoutWrapper", "DeviceWrapper"])
def test_load_keras_file_fails_when_rnn_cell_is_a_wrapper(keras, tmp_path, wrapper):
    layers, path = keras.tf_keras.layers, tmp_path / "model.h5"
    model = keras.tf_keras.Sequential([layers.Input((5, 3)), layers.RNN(layers.LSTMCell(4))])
    model.save(path)

    def change(description: dict) -> None:
        cell = last_layer(description)["config"]["cell"]
        config = {"cell": copy.deepcopy(cell), "residual_fn_type": "lambda", "residual_fn": ["AA"]}
        cell.update(class_name=wrapper, config=config)

    edit_h5(path, change)
    with pytest.raises(InputError, match=f"'{wrapper}' is not a supported Keras layer"):
        load(path)


@pytest.mark.parametrize(
    "function",
    [
        "io.write_file",
        "raw_ops.WriteFile",
        "py_function",
        "numpy_function",
        "print",
        "io.read_file",
    ],
)
def test_load_keras_file_fails_when_function_has_side_effects(keras, tmp_path, function):
    layers, path = keras.tf_keras.layers, tmp_path / "model.h5"
    inputs = layers.Input((12,))
    keras.tf_keras.Model(inputs, keras.tf.math.add(layers.Dense(4)(inputs), 1.0)).save(path)

    def change(description: dict) -> None:
        last_layer(description)["config"]["function"] = function

    edit_h5(path, change)
    with pytest.raises(InputError, match=f"the function tf.'{function}' is not supported"):
        load(path)


def test_load_keras_file_runs_nothing_when_saved_model_writes(keras, mark, tmp_path):
    """A resource of the SavedModel is initialized by a function that writes a file."""
    tf, layers = keras.tf, keras.tf_keras.layers

    class Writer(tf.Module):
        def __init__(self) -> None:
            self.table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0
            )

        @tf.function(input_signature=[])
        def write(self) -> Any:
            tf.io.write_file(str(mark), "x")
            return tf.constant(1, tf.int64)

    model = keras.tf_keras.Sequential([layers.Input((12,)), layers.Dense(4, "softmax")])
    model.writer = Writer()
    expected = model(X).numpy()
    folder = tmp_path / "saved"
    model.save(folder)
    program = folder / "saved_model.pb"
    # The function that initializes the table is replaced by the one that writes the file.
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(program.read_bytes())
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    functions = {
        name
        for node in nodes
        if node.HasField("function")
        for name in node.function.concrete_functions
    }
    writer = next(name for name in functions if "write" in name)
    for node in nodes:
        if node.HasField("resource"):
            for child in node.children:
                if child.local_name in ("_initialize", "_create_resource"):
                    nodes[child.node_id].function.concrete_functions[:] = [writer]
    program.write_bytes(saved.SerializeToString())
    mark.unlink(missing_ok=True)
    tf.saved_model.load(folder)
    assert mark.exists()  # the attack works on TensorFlow itself
    mark.unlink()
    np.testing.assert_array_equal(load(folder)(X), expected)
    assert not mark.exists()


def test_load_keras_file_ignores_metrics_when_one_is_a_lambda(network, hostile, mark, tmp_path):
    folder = tmp_path / "saved"
    hostile.save(folder)
    from tf_keras.protobuf import saved_metadata_pb2

    file = folder / "keras_metadata.pb"
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString(file.read_bytes())
    for node in metadata.nodes:
        if "Lambda" in node.metadata and node.node_path != "root":
            node.identifier = "_tf_keras_metric"
    file.write_bytes(metadata.SerializeToString())
    mark.unlink(missing_ok=True)
    with pytest.raises(InputError, match="Lambda layers are not allowed"):
        load(folder)
    assert not mark.exists()


def test_load_keras_file_fails_when_saved_weights_are_a_link(network, tmp_path):
    folder, secret = tmp_path / "saved", tmp_path / "secret"
    network.save(folder)
    (data,) = (folder / "variables").glob("variables.data*")
    shutil.move(data, secret)
    data.symlink_to(secret)
    with pytest.raises(InputError, match="must be a regular file"):
        load(folder)


@pytest.mark.parametrize("kind", ["saved_model", "hdf5", "pipe", "folder_link"])
def test_load_keras_file_fails_when_checkpoint_is_no_checkpoint(network, tmp_path, kind):
    """Keras would take weights from elsewhere, or wait for ever."""
    folder, other = tmp_path / "saved", tmp_path / "other"
    network.save(folder)
    network.save(other)
    variables = folder / "variables"
    if kind == "folder_link":
        shutil.rmtree(variables)
        variables.symlink_to(other / "variables")
    elif kind == "pipe":
        (variables / "variables.index").unlink()
        os.mkfifo(variables / "variables.index")
    elif kind == "hdf5":
        network.save_weights(variables / "variables", save_format="h5")
    else:
        (variables / "variables").mkdir()
        (variables / "variables/variables").symlink_to(other / "variables")
    with pytest.raises(InputError, match=r"must be a regular|not a file of a checkpoint"):
        load(folder)


def first_kernel(file: h5py.File) -> str:
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return next(name for name in names if "kernel" in name or name.endswith("vars/0"))


def replace_by_external_storage(file: h5py.File, name: str, secret: Path) -> None:
    shape = file[name].shape
    del file[name]
    size = int(np.prod(shape)) * 4
    file.create_dataset(name, shape, "float32", external=[(str(secret), 0, size)])


def replace_by_external_link(file: h5py.File, name: str, secret: Path) -> None:
    with h5py.File(secret, "w") as other:
        other["x"] = file[name][()]
    del file[name]
    file[name] = h5py.ExternalLink(str(secret), "x")


def replace_by_soft_link(file: h5py.File, name: str, secret: Path) -> None:
    file["elsewhere"] = file[name][()]
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def replace_by_virtual_dataset(file: h5py.File, name: str, secret: Path) -> None:
    shape = file[name].shape
    with h5py.File(secret, "w") as other:
        other["x"] = file[name][()]
    del file[name]
    layout = h5py.VirtualLayout(shape, "float32")
    layout[...] = h5py.VirtualSource(str(secret), "x", shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize(
    "replace_kernel",
    [
        *(replace_by_external_storage, replace_by_external_link),
        *(replace_by_soft_link, replace_by_virtual_dataset),
    ],
)
def test_load_keras_file_fails_when_kernel_is_in_another_file(
    network, tmp_path, form, replace_kernel
):
    path, secret = tmp_path / f"model.{form}", tmp_path / "secret"
    secret.write_bytes(b"s" * 4096)
    network.save(path)
    if form == "h5":
        with h5py.File(path, "r+") as file:
            replace_kernel(file, first_kernel(file), secret)
    else:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        content = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            replace_kernel(file, first_kernel(file), secret)
        parts["model.weights.h5"] = content.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
    with pytest.raises(InputError, match=r"(another|other) (place or )?file"):
        load(path)


def test_load_keras_file_fails_when_a_group_contains_itself(network, tmp_path):
    path = tmp_path / "model.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        file["model_weights/again"] = file["model_weights"]
    with pytest.raises(InputError, match="objects or 32 levels"):
        load(path)


def test_load_keras_file_fails_when_connections_are_circular(keras, tmp_path):
    layers, path = keras.tf_keras.layers, tmp_path / "model.h5"
    inputs = layers.Input((12,))
    x = layers.Dense(12, name="first")(inputs)
    keras.tf_keras.Model(inputs, layers.Add(name="sum")([x, inputs])).save(path)

    def change(description: dict) -> None:
        dense = description["config"]["layers"][1]
        dense["inbound_nodes"] = [[["sum", 0, 0, {}]]]

    edit_h5(path, change)
    with pytest.raises(InputError, match=r"circular connections of layers \['first'"):
        load(path)


def test_load_keras_file_fails_when_layer_exceeds_the_budget(network, tmp_path):
    path = tmp_path / "model.h5"
    network.save(path)

    def change(description: dict) -> None:
        last_layer(description)["config"]["units"] = 10**9

    edit_h5(path, change)
    with pytest.raises(BudgetError, match=r"needs 134\.1 GiB of memory; the limit is 4\.0 GiB"):
        load(path)


def test_load_keras_file_fails_when_weights_exceed_the_budget(network, tmp_path):
    path = tmp_path / "model.h5"
    network.save(path)
    with pytest.raises(InputError, match=r"needs .* of memory; the limit is 100 bytes"):
        load(path, budget=Budget(bytes_held=100))


def test_load_keras_file_fails_when_archive_unpacks_to_more(network, tmp_path):
    path = tmp_path / "model.keras"
    network.save(path)
    with pytest.raises(BudgetError, match="after decompression"):
        load(path, budget=Budget(bytes_unpacked=1000))


def test_load_keras_file_fails_when_description_is_nested_deeply(network, tmp_path):
    path = tmp_path / "model.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = '{"a":' * 20_000 + "1" + "}" * 20_000
    with pytest.raises(InputError, match=r"not valid JSON|nested too deeply"):
        load(path)
