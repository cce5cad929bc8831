"""Fuzz test of the check of the configuration."""

import os
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snugnet.config.study import Study
from snugnet.core.errors import InputError
from tests.paths import ROOT

EXAMPLES = 500 if os.environ.get("SNUGNET_EXAMPLES") else 40
LOADER = yaml.CSafeLoader
CONFIG = yaml.load((ROOT / "config.yaml").read_text(), LOADER)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 10**10)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["original", "pruned", "digits", "digits_fc", "qat", "fiq_int8", "mixed"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def list_places(value: Any) -> list[tuple[Any, Any]]:
    """List all that could be replaced: where it is held, and by which key."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    entries = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            entries += list_places(value[key])
    return entries


def draw_from(data: st.DataObject, among: list[Any]) -> Any:
    """Draw by number: whole configurations would be printed otherwise."""
    return among[data.draw(st.integers(0, len(among) - 1))]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_study_is_built_or_lists_errors_when_config_is_random(data):
    config = deepcopy(CONFIG)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = draw_from(data, list_places(config))
        change = data.draw(st.sampled_from(["replace", "remove", "rename", "swap"]))
        if change == "remove":
            del holder[key]
        elif change == "rename" and isinstance(holder, dict):
            holder[data.draw(st.text(max_size=6) | st.integers() | st.none())] = holder.pop(key)
        elif change == "swap":
            other, name = draw_from(data, list_places(config))
            holder[key] = deepcopy(other[name])
        else:
            holder[key] = data.draw(VALUES)
    try:
        study = Study(config)
    except InputError as error:
        lines = str(error).split("\n  ")
        assert lines[0] == "these settings are invalid:"
        assert all(": " in line for line in lines[1:])
        return
    # All files of an accepted study can be listed.
    for stage in ("data", "models", "tflite", "certificates", "conversions", "metrics", "mistakes"):
        study.targets.files(stage)
    study.settings.collect(("cells", "gates", "recipes"), {})
