"""Tests of the tiny study on a Slurm cluster of one node (`make test-slurm`)."""

import re
import subprocess
import time
from collections import Counter

import pytest
import yaml

from tests.slurm_node import Cluster
from tests.workflow.conftest import TINY

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


def running(cluster: Cluster, run: subprocess.Popen[bytes], completed: int) -> str:
    """Wait until so many jobs are completed and others run; return the number of the newest."""
    while run.poll() is None:
        states = cluster.jobs()
        running_jobs = [job for job, state in states.items() if state == "RUNNING"]
        if running_jobs and list(states.values()).count("COMPLETED") >= completed:
            return max(running_jobs, key=int)
        time.sleep(0.2)
    raise AssertionError("the run ended before another job ran")


def test_slurm_profile_names_rule_only_when_study_has_it(project):
    """Its plan: every rule that the profile names is one, and small jobs are in groups."""
    plan = project.snakemake("-n", *SLURM, "all")
    rules = set(re.findall(r"^(\w+) +\d+$", plan, re.MULTILINE))
    profile = yaml.safe_load((project.folder / "profiles/slurm/profile.yaml").read_text())
    assert set(profile["groups"]) | set(profile["set-resources"]) <= rules


def test_study_finishes_when_job_is_cancelled_and_node_fails(tiny, project, cluster):
    run = project.start(*SLURM, "all", *TINY)
    first = running(cluster, run, completed=1)
    cluster.run("scancel", first)
    second = running(cluster, run, completed=15)  # of some 35
    cluster.kill_node()
    cluster.wait("down")
    cluster.start_node()
    assert run.wait(timeout=3600) == 0, project.output[-6000:]
    assert project.manifest() == tiny.manifest()
    states = cluster.jobs()
    assert states[first] == "CANCELLED"
    assert states[second] in ("NODE_FAIL", "FAILED")
    assert "Nothing to be done" in project.snakemake(*SLURM, "all", *TINY)
    counts = Counter(states.values())
    print(f"{len(states)} jobs: " + ", ".join(f"{n} {state}" for state, n in counts.items()))


def test_job_restarts_with_more_memory_when_memory_runs_out(project, cluster):
    before = cluster.jobs()
    with project.edited(
        "profiles/slurm/profile.yaml",
        "set-resources:\n",
        "set-resources:\n  train: {mem_mb: '300 if attempt == 1 else 3000'}\n",
    ):
        target = "results/tiny/models/digits_fc/original/model.h5"
        output = project.snakemake(*SLURM, target, *TINY)
    assert re.search(r"Trying to restart job \d+", output)
    states = [state for job, state in cluster.jobs().items() if job not in before]
    assert "FAILED" in states  # OUT_OF_MEMORY if the kernel has control groups
    assert states.count("COMPLETED") >= 2
