"""Tests of the steps from a model to its program."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.errors import NotAkidaError
from snugnet.core.samples import Samples
from snugnet.core.settings.schemes.akida import AkidaSchemeSettings

SCHEME = AKIDA_SCHEMES["akida_v2_w8a8"]
CALIB = Samples(np.zeros((9, 2)), np.zeros(9, np.int64), ("a", "b"), "multiclass")
HISTORY = [{"loss": 0.5}]


@pytest.fixture
def calls(monkeypatch, keras) -> list[tuple[str, str]]:
    """The files that are written, each as its function and the device."""
    from snugnet.akida import program

    written: list[tuple[str, str]] = []

    def record(name: str) -> Any:
        return lambda model, scheme, device, *others: written.append((name, device))

    for name in ("write_program", "write_refusal"):
        monkeypatch.setattr(program, name, record(name))
    monkeypatch.setattr(program, "describe_deployment", lambda *_: None)
    return written


def run(quantize, **settings: Any) -> list[dict[str, float]]:
    from snugnet.akida.program import make_program

    block = AkidaSchemeSettings(device="SixNodesIPv2", **settings)
    return make_program(SimpleNamespace(), quantize, SCHEME, block, CALIB, None, {})


@pytest.mark.parametrize(
    ("settings", "count"),
    [({}, 9), ({"calibration_samples": 4}, 4), ({"calibrated": False}, None)],
)
def test_make_program_calibrates_as_set_when_settings_differ(settings, count, calls):
    calibrations = []

    def quantize(samples: Any) -> Any:
        calibrations.append(samples)
        return SimpleNamespace(), HISTORY

    assert run(quantize, **settings) == HISTORY
    assert [None if samples is None else len(samples) for samples in calibrations] == [count]
    assert calls == [("write_program", "SixNodesIPv2")]


def test_deployment_has_entries_of_record_when_it_is_json(keras):
    from snugnet.akida.program import Deployment

    scaling = {"kind": "uint8", "low": [-2.0], "high": [3.0]}
    deployment = Deployment("softmax", (16, 20, 1), scaling, {"test": 5}, ("a", "b"), False)
    assert deployment.to_json() == {
        "head": "softmax",
        "input": {"shape": [16, 20, 1], **scaling, "outside_range": {"test": 5}},
        "class_names": ["a", "b"],
        "trained": False,
    }


def test_make_program_records_refusal_when_model_is_rejected(calls, capsys):
    def refuse(samples: Any) -> Any:
        raise NotAkidaError("conv: stride 4")

    assert run(refuse) == []
    assert calls == [("write_refusal", "SixNodesIPv2")]
    assert capsys.readouterr().out == "conv: stride 4\n"
