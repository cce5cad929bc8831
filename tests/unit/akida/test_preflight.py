"""Tests of the preflight check of random networks against the real conversion."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.paths import ROOT

MANY = bool(os.environ.get("SNUGNET_EXAMPLES"))
NETWORKS, DEEPEST = (100, 3) if MANY else (10, 1)
AT_ONCE = 10


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[dict]]:
    """The outcomes of networks around both generations, which are made side by side."""
    results: dict[str, list[dict]] = {"v1": [], "v2": []}
    for first in range(0, NETWORKS, AT_ONCE):
        running = {version: start(version, first) for version in results}
        for version, process in running.items():
            output, errors = process.communicate()
            assert process.returncode == 0, errors[-3000:]
            lines = [line for line in output.splitlines() if line.startswith("outcome ")]
            results[version] += [json.loads(line.removeprefix("outcome ")) for line in lines]
    assert [len(networks) for networks in results.values()] == [NETWORKS, NETWORKS]
    return results


def start(version: str, first: int) -> subprocess.Popen[str]:
    module, numbers = "tests.unit.akida.outcomes", (DEEPEST, first, first + AT_ONCE)
    return subprocess.Popen(
        [sys.executable, "-m", module, version, *map(str, numbers)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_program_equals_keras_when_network_is_random(version, outcomes):
    programs = [network for network in outcomes[version] if network["exact"] is not None]
    assert len(programs) >= 0.35 * NETWORKS
    assert [network["seed"] for network in programs if not network["exact"]] == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_preflight_agrees_with_conversion_when_network_is_random(version, outcomes):
    networks = outcomes[version]
    fits, preflight_fits, rules_fit = (
        np.array(column)
        for column in zip(
            *((o["fits"], not o["preflight"], not o["rules"]) for o in networks), strict=True
        )
    )
    counts = [column.sum() for column in (fits, preflight_fits, rules_fit)]
    print(f"{version}: of {len(fits)} networks fit: {counts} (conversion, preflight, rules)")
    for network in networks:
        if network["fits"] == bool(network["rules"]):
            print(network)
    assert fits.mean() >= 0.35
    assert not (preflight_fits & ~fits).any(), "a false `fits`"
    assert (fits & ~preflight_fits).sum() <= 0.05 * fits.sum()
    # Our rules alone invent little, and explain nearly all.
    assert (fits & ~rules_fit).sum() <= 0.05 * max(fits.sum(), 20)
    assert (~fits & rules_fit).sum() <= 0.1 * max((~fits).sum(), 10)
