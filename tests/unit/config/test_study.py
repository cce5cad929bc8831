"""Tests of the check of the configuration and of the study that it describes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, get_args

import pytest
import yaml

from snugnet.config.messages import DISCRIMINATORS
from snugnet.config.schema import Schemes
from snugnet.config.study import Study
from snugnet.core.errors import InputError
from snugnet.core.gate_entries import REQUIREMENTS, SELECTORS
from snugnet.core.microcontrollers import MICROCONTROLLERS
from snugnet.core.settings.base import Settings
from snugnet.core.settings.datasets.base import FileDataset
from snugnet.core.settings.firmware import MicrocontrollerName
from snugnet.core.settings.gate import Gate, MeasurableGate
from snugnet.firmware.targets import TARGETS
from tests.paths import ROOT


def minimal() -> dict[str, Any]:
    return {
        "study": [{"models": ["net"]}],
        "datasets": {"data": {"kind": "digits"}},
        "models": {"net": {"architecture": "fc", "dataset": "data"}},
        "variants": {
            "original": {"method": "train"},
            "tuned": {"method": "finetune", "parent": "original"},
        },
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    config = minimal()
    *parents, last = path.split("/")
    block: Any = config
    for name in parents:
        block = block[int(name)] if isinstance(block, list) else block.setdefault(name, {})
    block[last] = value
    return config


def study(config: dict[str, Any]) -> Study:
    return Study(config)


def test_study_fills_in_defaults_when_config_is_minimal():
    config = study(minimal()).config
    assert config.results_dir == "results"
    assert config.models["net"].dense == (128, 64)
    assert config.models["net"].training.augment.shift == (0, 0)
    assert config.datasets["data"].scaling == "minmax"
    assert config.schemes.fiq_int8.calibration_samples is None


def test_study_has_keras_and_akida_runtimes_when_scheme_is_akida():
    config = minimal()
    config["study"] = [{"models": ["net"], "schemes": ["float32", "akida_v2_w8a8"]}]
    assert [(cell.scheme, cell.runtime) for cell in study(config).cells] == [
        ("float32", "litert"),
        ("akida_v2_w8a8", "keras"),
        ("akida_v2_w8a8", "akida"),
    ]


def test_scheme_settings_are_merged_when_model_has_its_own():
    config = minimal()
    config["schemes"] = {"akida_v2_w8a8": {"device": "TwoNodesIPv2", "training": {"epochs": 3}}}
    config["models"]["net"]["schemes"] = {"akida_v2_w8a8": {"training": {"learning_rate": 0.5}}}
    cell = {"model": "net", "scheme": "akida_v2_w8a8"}
    result = study(config).settings.collect(("scheme", "scheme_training"), cell)
    assert result["scheme"]["device"] == "TwoNodesIPv2"
    assert result["scheme_training"]["epochs"] == 3
    assert result["scheme_training"]["learning_rate"] == 0.5
    assert result["scheme_training"]["batch_size"] == 64  # the model's own


@pytest.mark.parametrize(
    ("scheme", "variant", "samples", "shared"),
    [
        ("fiq_int8", "original", None, True),
        ("fiq_uint8", "original", None, True),
        ("fiq_int8", "original", 20, False),
        ("fiq_int8", "aware", 20, True),  # trained ranges need no calibration samples
        ("fiq_float32", "original", None, False),
        ("int16x8", "original", None, False),
        ("float32", "original", None, False),
    ],
)
def test_network_is_shared_when_settings_are_the_same(scheme, variant, samples, shared):
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    if samples is not None:
        config["models"]["net"]["schemes"] = {scheme: {"calibration_samples": samples}}
    assert study(config).shares_network("net", variant, scheme) == shared


def test_study_fails_when_akida_training_does_not_fit_the_task():
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    config["study"] = [{"models": ["net"], "variants": ["aware"], "schemes": ["akida_v1_w4a4"]}]
    config["schemes"] = {"akida_v1_w4a4": {"training": {"monitor": "auc"}}}
    with pytest.raises(InputError, match=r"akida_v1_w4a4 of net: training\.monitor: 'auc' req"):
        study(config)


def test_akida_schemes_keep_own_defaults_when_block_is_shared():
    config = minimal()
    shared = {"calibrated": False}
    config["schemes"] = {"akida_v1_w4a4": shared, "akida_v2_w8a8": shared}
    schemes = study(config).config.schemes
    assert schemes.akida_v1_w4a4.device == "AKD1000"
    assert schemes.akida_v2_w8a8.device == "SixNodesIPv2"


def test_study_needs_only_parent_model_when_scheme_is_akida():
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    config["study"] = [{"models": ["net"], "variants": ["aware"], "schemes": ["akida_v1_w4a4"]}]
    assert study(config).targets.files("models") == ["models/net/original/model.h5"]


def test_study_has_one_model_for_each_seed_when_seeds_are_set():
    config = minimal()
    config["study"] = [{"models": ["net"], "seeds": [7, 8], "schemes": ["float32", "drq"]}]
    before = deepcopy(config)
    result = study(config)
    assert [cell.model for cell in result.cells] == ["net_s7", "net_s7", "net_s8", "net_s8"]
    (described,) = [
        cell
        for cell in result.settings.collect(("cells",), {})["cells"]
        if (cell["model"], cell["scheme"]) == ("net_s8", "drq")
    ]
    assert (described["family"], described["seed"]) == ("net", 8)
    one, other = (
        result.settings.collect(("model", "seed"), {"model": name}) for name in ("net_s7", "net_s8")
    )
    assert one["model"] | {"seed": 0} == other["model"] | {"seed": 0}
    assert (one["seed"], other["seed"]) == (7, 8)
    assert config == before


@pytest.mark.parametrize("own_seed", [None, 1])
def test_model_keeps_its_name_when_seed_is_its_own(own_seed):
    config = changed("models/net/seed", own_seed)
    config["study"] = [{"models": ["net"], "seeds": [1, 2], "schemes": ["drq"]}]
    known = study(config)
    assert [cell.model for cell in known.cells] == ["net", "net_s2"]
    described = known.settings.collect(("cells",), {})["cells"]
    assert [(cell["family"], cell["seed"]) for cell in described] == [("net", 1), ("net", 2)]
    plain = study({**minimal(), "study": [{"models": ["net"], "schemes": ["drq"]}]})
    if own_seed is None:
        names = ("model", "seed", "tf_threads")
        assert known.settings.collect(names, {"model": "net"}) == plain.settings.collect(
            names, {"model": "net"}
        )


def test_deliverables_are_listed_once_when_config_is_minimal():
    files = study(minimal()).targets.deliverables()
    assert len(files) == len(set(files))
    for expected in (
        "data/data/calib.npz",
        "models/net/original/stats.json",
        "tflite/net/original/fiq_int8/model.tflite",
        "verify/net/original/fiq_int8/certificate.json",
        "predictions/net/original/drq/litert.npz",
        "debug/net/original/fiq_uint8/mistakes.json",
        "report/figures",
        "manifest.json",
    ):
        assert expected in files
    assert "report/akida.md" not in files


def test_deliverables_contain_programs_when_scheme_is_akida():
    config = minimal()
    config["study"] = [{"models": ["net"], "schemes": ["float32", "akida_v2_w8a8"]}]
    files = study(config).targets.deliverables()
    place = "akida/net/original/akida_v2_w8a8"
    expected = {f"{place}/{name}" for name in ("program", "conversion.json", "agreement.json")}
    assert {*expected, "report/akida.md"} <= set(files)


def test_dataset_settings_are_equal_when_datasets_dir_differs():
    first, second = (
        study({**minimal(), "datasets_dir": name, "datasets": {"data": {"kind": "mnist"}}})
        for name in ("here", "there")
    )
    wildcards = {"dataset": "data"}
    assert first.settings.collect(("dataset",), wildcards) == second.settings.collect(
        ("dataset",), wildcards
    )
    assert (first.config.datasets_dir, second.config.datasets_dir) == ("here", "there")


def test_study_fails_when_seed_name_is_taken_by_a_model():
    config = minimal()
    config["models"]["net_s7"] = {"architecture": "fc", "dataset": "data", "dense": [3]}
    config["study"] = [{"models": ["net"], "seeds": [7]}]
    with pytest.raises(InputError, match=r"models\.net_s7: this name is taken by net with seed 7"):
        study(config)


def test_study_fails_when_scheme_mixed_has_a_qat_variant():
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    block = {"models": ["net"], "variants": ["original", "aware"], "schemes": ["float32", "mixed"]}
    config["study"] = [block]
    message = r"variant aware of net cannot use scheme mixed: it has its own .*; allowed: orig"
    with pytest.raises(InputError, match=message):
        study(config)
    config["study"][0]["variants"] = ["original", "tuned"]
    result = study(config)
    assert [cell.runtime for cell in result.cells if cell.scheme == "mixed"] == ["litert"] * 2
    assert result.variants_without_quantizers() == "original|tuned"
    assert "tflite/net/tuned/mixed/contract.json" in result.targets.files("contracts")


def test_mixed_settings_are_merged_when_model_has_its_own():
    config = minimal()
    config["models"]["net"]["schemes"] = {"mixed": {"budget": 1.5}}
    result = study(config).settings.collect(("scheme",), {"model": "net", "scheme": "mixed"})
    assert result["scheme"] == {
        "budget": 1.5,
        "calibration_samples": None,
        "max_in_float": None,
        "name": "mixed",
    }


def test_analyses_exclude_qat_variants_when_they_convert_again():
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    config["study"] = [{"models": ["net"], "variants": ["original", "aware"]}]
    config["analyses"] = {"sensitivity": {"models": None}}
    result = study(config)
    for stage, file, variants in (
        ("debugged", "layers.csv", ["original"]),
        ("traced", "trace.csv", ["original", "aware"]),
        ("sensitivity", "sensitivity.csv", ["original"]),
    ):
        expected = [f"debug/net/{variant}/fiq_int8/{file}" for variant in variants]
        assert result.targets.files(stage) == expected


def test_cells_are_unique_when_study_blocks_overlap():
    config = minimal()
    config["study"].append({"models": ["net"], "schemes": ["drq", "float16"]})
    schemes = [cell.scheme for cell in study(config).cells]
    assert schemes == ["float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8", "float16"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("sede", 1, r"top level: unknown key 'sede'\. Did you mean 'seed'\? Known: results_dir"),
        ("schemes/mixed/budget", -0.1, r"schemes\.mixed\.budget: -0\.1 is too small; the min"),
        ("schemes/mixed/max_in_float", 1.5, r"schemes\.mixed\.max_in_float: 1\.5 is number"),
        ("models/net/dnse", [3], r"models\.net: unknown key 'dnse'\. Did you mean 'dense'"),
        (
            "models/net/dropout",
            1.5,
            r"models\.net\.dropout: 1\.5 is too large; it must be less than 1",
        ),
        ("models/net/dense", "64", r"models\.net\.dense: '64' is string; allowed: array"),
        ("models/net/dense", [64, -1], r"models\.net\.dense\[1\]: -1 is too small; the min"),
        ("models/net/dense", [], r"models\.net\.dense: \[\] has too few entries"),
        ("models/net/architecture", "fcc", r"unknown value 'fcc'\. Did you mean 'fc'"),
        ("models/net/dataset", "dat", r"models\.net\.dataset: unknown dataset 'dat'.*'data'"),
        ("models/net/training", {"decay": "linear"}, "Known: cosine, plateau, constant"),
        (
            "models/Net",
            {"architecture": "fc", "dataset": "data"},
            "'Net' does not match the pattern",
        ),
        ("datasets/data/kind", "digit", r"unknown value 'digit'\. Did you mean 'digits'"),
        ("datasets/data", {}, r"datasets\.data: required key is missing: kind"),
        ("datasets/data", {"kind": "windows"}, r"datasets\.data: required key is missing: path"),
        ("datasets/data/path", "x", "unknown key 'path'"),
        ("datasets/data/test", 1.0, r"datasets\.data\.test: 1\.0 is too large"),
        ("seed", -1, "seed: -1 is too small"),
        ("seed", 1.5, "seed: 1.5 is number; allowed: integer"),
        ("tf_threads", 0, "tf_threads: 0 is too small"),
        ("statistics", {"confidence": 1.0}, r"statistics\.confidence: 1\.0 is too large"),
        ("schemes", {"int9": {}}, "unknown key 'int9'"),
        ("schemes", {"drq": {"calibration_samples": 9}}, "unknown key 'calibration_samples'"),
        (
            "schemes",
            {"fiq_int8": {"calibration_samples": 201}},
            r"schemes\.fiq_int8\.calibration_samples: 201 exceeds calibration\.samples \(200\)",
        ),
        (
            "study/0/models",
            ["nte"],
            r"study\[0\]\.models: unknown model 'nte'\. Did you mean 'net'",
        ),
        ("study/0/variants", ["pruned"], r"study\[0\]\.variants: unknown variant 'pruned'"),
        ("study/0/schemes", ["int8"], r"unknown scheme 'int8'\. Did you mean 'fiq_int8'\?"),
        ("study/0/schemes", ["int9"], r"study\[0\]\.schemes: unknown scheme 'int9'.*fiq_int8"),
        ("study/0/schems", [], r"study\[0\]: unknown key 'schems'\. Did you mean 'schemes'"),
        ("study", {"models": []}, "is object; allowed: array"),
        (
            "variants/tuned",
            {"method": "finetune"},
            r"variants\.tuned: required key is missing: par",
        ),
        (
            "variants/tuned/parent",
            "orignal",
            r"variants\.tuned\.parent: unknown variant 'orignal'\. Did you mean 'original'",
        ),
        ("variants/tuned/parent", "tuned", "circular chain of parents: tuned"),
        ("variants/original/parent", "tuned", "unknown key 'parent'"),
        (
            "models/net/training",
            {"monitor": "auc"},
            r"models\.net\.training\.monitor: 'auc' requires a binary or multilabel task",
        ),
        ("models/net/training", {"epochs": 25.0}, "25.0 is number; allowed: integer"),
        (
            "models/net/training",
            {"learning_rate": float("nan")},
            "nan is not finite; allowed: number",
        ),
        ("datasets/data", {"kind": "digits", "val": 0.6, "test": 0.5}, r"0\.5 must be less than 1"),
        (
            "models/net",
            {"architecture": "inception", "dataset": "data", "filters": 18},
            "18 must be a multiple of 4",
        ),
        ("results_dir", "a b", "results_dir: 'a b' does not match the pattern"),
        (
            "schemes",
            {"akida_v1_w4a4": {"device": "SixNodesIPv2"}},
            r"akida_v1_w4a4\.device: unknown device 'SixNodesIPv2'.*AKD1500, AKD1000",
        ),
        (
            "models/net/schemes",
            {"akida_v2_w8a8": {"device": "AKD1000"}},
            r"models\.net\.schemes\.akida_v2_w8a8\.device: unknown device 'AKD1000'",
        ),
        (
            "models/net/schemes",
            {"akida_v2_w8a8": {"calibration_samples": 999}},
            r"models\.net\.schemes\.akida_v2_w8a8\.calibration_samples: 999 exceeds",
        ),
        (
            "models/net/schemes",
            {"float32": {"calibrated": False}},
            r"models\.net\.schemes\.float32: unknown key 'calibrated'",
        ),
        ("models/net/seed", 4294967296, r"models\.net\.seed: 4294967296 is too large"),
        ("models/net/variants", {None: {}}, r"models\.net\.variants: key None must be a string"),
        ("models/net/schemes", {"int9": {}}, r"models\.net\.schemes\.int9: unknown scheme 'int9'"),
    ],
)
def test_study_error_names_key_and_value_when_config_is_wrong(path, value, words):
    with pytest.raises(InputError, match=words):
        study(changed(path, value))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            {},
            r"gates\[0\]: has no requirement; set at least one of max_drop, min_accuracy, max_mae",
        ),
        ({"exact": False}, r"gates\[0\]: has no requirement"),
        ({"max_sise": 1}, r"gates\[0\]: unknown key 'max_sise'\. Did you mean 'max_size'"),
        ({"max_drop": -0.1}, r"gates\[0\]\.max_drop: -0\.1 is too small; the min"),
        ({"max_drop": "0.5 points"}, r"gates\[0\]\.max_drop: '0\.5 points' is string; allowed"),
        ({"max_drop": 1, "confidence": 0.95}, r"confidence: unknown value 0\.95\. Known: poss"),
        ({"max_size": 9, "confidence": "certain"}, r"gates\[0\]\.confidence: requires max_d"),
        ({"max_size": "64 kB"}, r"gates\[0\]\.max_size: '64 kB' is not a size; allowed: bytes"),
        ({"max_arena": 0}, r"gates\[0\]\.max_arena: 0 is not a size"),
        ({"max_size": 1.5}, r"gates\[0\]\.max_size: 1\.5 is number; allowed"),
        ({"max_latency_us": 0}, r"gates\[0\]\.max_latency_us: 0 is too small"),
        (
            {"models": ["nte"], "max_size": 1},
            r"gates\[0\]\.models: not in the study: unknown model 'nte'\. Did you mean",
        ),
        (
            {"variants": ["tuned"], "max_size": 1},
            r"gates\[0\]\.variants: not in the study: unknown variant 'tuned'\. Known: original\.",
        ),
        (
            {"schemes": ["float16"], "max_size": 1},
            r"gates\[0\]\.schemes: not in .* unknown scheme 'float16'.*Known: float32, drq",
        ),
        (
            {"runtimes": ["keras"], "max_size": 1},
            r"gates\[0\]\.runtimes: not in the study: unknown runtime 'keras'\. Known: litert\.",
        ),
        ({"schemes": [], "max_size": 1}, r"gates\[0\]: no cell of the study matches schemes"),
        (
            {"schemes": ["float32", "drq"], "max_arena": 1},
            r"gates\[0\]\.max_arena: no cell has this value; allowed schemes: fiq_",
        ),
        ({"hardware": True}, r"gates\[0\]\.hardware: no cell has .* akida_v1_w4a4"),
        ({"schemes": ["float32"], "max_drop": 1}, r"gates\[0\]\.max_drop: no cell has this value"),
    ],
)
def test_study_fails_when_gate_requires_nothing_or_has_no_cell(entry, words):
    with pytest.raises(InputError, match=words):
        study(changed("gates", [entry]))


def test_gate_page_lists_requirement_when_schema_has_it():
    properties = list(Gate.model_fields)
    assert properties == [*SELECTORS, "max_drop", "confidence", *list(REQUIREMENTS)[1:]]
    page = (ROOT / "docs/reference/gates.md").read_text()
    assert [name for name in properties if f"`{name}" not in page] == []


def test_study_fails_when_gate_selects_no_cell():
    config = changed("gates", [{"max_size": 1}, {"models": ["net"], "schemes": ["int16x8"]}])
    config["models"]["other"] = dict(config["models"]["net"])
    config["study"].append({"models": ["other"], "schemes": ["int16x8"]})
    config["gates"][1]["max_size"] = 1
    with pytest.raises(InputError, match=r"gates\[1\]: no cell .* models net; schemes int16x8"):
        study(config)


def test_study_fails_when_gate_needs_latency_but_runs_are_0():
    config = changed("gates", [{"max_latency_us": 100}])
    assert study(config).config.gates[0].confidence == "possible"
    config["evaluation"] = {"latency_runs": 0}
    with pytest.raises(
        InputError, match=r"max_latency_us: .* because evaluation\.latency_runs is 0"
    ):
        study(config)


def test_gate_settings_accept_seed_names_when_study_has_seeds():
    config = changed("gates", [{"models": ["net", "net_s8"], "max_size": "64 KiB"}])
    config["study"] = [{"models": ["net"], "seeds": [7, 8]}]
    (entry,) = study(config).settings.collect(("gates",), {})["gates"]
    assert entry["max_size"] == 65536
    assert entry["interval"] == 0.95
    assert MeasurableGate.from_block(entry).models == ("net", "net_s8")
    config["gates"][0]["models"] = ["net_s9"]
    with pytest.raises(InputError, match=r"unknown model 'net_s9'.*net_s7, net_s8, net"):
        study(config)


def test_study_fails_when_roll_is_set_but_width_is_not_time():
    config = minimal()
    config["datasets"]["data"] = {"kind": "synthetic_imu"}
    config["models"]["net"]["training"] = {"augment": {"roll": 20}}
    with pytest.raises(InputError, match=r"models\.net\.training\.augment\.roll: applies along"):
        study(config)


def test_study_lists_all_errors_when_there_are_several():
    config = changed("seed", -1)
    config["models"]["net"]["dropout"] = 2
    with pytest.raises(InputError) as caught:
        study(config)
    assert str(caught.value).count("\n") == 2


def test_study_fails_when_parents_of_variants_are_circular():
    config = minimal()
    config["variants"]["a"] = {"method": "finetune", "parent": "b"}
    config["variants"]["b"] = {"method": "finetune", "parent": "a"}
    with pytest.raises(InputError, match="parents: a -> b"):
        study(config)


def test_settings_are_equal_when_key_order_differs():
    forwards, backwards = minimal(), minimal()
    forwards["models"]["net"] |= {"dense": [8], "dropout": 0.1}
    backwards["models"]["net"] = dict(reversed(forwards["models"]["net"].items()))
    wildcards = {"model": "net", "variant": "original"}
    texts = [
        repr(study(config).settings.collect(("model", "seed"), wildcards))
        for config in (forwards, backwards)
    ]
    assert texts[0] == texts[1]


def test_variant_inherits_training_when_method_is_finetune():
    config = minimal()
    config["models"]["net"]["training"] = {"epochs": 9, "batch_size": 16}
    config["variants"]["tuned"]["training"] = {"epochs": 2}
    wildcards = {"model": "net", "variant": "tuned"}
    training = study(config).settings.collect(("variant",), wildcards)["variant"]["training"]
    assert (training["epochs"], training["batch_size"]) == (2, 16)


CALIBRATED = {"method": "calibrate", "parent": "original"}


def test_calibrated_variant_uses_model_settings_when_set():
    config = changed("variants/calibrated", dict(CALIBRATED))
    config["models"]["net"]["variants"] = {"calibrated": {"percentiles": []}}
    config["study"] = [{"models": ["net"], "variants": ["calibrated"], "schemes": ["fiq_int8"]}]
    config["analyses"] = {"sensitivity": {"models": None}}
    result = study(config)
    assert result.config.variants["calibrated"].percentiles == (99.9, 99.99)
    variant = result.settings.variant("net", "calibrated")
    assert (variant["percentiles"], variant["mse"]) == ([], True)
    # Analyses that convert again would not use the ranges of the variant, so they leave it out.
    assert result.targets.files("debugged") == result.targets.files("sensitivity") == []
    assert result.targets.files("traced") == ["debug/net/calibrated/fiq_int8/trace.csv"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"percentiles": [50]},
            r"calibrated\.percentiles\[0\]: 50 is too small; .* greater than 50",
        ),
        (
            {"percentiles": [99, 100]},
            r"percentiles\[1\]: 100 is too large; it must be less than 100",
        ),
        ({"percentiles": [99, 99]}, r"variants\.calibrated\.percentiles: .* repeated entries"),
        ({"percentiles": 99.9}, r"percentiles: 99\.9 is number; allowed: array"),
        ({"mse": 1}, r"variants\.calibrated\.mse: 1 is integer; allowed: boolean"),
        ({"training": {}}, r"unknown key 'training'.*Known: percentiles, mse, parent, method"),
    ],
)
def test_study_fails_when_calibration_settings_are_wrong(settings, words):
    with pytest.raises(InputError, match=words):
        study(changed("variants/calibrated", {**CALIBRATED, **settings}))


def test_study_fails_when_calibrated_variant_is_orphan_or_parent():
    with pytest.raises(InputError, match=r"variants\.calibrated: required .* missing: parent"):
        study(changed("variants/calibrated", {"method": "calibrate"}))
    config = changed("variants/calibrated", dict(CALIBRATED))
    config["variants"]["aware"] = {"method": "qat", "parent": "calibrated"}
    words = r"variants\.aware\.parent: 'calibrated' only calibrates .* use its parent 'original'"
    with pytest.raises(InputError, match=words):
        study(config)


def test_study_fails_when_calibrated_variant_has_akida_scheme():
    config = changed("variants/calibrated", dict(CALIBRATED))
    block = {"models": ["net"], "variants": ["original", "calibrated"]}
    config["study"] = [{**block, "schemes": ["fiq_int8"]}, {**block, "schemes": ["akida_v1_w4a4"]}]
    words = r"study\[1\]\.variants: 'calibrated' calibrates TFLite .* use its parent 'original'"
    with pytest.raises(InputError, match=words):
        study(config)


def lowrank(**layers: Any) -> dict[str, Any]:
    config = changed("variants/lowrank", {"method": "factorize", "parent": "original"})
    config["study"][0]["variants"] = ["lowrank"]
    config["models"]["net"]["variants"] = {"lowrank": {"layers": layers}}
    return config


def test_variant_uses_model_settings_when_model_has_its_own():
    config = lowrank(dense_1={"method": "svd", "rank": 4})
    config["models"]["net"]["training"] = {"epochs": 9, "batch_size": 16}
    config["variants"]["lowrank"]["training"] = {"epochs": 2, "patience": 1}
    config["models"]["net"]["variants"]["lowrank"]["training"] = {"epochs": 3}
    variant = study(config).settings.variant("net", "lowrank")
    training = variant["training"]
    assert (training["epochs"], training["batch_size"], training["patience"]) == (3, 16, 1)
    assert variant["layers"] == {"dense_1": {"method": "svd", "rank": 4}}
    assert variant["point"] is None


def test_augmentation_is_merged_key_by_key_when_variant_sets_it():
    config = lowrank(dense_1={"method": "svd", "rank": 4})
    config["models"]["net"]["training"] = {"augment": {"shift": [1, 2], "noise": 0.5}}
    config["variants"]["lowrank"]["training"] = {"augment": {"noise": 0.1}}
    augment = study(config).settings.variant("net", "lowrank")["training"]["augment"]
    assert augment == {"roll": 0, "shift": [1, 2], "gain": 0, "noise": 0.1}


def test_model_settings_are_equal_when_only_its_variants_differ():
    wildcards = {"model": "net", "variant": "original"}
    plain, more = minimal(), lowrank(dense_1={"method": "svd", "rank": 4})
    more["models"]["net"]["explore"] = {"finalists": 3}
    texts = [repr(study(c).settings.collect(("model",), wildcards)) for c in (plain, more)]
    assert texts[0] == texts[1]


def test_variant_settings_are_equal_when_factors_are_null():
    plain = lowrank(dense_1={"method": "svd", "rank": 4})
    written = lowrank(dense_1={"method": "svd", "rank": 4, "inputs": None, "outputs": None})
    blocks = [study(config).settings.variant("net", "lowrank") for config in (plain, written)]
    assert blocks[0] == blocks[1]
    assert blocks[0]["layers"] == {"dense_1": {"method": "svd", "rank": 4}}


def test_requests_list_ancestors_first_when_variants_are_nested():
    config = lowrank(dense_1={"method": "svd", "rank": 4})
    config["variants"]["lowrank"]["parent"] = "tuned"
    requests = study(config).settings.requests("net", "original")
    assert [name for name, _ in requests] == ["tuned", "lowrank"]
    below = study(config).settings.requests("net", "tuned")
    assert [name for name, _ in below] == ["tuned", "lowrank"]
    assert study(config).settings.requests("net", "lowrank") == []


def test_explored_layers_are_replaced_when_model_has_its_own():
    config = minimal()
    config["explore"] = {"layers": ["dense_1"]}
    assert study(config).settings.explored_layers("net") == ["dense_1"]
    config["models"]["net"]["explore"] = {"layers": ["dense_2"]}
    assert study(config).settings.explored_layers("net") == ["dense_2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lowrnk": {}}, r"models\.net\.variants\.lowrnk: unknown variant.*mean 'lowrank'"),
        (
            {"lowrank": {"parent": "tuned"}},
            r"models\.net\.variants\.lowrank\.parent: cannot be changed for one model",
        ),
        (
            {"lowrank": {"layer": {}}},
            r"models\.net\.variants\.lowrank: unknown key 'layer'\. Did you mean 'layers'",
        ),
        (
            {"lowrank": {"layers": {"dense_1": {"method": "svd", "rank": 0}}}},
            r"models\.net\.variants\.lowrank\.layers\.dense_1\.rank: 0 is too small",
        ),
        (
            {"lowrank": {"layers": {"dense_1": {"method": "svd", "rank": 1.0}}}},
            r"models\.net\.variants\.lowrank\.layers\.dense_1\.rank: 1\.0 is neither an integer "
            r"nor a fraction below 1",
        ),
        (
            {"lowrank": {"layers": {"dense_1": {"method": "svd", "rank": 2, "inputs": [8, 8]}}}},
            r"layers\.dense_1\.inputs: only method tt takes inputs",
        ),
        (
            {"lowrank": {"point": 1, "training": {"monitor": "auc"}}},
            r"variants\.lowrank of net: training\.monitor: 'auc' requires a binary or multilabel",
        ),
        (
            {"lowrank": {"layers": {"dense_1": {"method": "cp", "rank": 2}}}},
            r"dense_1\.method: unknown value 'cp'.*Known: svd, tucker2, tt",
        ),
        ({}, r"variants\.lowrank of net: set either layers or point, not both"),
        (
            {"lowrank": {"layers": {"a": {"method": "svd", "rank": 2}}, "point": 1}},
            r"variants\.lowrank of net: set either layers or point, not both",
        ),
    ],
)
def test_study_fails_when_model_changes_variant_wrongly(changes, message):
    config = lowrank()
    config["models"]["net"]["variants"] = changes
    with pytest.raises(InputError, match=message):
        study(config)


@pytest.mark.parametrize("target", [0, 1, 1.5, -0.1])
@pytest.mark.parametrize("method", ["prune_structured", "prune_magnitude"])
def test_study_fails_when_pruning_target_is_not_a_fraction(method, target):
    variant = {"method": method, "parent": "original", "target": target}
    with pytest.raises(
        InputError, match=r"variants\.small\.target: .* (greater than 0|less than 1)"
    ):
        study(changed("variants/small", variant))


def test_pattern_matches_nothing_when_no_name_fits():
    result = study(minimal())
    assert result.pattern("variants", method=["finetune"]) == "tuned"
    assert result.pattern("models", architecture=["cnn"]) == "(?!)"


def test_make_results_dir_fails_when_folder_is_not_writable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"results_dir: cannot write to '/proc/none'"):
        study(changed("results_dir", "/proc/none")).make_results_dir()


def test_check_sources_names_path_when_files_are_missing(tmp_path):
    config = minimal()
    config["datasets_dir"] = str(tmp_path)
    config["datasets"] = {
        "data": {"kind": "windows", "path": "own.npz", "folds": 2},
        "digits": {"kind": "digits"},
        "images": {"kind": "mnist"},
    }
    result = study(config)
    result.check_sources(["digits"])
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").touch()
    with pytest.raises(InputError) as caught:
        result.check_sources(["data", "data_fold1", "data_fold2", "digits", "images"])
    _, data, images = str(caught.value).splitlines()
    assert data.strip() == (
        f"datasets.data.path: no file '{tmp_path}/own.npz'; set `path` of the dataset, or "
        "`datasets_dir`, to where your file is"
    )
    assert "datasets.images.path: no file" in images
    assert "train-labels-idx1-ubyte.gz' (3 of 4 files are missing); run `snakemake" in images
    (tmp_path / "own.npz").touch()
    result.check_sources(["data", "data_fold1"])


def test_check_sources_names_model_when_its_file_is_missing(tmp_path):
    config = minimal()
    config["models"]["own"] = {"dataset": "data", "file": str(tmp_path / "own.h5")}
    result = study(config)
    result.check_sources([], ["net"])
    with pytest.raises(InputError) as caught:
        result.check_sources([], ["net", "own", "own"])
    (problem,) = str(caught.value).splitlines()[1:]
    file = str(tmp_path / "own.h5")
    expected = f"models.own.file: no file {file!r}; set `file` to where your model is"
    assert problem.strip() == expected
    (tmp_path / "own.h5").touch()
    result.check_sources([], ["own"])


@pytest.mark.parametrize("overlay", ["", "config/tiny.yaml", "config/real.yaml"])
def test_shipped_configuration_has_cells_when_overlay_differs(overlay):
    from snakemake.utils import update_config

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    if overlay:
        update_config(config, yaml.safe_load((ROOT / overlay).read_text()))
    assert study(config).cells


def test_schema_describes_key_when_it_is_no_union_tag():
    def blocks(block: type[Settings]) -> Iterator[type[Settings]]:
        yield block
        for inner in block.__subclasses__():
            yield from blocks(inner)

    # The tag of a union is described by the union; schemes have no settings of their own. Each kind
    # of dataset describes its own path.
    bare = [
        f"{block.__name__}.{name}"
        for block in blocks(Settings)
        if block.__module__.startswith("snugnet.") and block not in (Schemes, FileDataset)
        for name, field in block.model_fields.items()
        if not field.description
        and name not in DISCRIMINATORS
        and field.json_schema_extra is None  # set by Snugnet alone
    ]
    assert bare == []


def previous_schemes(schemes: list[str], variant: str = "original") -> dict[str, str | None]:
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    config["study"] = [{"models": ["net"], "variants": [variant], "schemes": schemes}]
    result = study(config)
    below = {cell.scheme: result.find_previous_step(cell) for cell in result.cells}
    return {scheme: cell and cell.scheme for scheme, cell in below.items()}


def test_previous_step_is_known_when_the_study_has_it():
    assert previous_schemes(
        ["float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8", "int16x8"]
    ) == {
        "float32": None,
        "drq": "float32",
        "fiq_float32": "drq",
        "fiq_int8": "fiq_float32",
        "fiq_uint8": "fiq_float32",
        "int16x8": None,
    }
    assert previous_schemes(["float32", "fiq_int8"]) == {"float32": None, "fiq_int8": None}
    assert set(previous_schemes(["float32", "drq", "fiq_float32"], "aware").values()) == {None}


@pytest.mark.parametrize(
    ("analyses", "expected"),
    [
        ({}, ["original", "aware"]),
        ({"layers": {"variants": ["aware"]}}, ["aware"]),
        ({"layers": {"models": []}}, []),
    ],
)
def test_analysis_files_are_limited_when_variants_are_selected(analyses, expected):
    config = minimal()
    config["variants"]["aware"] = {"method": "qat", "parent": "original"}
    config["study"][0] |= {"variants": ["original", "aware"]}
    result = study({**config, "analyses": analyses})
    traced = [f"debug/net/{name}/fiq_int8/trace.csv" for name in expected]
    assert result.targets.files("traced") == traced
    # TensorFlow's debugger converts anew, which a model with quantizers does not allow.
    debugged = [path.replace("trace", "layers") for path in traced if "aware" not in path]
    assert result.targets.files("debugged") == debugged
    assert result.targets.files("sensitivity") == []


@pytest.mark.parametrize(("models", "expected"), [(["net"], [2, 3]), (["net_s2"], [2])])
def test_analysis_files_include_seeds_when_models_have_seeds(models, expected):
    config = {**minimal(), "analyses": {"layers": {"models": models}}}
    config["study"][0]["seeds"] = [2, 3]
    traced = [f"debug/net_s{seed}/original/fiq_int8/trace.csv" for seed in expected]
    assert study(config).targets.files("traced") == traced


def test_study_fails_when_analysis_names_unknown_model():
    config = {**minimal(), "analyses": {"mistakes": {"models": ["nett"]}}}
    with pytest.raises(InputError, match=r"analyses.mistakes.models: unknown model 'nett'\. Did"):
        study(config)


def test_microcontrollers_are_equal_when_schema_lists_them():
    assert get_args(MicrocontrollerName) == MICROCONTROLLERS == tuple(TARGETS)
