"""Tests of the datasets and models that cross-validation adds to a study."""

from typing import Any

import numpy as np
import pytest

from snugnet.config.study import Study
from snugnet.core.errors import InputError


def wrist(folds: Any, **dataset: Any) -> dict[str, Any]:
    return {
        "study": [{"models": ["net"], "schemes": ["float32", "fiq_int8"]}],
        "datasets": {
            "wrist": {"kind": "windows", "path": "wrist.npz", "folds": folds, **dataset},
        },
        "models": {"net": {"architecture": "fc", "dataset": "wrist"}},
        "variants": {"original": {"method": "train"}},
    }


@pytest.fixture
def data(tmp_path) -> str:
    np.savez(tmp_path / "wrist.npz", x=np.zeros((10, 4)), y=np.zeros(10), person=np.arange(10) % 5)
    return str(tmp_path)


def test_study_has_a_model_per_fold_when_folds_is_a_number():
    study = Study(wrist(3))
    assert study.fold_models("net") == ["net_fold1", "net_fold2", "net_fold3"]
    assert study.config.models["net_fold2"].dataset == "wrist_fold2"
    assert study.config.datasets["wrist_fold2"].fold == 2
    assert [study.is_fold(name) for name in ("net", "net_fold1")] == [False, True]


def test_cells_have_no_models_of_folds_when_study_has_folds():
    study = Study(wrist(3))
    assert {cell.model for cell in study.cells} == {"net"}
    assert {cell.folds for cell in study.settings.described_cells()} == {3}
    assert study.targets.files("pooled") == [
        f"pooled/net/original/{scheme}/litert.npz" for scheme in ("float32", "fiq_int8")
    ]


def test_latency_of_folds_is_not_measured_when_study_has_folds():
    settings = Study(wrist(2)).settings
    runs = [
        settings.collect(["evaluation"], {"model": name})["evaluation"]["latency_runs"]
        for name in ("net", "net_fold1")
    ]
    assert runs == [200, 0]


def test_folds_are_groups_when_one_group_is_left_out(data):
    config = wrist("leave_one_group_out", arrays={"group": "person"})
    study = Study({**config, "datasets_dir": data})
    assert len(study.fold_models("net")) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"datasets.wrist.folds: .*missing arrays: group; the file holds x, y, person"),
        ({"path": "other.npz"}, r"datasets.wrist.folds: .*other.npz"),
        ({"kind": "mnist"}, r"datasets.wrist.folds: leave_one_group_out is only possible for kind"),
    ],
)
def test_study_fails_when_groups_cannot_be_counted(changes, message, data):
    config = {**wrist("leave_one_group_out", **changes), "datasets_dir": data}
    with pytest.raises(InputError, match=message):
        Study(config)


def test_study_fails_when_kind_has_no_numbered_folds():
    folds = {"train": [1], "val": [2], "test": [3]}
    config = wrist(None)
    config["datasets"]["wrist"] = {"kind": "digits", "folds": folds}
    with pytest.raises(InputError, match=r"wrist.folds: .* is object; allowed: integer or 'leave"):
        Study(config)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, "1 is too small; the minimum is 2"),
        ("some", "'some' is string; allowed: object or integer or 'leave_one_group_out'"),
        ({"train": [1], "val": [2]}, "required key is missing: test"),
    ],
)
def test_study_fails_when_folds_is_wrong(folds, message):
    with pytest.raises(InputError, match=rf"datasets.wrist.folds: .*{message}"):
        Study(wrist(folds))


def test_study_fails_when_name_of_a_fold_is_taken():
    config = wrist(2)
    config["models"]["net_fold1"] = config["models"]["net"]
    with pytest.raises(InputError, match=r"models.net_fold1: this name is taken by a fold"):
        Study(config)


def test_study_fails_when_model_with_folds_comes_from_a_file():
    config = wrist(2)
    config["models"]["net"] = {"file": "net.h5", "dataset": "wrist"}
    with pytest.raises(InputError, match=r"models.net: .* was already trained; remove `folds`"):
        Study(config)


def test_study_fails_when_user_sets_fold():
    with pytest.raises(InputError, match=r"datasets.wrist: unknown key 'fold'. Did you mean"):
        Study(wrist(3, fold=2))


def test_study_ignores_missing_file_when_dataset_is_not_used():
    config = wrist(2)
    config["datasets"]["other"] = {**config["datasets"]["wrist"], "folds": "leave_one_group_out"}
    assert Study(config).fold_models("net") == ["net_fold1", "net_fold2"]


def test_study_fails_when_there_is_one_group(data):
    config = wrist("leave_one_group_out", arrays={"group": "y"})
    with pytest.raises(InputError, match=r"1 groups cannot each be a fold; 2 to 1000"):
        Study({**config, "datasets_dir": data})


def test_study_fails_when_variant_is_a_point_of_a_design_space():
    config = wrist(2)
    config["variants"]["small"] = {"method": "factorize", "parent": "original", "point": 1}
    config["study"][0]["variants"] = ["small"]
    with pytest.raises(InputError, match=r"variants.small of net: point is not possible with fol"):
        Study(config)


def test_study_fails_when_reconstruction_is_scaled_by_fold():
    config = wrist(2, task="reconstruction")
    config["models"]["net"]["architecture"] = "fc"
    with pytest.raises(InputError, match=r"scaling: with folds, errors of a reconstruction have"):
        Study(config)


def test_study_fails_when_analysis_names_model_of_a_fold():
    config = {**wrist(2), "analyses": {"mistakes": {"models": ["net_fold1"]}}}
    with pytest.raises(InputError, match=r"unknown model 'net_fold1'.* Known: net\."):
        Study(config)


def test_models_with_seeds_have_folds_when_dataset_has_them():
    config = wrist(2)
    config["study"][0]["seeds"] = [1, 7]
    study = Study(config)
    assert study.fold_models("net_s7") == ["net_s7_fold1", "net_s7_fold2"]
    assert {cell.family for cell in study.settings.described_cells()} == {"net"}
