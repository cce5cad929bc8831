"""Tests of the search for a mixed-precision file."""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest

from snugnet.analysis.candidates import Measurement, create_measure
from snugnet.analysis.mixed import MixedPrecisionSearch
from snugnet.core.errors import ModelFormatError
from snugnet.core.settings.schemes.mixed import MixedSchemeSettings
from snugnet.core.tflite_schemes import CONVERTED_SCHEMES, FULL_INTEGER, SCHEMES
from snugnet.tflite.contract import check_contract
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.layers import Layer
from tests.unit import networks

COLUMNS = [
    *("candidate", "in_float", "operators_in_float", "size_bytes", "n", "accuracy", "delta_float"),
    *("within_budget", "allowed", "chosen"),
]


def run_search(model, calibration, val, budget=0.5, max_in_float=None) -> SimpleNamespace:
    from snugnet.tflite.convert import convert
    from snugnet.tflite.debug import prepare_mixed_precision

    names = ("float32", "fiq_float32", "int16x8")
    whole = {name: convert(model, SCHEMES[name], calibration) for name in names}
    result = MixedPrecisionSearch(
        lambda: prepare_mixed_precision(model, calibration),
        create_measure(val),
        whole,
        MixedSchemeSettings(budget=budget, max_in_float=max_in_float),
    )
    return SimpleNamespace(search=result, whole=whole, results=result.list_results())


def chosen_layer_names(search: MixedPrecisionSearch) -> list[str]:
    return networks.tensors([vars(layer) for layer in search.chosen.in_float])


def measure_accuracies(result: SimpleNamespace, test) -> tuple[float, float]:
    """Accuracy on other samples than those that chose: of the whole scheme, and of the choice."""
    measure = create_measure(test)
    return measure(result.whole["fiq_float32"]).accuracy, measure(
        result.search.chosen.measurement.file
    ).accuracy


def test_search_keeps_first_layer_in_float_when_input_is_wide(keras, save):
    model = networks.dense(keras, 16, 128, 64, networks.CLASSES)
    networks.ignore_first(model.layers[0])
    val = networks.label_with_model(model, networks.inputs(400, seed=2, wide=True))
    result = run_search(model, networks.inputs(100, seed=1, wide=True), val, budget=4)
    assert result.search.fits
    assert chosen_layer_names(result.search) == ["dense_1"]
    before, after = measure_accuracies(
        result, networks.label_with_model(model, networks.inputs(400, 3, wide=True))
    )
    assert before < 0.7
    assert after > 0.95
    assert result.search.chosen.measurement.size < 1.2 * len(result.whole["fiq_float32"])
    contract = check_contract(
        read_graph(save(result.search.chosen.measurement.file)), SCHEMES["mixed"]
    ).to_json()
    assert contract["verdict"] == "pass", contract["findings"]
    (name,) = contract["in_float"]
    assert "dense_1" in name
    assert len(contract["float_weights"]) == 1


def test_search_keeps_two_layers_when_tensor_between_is_wide(keras):
    model = networks.dense(keras, 16, 16, 16, 128, 64, networks.CLASSES)
    networks.enlarge_first_channel(model, "dense_2")
    val = networks.label_with_model(model, networks.inputs(400, seed=2))
    result = run_search(model, networks.inputs(100, seed=1), val, budget=5)
    assert result.search.fits
    assert chosen_layer_names(result.search) == ["dense_2", "dense_3"]
    before, after = measure_accuracies(
        result, networks.label_with_model(model, networks.inputs(400, seed=3))
    )
    assert before < 0.75
    assert after > 0.93
    (chosen,) = [row.to_columns() for row in result.results if row.is_chosen]
    assert chosen["operators_in_float"] == 2
    assert chosen["in_float"].split(" ") == [
        layer.tensor for layer in result.search.chosen.in_float
    ]


