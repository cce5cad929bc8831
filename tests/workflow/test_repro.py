"""Cold runs of the whole small study agree, however they are run: `make test-repro`."""

import json

import pytest

from tests.workflow.conftest import TINY, Project

pytestmark = [pytest.mark.slow, pytest.mark.repro]


def manifest(project: Project) -> dict:
    return json.loads((project.results / "manifest.json").read_text())


@pytest.mark.parametrize("cores", ["1", "2"])
@pytest.mark.parametrize("warm", ["True", "False"])
def test_a_cold_run_gives_the_same_manifest(tiny, project, cores, warm):
    run = ("all", *TINY, "--config", f"warm={warm}")
    project.snakemake("--cores", cores, *run)
    assert manifest(project) == manifest(tiny)
    assert "Nothing to be done" in project.snakemake("--cores", cores, *run)
