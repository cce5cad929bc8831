"""The small study on a real Slurm of one node: `make test-slurm`."""

import re
import subprocess
import time
from collections import Counter

import pytest

from tests.slurm_node import Cluster
from tests.workflow.conftest import TINY, Project

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

# The node has no accounting database; its answers are quick.
STATUS = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3")
SLURM = ("--profile", "profiles/slurm", *STATUS, "--latency-wait", "5")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def on_slurm(project, cluster, monkeypatch) -> Project:
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    return project


def started(cluster: Cluster, run: subprocess.Popen[bytes], known: set[str]) -> str:
    """Wait until a job runs that was not known; give its number."""
    while run.poll() is None:
        for job, state in cluster.jobs().items():
            if state == "RUNNING" and job not in known:
                return job
        time.sleep(0.2)
    raise AssertionError("the run ended before another job ran")


def test_the_study_survives_a_cancelled_job_and_its_node(tiny, on_slurm, cluster):
    run = on_slurm.start(*SLURM, "all", *TINY)
    first = started(cluster, run, set())
    cluster.run("scancel", first)
    second = started(cluster, run, {first})
    cluster.kill_node()
    cluster.wait("down")
    cluster.start_node()
    assert run.wait(timeout=3600) == 0, on_slurm.output[-6000:]
    assert on_slurm.manifest() == tiny.manifest()
    states = cluster.jobs()
    assert states[first] == "CANCELLED"
    assert states[second] in ("NODE_FAIL", "FAILED")
    assert "Nothing to be done" in on_slurm.snakemake(*SLURM, "all", *TINY)
    found = Counter(states.values())
    print(f"{len(states)} jobs: " + ", ".join(f"{n} {state}" for state, n in found.items()))


def test_a_job_without_enough_memory_gets_more(on_slurm, cluster):
    before = cluster.jobs()
    with on_slurm.edited(
        "profiles/slurm/profile.yaml",
        "set-resources:\n",
        "set-resources:\n  train: {mem_mb: '300 if attempt == 1 else 3000'}\n",
    ):
        target = "results/tiny/models/digits_fc/original/model.h5"
        output = on_slurm.snakemake(*SLURM, target, *TINY)
    assert re.search(r"Trying to restart job \d+", output)
    states = [state for job, state in cluster.jobs().items() if job not in before]
    assert "OUT_OF_MEMORY" in states
    assert states.count("COMPLETED") >= 2