def search_three_layers(rejected, max_in_float=None) -> MixedPrecisionSearch:
    """Search among three layers; the converter rejects some choices.

    Only the first layer costs: with it in float, 9 of 10 samples are right instead of 5.
    """
    layers = [Layer(i, "CONV_2D", name) for i, name in enumerate("abc")]

    def convert(names) -> bytes:
        if frozenset(names) in rejected:
            raise ModelFormatError(f"{sorted(names)} cannot be in float")
        return "".join(sorted(names)).encode()

    def measure(file: bytes) -> Measurement:
        right = 10 if file == b"float32" else 9 if b"a" in file else 5
        return Measurement(file, np.arange(10) < right, None)

    whole = {"float32": b"float32", "fiq_float32": b"-", "int16x8": b"--"}
    limits = MixedSchemeSettings(budget=10, max_in_float=max_in_float)
    return MixedPrecisionSearch(lambda: (layers, convert), measure, whole, limits)


def test_search_skips_candidate_when_converter_rejects_it(capsys):
    rejected = {frozenset("a"), frozenset("bc")}
    search = search_three_layers(rejected)
    tried = [{layer.tensor for layer in candidate.in_float} for candidate in search.candidates]
    assert {"a"} not in tried
    assert {"b", "c"} not in tried
    assert search.fits
    assert search.chosen.measurement.file in (b"ab", b"ac")
    assert "warning: ['a'] cannot be in float" in capsys.readouterr().out


def test_search_forbids_candidate_when_it_exceeds_float_limit():
    results = search_three_layers({frozenset("a")}, max_in_float=1).list_results()
    beyond = [result for result in results if len(result.candidate.in_float) > 1]
    assert all(result.is_allowed for result in results if result not in beyond)
    assert not any(result.is_allowed for result in beyond)
    assert any(result.is_within_budget for result in beyond)
    assert not any(result.is_chosen for result in beyond)


def test_search_chooses_int16x8_when_it_is_smallest_that_fits(keras):
    """The layers that would have to stay in float have most of the weights."""
    model = networks.dense(keras, 16, 64, 64, networks.CLASSES)
    networks.enlarge_first_channel(model, "dense_2")
    val = networks.label_with_model(model, networks.inputs(400, seed=2))
    result = run_search(model, networks.inputs(100, seed=1), val, budget=8)
    (chosen,) = [row.candidate for row in result.results if row.is_chosen]
    assert chosen.name == "int16x8"
    assert result.search.chosen.measurement.file == result.whole["int16x8"]
    fitting = [row.candidate.measurement.size for row in result.results if row.is_within_budget]
    assert len(fitting) > 1
    assert chosen.measurement.size == min(fitting)


def test_search_table_has_each_candidate_once_when_input_is_wide(keras):
    model = networks.dense(keras, 16, 16, networks.CLASSES)
    networks.ignore_first(model.layers[0])
    val = networks.label_with_model(model, networks.inputs(200, seed=2, wide=True))
    results = run_search(model, networks.inputs(100, seed=1, wide=True), val).results
    table = [result.to_columns() for result in results]
    assert [list(row) for row in table] == [COLUMNS] * len(table)
    assert [row["candidate"] for row in table[:4]] == [
        *("fiq_float32", "int16x8", "one_in_float", "one_quantized")
    ]
    sets = [row["in_float"] for row in table[2:]]
    assert len(set(sets)) == len(sets)
    assert sum(row["chosen"] for row in table) == 1
    for row in table:
        assert row["within_budget"] == (row["delta_float"] >= -0.005 - 1e-9)
    fitting = [row["size_bytes"] for row in table if row["within_budget"]]
    assert [row["size_bytes"] for row in table if row["chosen"]] == [min(fitting)]


# Without a converter: the accuracy of each set of layers is set by the test.
LAYERS = [Layer(i, "CONV_2D", name) for i, name in enumerate("abcd")]
N = 1000


