"""Tests that runs of the tiny study from scratch give equal results (`make test-repro`)."""

import json

import pytest

from tests.workflow.conftest import TINY, Project

pytestmark = [pytest.mark.slow, pytest.mark.repro]


def manifest(project: Project) -> dict:
    return json.loads((project.results / "manifest.json").read_text())


@pytest.mark.parametrize("cores", ["1", "2"])
@pytest.mark.parametrize("server", ["True", "False"])
def test_manifest_is_equal_when_cores_and_server_differ(tiny, project, cores, server):
    run = ("all", *TINY, "--config", f"fork_server={server}")
    project.snakemake("--cores", cores, *run)
    assert manifest(project) == manifest(tiny)
    assert "Nothing to be done" in project.snakemake("--cores", cores, *run)
