"""One set of pins everywhere, and a core that needs NumPy alone."""

import re
import tomllib

import pytest
import yaml

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = [(ROOT / f"requirements{which}.txt").read_text() for which in ("", "-dev")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", "\n".join(LOCKS), re.MULTILINE)
    return {normal(name): version for name, version in found}


def requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    return PROJECT["dependencies"] + [item for extra in extras for item in extra]


def test_the_core_needs_numpy_alone():
    assert [re.match(r"[\w-]+", item)[0] for item in PROJECT["dependencies"]] == ["numpy"]


def test_extras_are_those_of_the_design():
    assert set(PROJECT["optional-dependencies"]) == {
        *("tflite", "train", "akida", "workflow", "report", "dev")
    }


def test_what_quantizes_files_can_look_into_them():
    extras = PROJECT["optional-dependencies"]
    assert set(extras["tflite"]) <= set(extras["train"])


@pytest.mark.parametrize("requirement", requirements())
def test_the_lock_holds_every_requirement(requirement):
    name, exact = re.match(r"([\w-]+)(?:==([\w.]+))?", requirement).groups()
    assert normal(name) in pins()
    if exact:
        assert pins()[normal(name)] == exact


@pytest.mark.parametrize("lock", LOCKS, ids=["users", "developers"])
def test_a_lock_has_hashes_and_no_addresses(lock):
    assert lock.count("--hash=sha256:") >= len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 0
    assert not re.search(r"https?://|--index-url|--find-links|--trusted-host", lock)


def test_the_locks_agree():
    listed = [dict(re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE)) for lock in LOCKS]
    both = set(listed[0]) & set(listed[1])
    assert {name: listed[0][name] for name in both} == {name: listed[1][name] for name in both}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.name)
def test_conda_files_have_the_pins_of_the_lock(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    assert "python=3.11" in dependencies
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    assert pip
    for requirement in pip:
        name, version = requirement.split("==")
        assert pins()[normal(name)] == version, requirement


def test_conda_files_cover_what_the_workflow_needs():
    text = "".join(path.read_text() for path in (ROOT / "envs").glob("*.yaml"))
    for extra in ("tflite", "train", "akida", "workflow", "report"):
        for requirement in PROJECT["optional-dependencies"][extra]:
            assert f"- {re.match(r'[A-Za-z0-9-]+', requirement)[0]}==" in text, requirement


def test_the_image_installs_the_lock_and_runs_as_somebody():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=python:3\.11", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile
    assert 'ENTRYPOINT ["snakemake"]' in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