def search_four_layers(
    worth: Mapping[str, float], size: Mapping[str, int], **settings
) -> MixedPrecisionSearch:
    """Search among files whose bytes are names; the test sets their accuracy and size.

    Otherwise a set of layers has an accuracy of 0.5, and 1000 bytes more for each layer.
    """
    tried: list[str] = []

    def named(name: str) -> bytes:
        return name.encode().ljust(size.get(name, 1000 * (1 + len(name))))

    def measure(file: bytes) -> Measurement:
        name = file.decode().strip()
        tried.append(name)
        right = np.arange(N) < round(worth.get(name, 0.5) * N)
        return Measurement(file, right.astype(float), None)

    whole = {name: named(name) for name in ("float32", "fiq_float32", "int16x8")}

    def prepare():
        tried.append("prepared")
        return LAYERS, lambda names: named("".join(sorted(names)))

    limits = MixedSchemeSettings(**{"budget": 1.0, **settings})
    search = MixedPrecisionSearch(prepare, measure, whole, limits)
    search.tried = tried  # type: ignore[attr-defined]
    return search


WHOLE = {"float32": 0.9, "fiq_float32": 0.5, "int16x8": 0.5}
SIZES = {"fiq_float32": 1000, "int16x8": 1100, "float32": 5000}


def test_search_stops_when_full_integer_file_fits():
    search = search_four_layers({**WHOLE, "fiq_float32": 0.8901}, SIZES)
    assert search.chosen.name == "fiq_float32"
    assert search.tried == ["float32", "fiq_float32", "int16x8"]


def test_search_accepts_loss_when_it_equals_budget():
    search = search_four_layers({**WHOLE, "a": 0.89, "b": 0.889}, {**SIZES, "b": 1500})
    assert [layer.tensor for layer in search.chosen.in_float] == ["a"]


def test_search_adds_best_layers_first_when_one_is_not_enough():
    worth = {**WHOLE, "b": 0.6, "d": 0.7, "bd": 0.8, "abd": 0.95}
    search = search_four_layers(worth, SIZES)
    assert next(name for name in search.tried if len(name) == 2) == "bd"
    assert [layer.tensor for layer in search.chosen.in_float] == ["a", "b", "d"]


def test_search_skips_larger_candidates_when_one_fits():
    search = search_four_layers({**WHOLE, "b": 0.9}, {**SIZES, "b": 1500})
    assert [layer.tensor for layer in search.chosen.in_float] == ["b"]
    assert {len(name) for name in search.tried if set(name) <= set("abcd")} == {1, 3}


def test_search_limits_float_layers_when_max_in_float_is_set():
    worth = {**WHOLE, "b": 0.6, "bd": 0.7, "abd": 0.95, "bcd": 0.95}
    search = search_four_layers(worth, SIZES, max_in_float=2)
    assert [layer.tensor for layer in search.chosen.in_float] == ["b", "d"]
    assert not search.fits
    assert search_four_layers(worth, SIZES, max_in_float=0).chosen.name == "fiq_float32"


def test_search_chooses_best_and_warns_when_none_fits(capsys):
    worth = {**WHOLE, "float32": 1.0, "fiq_float32": 0.7, "c": 0.8, "a": 0.8, "abcd": 0.6}
    search = search_four_layers(worth, {**SIZES, "a": 1900, "c": 1800})
    assert [layer.tensor for layer in search.chosen.in_float] == ["c"]
    assert not search.fits
    assert "no candidate is within 1.0 points of float32" in capsys.readouterr().out


def test_full_integer_and_converted_omit_scheme_when_it_is_mixed():
    assert "mixed" in SCHEMES
    assert "mixed" not in FULL_INTEGER
    assert "mixed" not in CONVERTED_SCHEMES


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("drq", "FULLY_CONNECTED computes"),
        ("fiq_int8", "input is int8 instead of float32"),
        ("float16", "are float16 instead of int8 or float32"),
    ],
)
def test_mixed_contract_fails_when_file_has_other_scheme(keras, save, scheme, words):
    from snugnet.tflite.convert import convert

    model = networks.dense(keras, 64, 64, networks.CLASSES)
    file = convert(model, SCHEMES[scheme], networks.inputs(50, seed=1))
    contract = check_contract(read_graph(save(file)), SCHEMES["mixed"]).to_json()
    assert contract["verdict"] == "fail"
    assert any(words in finding for finding in contract["findings"]), contract["findings"]
