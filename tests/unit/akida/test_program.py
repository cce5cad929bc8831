"""Tests of the files that a conversion for Akida writes."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from snugnet.core.errors import InputError, NotAkidaError
from tests.paths import ROOT
from tests.unit.akida.conftest import CLASSES, images, write

SCHEMES = ["akida_v1_w4a4", "akida_v2_w8a8"]


def read(program, name="conversion.json"):
    return json.loads((program.folder / name).read_text())


def both(program, x):
    """Potentials of the quantized Keras model and of the simulator."""
    from snugnet.akida.inputs import saturate
    from snugnet.akida.keras_runtime import compute_keras_potentials, load_quantized
    from snugnet.akida.simulate import load_program, simulate_potentials

    conversion = read(program)
    x = saturate(x, conversion["input_range"])
    quantized = load_quantized(program.files["quantized"])
    fbz = load_program(program.folder / "program" / "model.fbz", conversion["sha256"])
    return (
        compute_keras_potentials(
            quantized, x, conversion["potential_scale"], program.scheme.version
        ),
        simulate_potentials(fbz, x),
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_conversion_lists_devices_and_layers_when_model_fits(scheme, programs):
    conversion = read(programs[scheme])
    assert conversion["status"] == "ok"
    device = conversion["devices"][conversion["device"]]
    assert device["hardware"]
    assert [sequence["backend"] for sequence in device["sequences"]] == ["Hardware"]
    assert device["program_bytes"] > 0
    assert device["processors"] >= 3
    kinds = set().union(*(layer["processors"] for layer in device["layers"]))
    assert {"HRC", "CNP1"} < kinds
    assert sum(layer["weight_bytes"] for layer in device["layers"]) > 0
    assert conversion["smallest_device"] in conversion["devices"]
    kinds = [layer["type"] for layer in conversion["layers"]]
    first, hidden, last = (
        ("InputConvolutional", "Convolutional", "FullyConnected")
        if programs[scheme].scheme.version == "v1"
        else ("InputConv2D", "Conv2D", "Dense1D")
    )
    assert [kind for kind in kinds if kind in (first, hidden, last)] == [first, hidden, last]
    zeros = [
        layer["sparsity"] for layer in conversion["layers"] if layer["type"] in (first, hidden)
    ]
    assert all(0 < share < 1 for share in zeros)


def test_conversion_names_smallest_device_when_several_fit(programs):
    conversion = read(programs["akida_v2_w8a8"])
    assert conversion["smallest_device"] == "TwoNodesIPv2"


@pytest.mark.parametrize("scheme", [*SCHEMES, "akida_v2_w4a4"])
def test_simulator_equals_keras_when_chip_arithmetic_is_on(scheme, programs):
    np.testing.assert_array_equal(*both(programs[scheme], images(300, seed=7)))


def test_keras_runtime_differs_when_chip_arithmetic_is_off(programs):
    from snugnet.akida.keras_runtime import compute_keras_potentials, load_quantized
    from snugnet.akida.simulate import load_program, simulate_potentials

    program = programs["akida_v1_w4a4"]
    conversion, x = read(program), images(100, seed=9)
    fbz = load_program(program.folder / "program" / "model.fbz", conversion["sha256"])
    quantized = load_quantized(program.files["quantized"])
    potentials = compute_keras_potentials(quantized, x, conversion["potential_scale"], version=None)
    simulated = simulate_potentials(fbz, x)
    assert (potentials != simulated).any()
    assert (potentials.argmax(axis=1) == simulated.argmax(axis=1)).mean() > 0.5


def test_runtimes_saturate_equally_when_input_is_out_of_range(keras, tmp_path):
    from snugnet.akida.inputs import count_saturated

    program = write("akida_v2_w8a8", tmp_path, scaled=True)
    x = program.x * 3
    conversion = read(program)
    low, high = conversion["input_range"]
    assert low < 0 < high
    expected = int(((x < np.float32(low)) | (x > np.float32(high))).sum())
    assert count_saturated(x, conversion["input_range"]) == expected > 0
    np.testing.assert_array_equal(*both(program, x))


def test_runtimes_fail_when_input_shape_is_wrong(programs):
    from snugnet.akida.keras_runtime import compute_keras_potentials, load_quantized
    from snugnet.akida.simulate import load_program, simulate_potentials

    program = programs["akida_v2_w8a8"]
    conversion, x = read(program), np.zeros((2, 16, 16, 1), np.float32)
    fbz = load_program(program.folder / "program" / "model.fbz", conversion["sha256"])
    expected = r"shape \[16, 16, 1\]; the model expects \[16, 20, 1\]"
    with pytest.raises(InputError, match=expected):
        compute_keras_potentials(load_quantized(program.files["quantized"]), x, [1.0], "v2")
    with pytest.raises(InputError, match=expected):
        simulate_potentials(fbz, x)


def test_load_quantized_and_convert_fail_when_model_is_float(programs, tmp_path):
    from snugnet.akida.convert import convert
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.models.loading.storage import save_model

    program = programs["akida_v2_w8a8"]
    save_model(program.model, tmp_path / "model.h5")
    with pytest.raises(
        InputError, match=r"model\.h5: float model; quantize it with an Akida scheme"
    ):
        load_quantized(tmp_path / "model.h5")
    with pytest.raises(NotAkidaError, match="akida_cnn is a float model; quantize it first"):
        convert(program.model, program.scheme)


def test_load_program_fails_when_file_is_missing_damaged_or_new(programs, tmp_path):
    import hashlib

    from snugnet.akida.simulate import load_program

    program = programs["akida_v2_w8a8"]
    file = (program.folder / "program" / "model.fbz").read_bytes()
    path = tmp_path / "model.fbz"
    with pytest.raises(
        InputError, match=r"no such program; see conversion\.json in the same folder"
    ):
        load_program(path, "")
    path.write_bytes(file[: len(file) // 2])
    with pytest.raises(InputError, match="damaged: SHA-256 sum"):
        load_program(path, read(program)["sha256"])
    import akida

    newer = file.replace(akida.__version__.encode(), b"9.19.3")
    assert newer != file
    path.write_bytes(newer)
    with pytest.raises(
        InputError, match=r"akida [\d.]+ cannot read the file: .*created with Akida 9"
    ):
        load_program(path, hashlib.sha256(newer).hexdigest())


def test_write_refusal_records_layer_when_quantization_fails(keras, tmp_path):
    from tf_keras import Model, layers

    from snugnet.akida.program import write_refusal
    from snugnet.akida.quantize import quantize
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    inputs = layers.Input((16, 16, 1), name="input")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = layers.AveragePooling2D(2, name="average")(x)
    x = layers.Flatten(name="flatten")(x)
    model = Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x))
    scheme = AKIDA_SCHEMES["akida_v2_w8a8"]
    with pytest.raises(NotAkidaError, match="quantizeml does not quantize average") as caught:
        quantize(model, scheme, images(20)[:, :, :16])
    files = {name: str(tmp_path / name) for name in ("quantized", "conversion", "program")}
    write_refusal(model, scheme, "SixNodesIPv2", caught.value, files)
    conversion = json.loads((tmp_path / "conversion").read_text())
    assert conversion["status"] == "incompatible"
    assert conversion["layer"] == "average"
    assert conversion["reason"].startswith("average: AveragePooling2D cannot be quantized here")
    assert list((tmp_path / "program").iterdir()) == []


def test_find_first_difference_names_layer_when_its_bias_differs(programs):
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.akida.simulate import load_program
    from snugnet.akida.trace import find_first_difference

    program = programs["akida_v2_w8a8"]
    x = images(8, seed=3)
    fbz = load_program(program.folder / "program" / "model.fbz", read(program)["sha256"])
    quantized = load_quantized(program.files["quantized"])
    assert find_first_difference(quantized, fbz, x).layer == "scores"
    layer = quantized.get_layer("conv_2")
    kernel, bias = layer.get_weights()[:2]
    layer.set_weights([kernel, bias + 1, *layer.get_weights()[2:]])
    difference = find_first_difference(quantized, fbz, x)
    assert (difference.layer, difference.type) == ("conv_2", "Conv2D")
    assert difference.deviation.worst > 0
    assert 0 < difference.deviation.share <= 1
    assert set(difference.to_json()) == {"layer", "type", "share", "worst"}


def test_find_first_difference_works_when_network_has_branches(keras):
    """Keras runs the layers of two branches in turn; each belongs to its own block."""
    from tf_keras import Model, layers

    from snugnet.akida.convert import convert
    from snugnet.akida.keras_runtime import compute_keras_potentials
    from snugnet.akida.quantize import get_potential_scale, quantize
    from snugnet.akida.simulate import simulate_potentials
    from snugnet.akida.trace import LayerDifference, find_first_difference
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from tests.unit.akida.test_rewrite import randomized

    def conv(x, name, kernel=3):
        x = layers.Conv2D(6, kernel, padding="same", name=name)(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x)

    inputs = layers.Input((16, 20, 1), name="input")
    x = conv(conv(inputs, "first"), "second")
    long, short = conv(conv(x, "long_1"), "long_2"), conv(x, "short", kernel=1)
    x = conv(layers.Add(name="add")([long, short]), "last")
    x = layers.Dense(3, name="scores")(layers.Flatten(name="flatten")(x))
    scheme = AKIDA_SCHEMES["akida_v2_w8a8"]
    quantized = quantize(randomized(Model(inputs, x)), scheme, images(100))
    fbz, x = convert(quantized, scheme), images(40, seed=4)
    keras_gives = compute_keras_potentials(quantized, x, get_potential_scale(quantized), "v2")
    np.testing.assert_array_equal(keras_gives, simulate_potentials(fbz, x))
    # Nothing inside differs: the last layer is the result of the search.
    assert find_first_difference(quantized, fbz, x) == LayerDifference("scores", "Dense1D")
    layer = quantized.get_layer("last")
    kernel, bias, *others = layer.get_weights()
    layer.set_weights([kernel, bias + 1, *others])
    assert find_first_difference(quantized, fbz, x).layer == "last"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_akida_page_example_predicts_as_package_when_run_alone(scheme, programs, tmp_path):
    """The code of the page is run beside the two files alone, without this package."""
    page = (ROOT / "docs/howto/akida.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    program = programs[scheme]
    for name in ("model.fbz", "deployment.json"):
        (tmp_path / name).write_bytes((program.folder / "program" / name).read_bytes())
    x = images(30, seed=5)
    low, high = -2.0, 3.0
    np.save(tmp_path / "signal.npy", x / 255 * (high - low) + low)
    lines = f"import numpy as np\nsignal = np.load('signal.npy', allow_pickle=False)\n{code}"
    assert "snugnet" not in lines
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    _, potentials = both(program, x)
    scale = np.array(read(program)["potential_scale"])
    expected = (potentials * scale).argmax(axis=1).tolist()
    assert done.stdout.strip() == f"{expected} {list(CLASSES)}"
