"""Tests of pyproject.toml, the lock files, the Conda files and the Dockerfile."""

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from snugnet import __version__
from snugnet.core.extras import EXTRAS
from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The oldest patch level of each version that is supported.
OLDEST = ("3.11.0", "3.12.0")
STUDY_EXTRAS = ("tflite", "train", "akida", "workflow", "report")
LOCKS = [(ROOT / f"requirements{which}.txt").read_text() for which in ("", "-dev")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    versions = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", "\n".join(LOCKS), re.MULTILINE)
    return {normal(name): version for name, version in versions}


def requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"]
    return PROJECT["dependencies"] + [
        item for extra, items in extras.items() if extra != "all" for item in items
    ]


def locked() -> list[Requirement]:
    lines = re.findall(r"^(\S+==[^\\\n]+)", "\n".join(LOCKS), re.MULTILINE)
    return [Requirement(line) for line in dict.fromkeys(line.strip() for line in lines)]


def excluded(requires_python: str | None) -> list[str]:
    """List the supported versions of Python that a distribution does not install on."""
    specifiers = SpecifierSet(requires_python or "")
    return [version for version in OLDEST if not specifiers.contains(version)]


def test_citation_version_is_equal_when_compared_with_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__


def test_dependencies_are_only_numpy_when_no_extra_is_selected():
    assert [re.match(r"[\w-]+", item)[0] for item in PROJECT["dependencies"]] == ["numpy"]


def test_extras_equal_design_when_read_from_pyproject():
    assert set(PROJECT["optional-dependencies"]) == {*(*STUDY_EXTRAS, "all", "dev")}


def test_extra_all_contains_extra_when_study_needs_it():
    (requirement,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert requirement.name == PROJECT["name"]
    assert requirement.extras == set(STUDY_EXTRAS)


def test_requirements_have_marker_when_python_3_13_has_no_build():
    """pip leaves them out there; src/snugnet/core/extras.py reports it."""
    limited = {"tensorflow", "tf-keras", "tensorflow-model-optimization"}
    limited |= {"quantizeml", "cnn2snn", "akida"}
    for requirement in map(Requirement, requirements()):
        on_3_13 = requirement.marker is None or requirement.marker.evaluate(
            {"python_version": "3.13"}
        )
        assert on_3_13 != (requirement.name in limited), requirement
        if requirement.marker is not None:
            assert all(requirement.marker.evaluate({"python_version": v}) for v in ("3.11", "3.12"))


def test_extras_table_has_package_when_a_module_imports_it():
    """More than what `snugnet.cli` reaches: the whole package."""
    imported = set()
    for path in (ROOT / "src" / "snugnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    third_party = imported - {*sys.stdlib_module_names, "snugnet", "numpy"}
    assert {"tensorflow", "yaml"} <= third_party
    assert third_party - set(EXTRAS) == set()
    assert set(EXTRAS.values()) <= set(PROJECT["optional-dependencies"])


def test_extra_train_contains_requirement_when_extra_tflite_does():
    extras = PROJECT["optional-dependencies"]
    assert set(extras["tflite"]) <= set(extras["train"])


@pytest.mark.parametrize("requirement", requirements())
def test_lock_files_pin_package_when_project_requires_it(requirement):
    name, exact = re.match(r"([\w-]+)(?:==([\w.]+))?", requirement).groups()
    assert normal(name) in pins()
    if exact:
        assert pins()[normal(name)] == exact


@pytest.mark.parametrize("lock", LOCKS, ids=["users", "developers"])
def test_lock_file_has_hash_and_no_url_when_version_is_pinned(lock):
    assert lock.count("--hash=sha256:") >= len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 0
    assert not re.search(r"https?://|--index-url|--find-links|--trusted-host", lock)


@pytest.mark.parametrize("requirement", locked(), ids=lambda item: item.name)
def test_locked_version_is_installed_when_it_is_for_this_python(requirement):
    try:
        metadata = distribution(requirement.name).metadata
    except PackageNotFoundError:
        marker = requirement.marker
        assert marker is not None and not marker.evaluate(), f"{requirement} is not installed"
        pytest.skip(f"{requirement} is not for this Python")
    assert requirement.specifier.contains(metadata["Version"]), (
        f"{requirement.name} {metadata['Version']} is installed, not {requirement}: run make test"
    )
    assert excluded(metadata["Requires-Python"]) == []


@pytest.mark.parametrize(
    ("requires_python", "expected"),
    [
        (None, []),
        (">=3.9", []),
        (">=3.11.5", ["3.11.0"]),
        (">=3.12", ["3.11.0"]),
        ("<3.12,>=3.10", ["3.12.0"]),
        (">=3.13", ["3.11.0", "3.12.0"]),
    ],
)
def test_excluded_lists_version_when_specifier_rejects_it(requires_python, expected):
    assert excluded(requires_python) == expected


def test_lock_files_have_same_version_when_both_pin_a_package():
    versions = [dict(re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE)) for lock in LOCKS]
    both = set(versions[0]) & set(versions[1])
    assert {name: versions[0][name] for name in both} == {name: versions[1][name] for name in both}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.name)
def test_conda_file_has_locked_version_when_it_lists_a_package(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    assert "python=3.11" in dependencies
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    assert pip
    for requirement in pip:
        name, version = requirement.split("==")
        assert pins()[normal(name)] == version, requirement


def test_conda_files_pin_package_when_study_requires_it():
    text = "".join(path.read_text() for path in (ROOT / "envs").glob("*.yaml"))
    for extra in STUDY_EXTRAS:
        for requirement in PROJECT["optional-dependencies"][extra]:
            assert f"- {re.match(r'[A-Za-z0-9-]+', requirement)[0]}==" in text, requirement


def test_dockerfile_has_user_and_hashes_when_it_installs_lock():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=python:3\.11", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile
    assert 'ENTRYPOINT ["snakemake"]' in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)


def test_dockerfile_compiles_code_when_user_is_still_root():
    dockerfile = (ROOT / "Dockerfile").read_text()
    steps = ("COPY src src\n", "RUN python -m compileall -q src\n", "USER ")
    positions = [dockerfile.index(step) for step in steps]
    assert positions == sorted(positions)
    assert "**/__pycache__" in (ROOT / ".dockerignore").read_text().splitlines()
