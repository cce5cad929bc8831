"""Tests of what a study can have for each task."""

from typing import Any

import pytest

from snugnet.config.study import Study
from snugnet.core.errors import InputError


def study(task: str, **changes: Any) -> dict[str, Any]:
    values = {
        "study": [{"models": ["net"], "schemes": ["float32", "fiq_int8"]}],
        "datasets": {"own": {"kind": "windows", "path": "own.npz", "task": task}},
        "models": {"net": {"file": "net.h5", "dataset": "own"}},
        "variants": {
            "original": {"method": "train"},
            "ranges": {"method": "calibrate", "parent": "original"},
        },
    }
    return {**values, **changes}


@pytest.mark.parametrize("task", ["regression", "reconstruction", "segmentation"])
def test_analyses_leave_out_model_when_it_makes_no_decisions(task):
    targets = Study(study(task)).targets
    assert targets.analysed("mistakes") == []
    assert len(targets.analysed("layers")) == 1
    assert len(Study(study("multiclass")).targets.analysed("mistakes")) == 1


@pytest.mark.parametrize("scheme", ["mixed", "akida_v2_w8a8"])
def test_study_fails_when_scheme_needs_decisions(scheme):
    config = study("regression", study=[{"models": ["net"], "schemes": [scheme]}])
    with pytest.raises(InputError, match=rf"scheme {scheme} of net is not possible for task regr"):
        Study(config)


@pytest.mark.parametrize("task", ["segmentation", "reconstruction"])
def test_study_fails_when_architecture_does_not_fit_task(task):
    config = study(task, models={"net": {"architecture": "fc", "dataset": "own"}})
    with pytest.raises(InputError, match=r"models.net: architecture fc has one output vector"):
        Study(config)


def test_study_fails_when_architecture_has_logits():
    config = study("binary", models={"net": {"architecture": "fc", "dataset": "own"}})
    config["datasets"]["own"]["scores"] = "logits"
    with pytest.raises(InputError, match=r"models.net: dataset own has `scores: logits`, but"):
        Study(config)


@pytest.mark.parametrize(
    ("task", "training", "message"),
    [
        ("regression", {"monitor": "accuracy"}, "monitor: 'accuracy' requires classes"),
        ("regression", {"class_weights": True}, "class_weights: not possible for task regression"),
        ("segmentation", {"monitor": "auc"}, "monitor: 'auc' is not possible for task segm"),
    ],
)
def test_study_fails_when_training_does_not_fit_task(task, training, message):
    config = study(task)
    config["models"]["net"]["training"] = training
    with pytest.raises(InputError, match=message):
        Study(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"architecture fc has one input, but datasets.own.arrays.x has 2"),
        (
            {"scaling": "minmax"},
            r"datasets.own.scaling: minmax is not possible with several inputs",
        ),
        ({"arrays": {"x": {}}}, r"datasets.own.arrays.x: names 0 inputs; name one array, or at"),
        ({"arrays": {"x": {"wave": "ecg"}}}, r"arrays.x: names 1 inputs; name one array"),
        ({"arrays": {"x": {"wave": "ecg", "y": "age"}}}, r"cannot have the name 'y'; rename"),
        ({"path": "data.csv"}, r"datasets.own.path: several inputs need an .npz file"),
    ],
)
def test_study_fails_when_dataset_has_several_inputs(changes, message):
    config = study("binary", models={"net": {"architecture": "fc", "dataset": "own"}})
    config["datasets"]["own"] |= {
        "arrays": {"x": {"wave": "ecg", "age": "age"}},
        "scaling": "none",
        **changes,
    }
    with pytest.raises(InputError, match=message):
        Study(config)


@pytest.mark.parametrize(
    ("task", "gate", "message"),
    [
        (
            "regression",
            {"max_drop": 1},
            r"max_drop: no cell has this value; it needs a task with c",
        ),
        ("multiclass", {"max_mae": 1}, r"max_mae: no cell has this value; it needs a task with no"),
    ],
)
def test_study_fails_when_no_cell_has_figure_of_gate(task, gate, message):
    with pytest.raises(InputError, match=message):
        Study(study(task, gates=[gate]))
