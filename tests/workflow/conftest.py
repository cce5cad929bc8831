"""A copy of the project in which the tiny study has been made, once for all workflow tests."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import pytest

from snugnet.core.files import sha256_of
from snugnet.evaluation.manifest import compute_digests
from tests.paths import ROOT

COPIED = ("Snakefile", "config.yaml", "config", "profiles", "src", "workflow")
# Targets, and the rule that runs whenever another job runs.
LEFT_OUT = (
    *("all", "data", "models", "tflite", "akida", "preflight", "analyses", "report", "total"),
    "write_manifest",
)
TINY = ("--configfile", "config/tiny.yaml")


# The results that must be the same in every run.
MANIFEST = (
    *("data/*/*.npz", "models/*/*/model.h5", "models/*/*/stats.json"),
    *("tflite/*/*/*/model.tflite", "tflite/*/*/*/contract.json"),
    *("verify/*/*/*/certificate.json", "akida/*/*/*/conversion.json", "akida/*/*/*/program"),
    *("firmware/*/*/*/source", "firmware/*/*/*/footprint.json"),
    "metrics/*/*/*/*.json",
)


class Project:
    """A copy of the project, with commands to run and edit it.

    Attributes:
        folder: The copy.
        results: The results folder of the tiny study.
        first_output: What Snakemake printed when it made the tiny study; empty if it was not made.
    """

    # A command that runs Snakemake's, for example as another user.
    prefix: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "tiny"
        self.first_output = ""
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)

    def at(self, folder: Path, prefix: tuple[str, ...] = ()) -> "Project":
        """Return the same project in another folder, where it must have been copied or moved."""
        other = copy(self)
        other.folder, other.prefix = folder, prefix
        other.results = folder / self.results.relative_to(self.folder)
        return other

    def snakemake(self, *arguments: str, ok: bool = True) -> str:
        """Run Snakemake; return all that it printed."""
        status = self.start(*arguments).wait()
        assert (status == 0) == ok, self.output[-6000:]
        return self.output

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake; what it prints is then in `output`.

        The copy's own package comes first on the path, before the one that is installed.
        """
        with (self.folder / "output.txt").open("wb") as output:
            return subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command beside what was started; return its status and all that it printed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "src")}

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def digests(self) -> dict[str, str]:
        """Digest what there is of the results, finished or not, as rule `write_manifest` does."""
        paths = [path for pattern in MANIFEST for path in self.results.glob(pattern)]
        return compute_digests(self.results, paths)

    def manifest(self) -> dict[str, str]:
        """Digest all that is the same in every run; of .tflite files and the gate, every byte."""
        bytewise = [*self.results.glob("tflite/*/*/*/model.tflite")]
        bytewise += self.results.glob("report/gate.json")
        digests = {path.relative_to(self.results).as_posix(): sha256_of(path) for path in bytewise}
        return self.digests() | digests

    def plan(self, *targets: str, options: tuple[str, ...] = TINY) -> dict[str, int]:
        """Count the jobs, by rule, that are to be run for targets; these are left out."""
        text = self.snakemake("-n", *(targets or ("all",)), *options)
        stats = re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)
        return {rule: int(count) for rule, count in stats if rule not in LEFT_OUT}

    def planned(self, *targets: str) -> set[tuple[str, str]]:
        """Return (rule, wildcards) of each job that is to be run."""
        text = self.snakemake("-n", *(targets or ("all",)), *TINY)
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?: +.*\n)+)", text, re.MULTILINE)
        jobs = set()
        for rule, block in blocks:
            wildcards = re.search(r"wildcards: (.*)", block)
            jobs.add((rule, wildcards[1] if wildcards else ""))
        return jobs

    @contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace text in a file for a while; the text must be there."""
        path = self.folder / file
        before = path.read_text()
        assert old in before, f"{old!r} is not in {file}"
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Project:
    """The finished tiny study. Tests must leave it as they found it."""
    project = Project(tmp_path_factory.mktemp("tiny"))
    project.first_output = project.snakemake("--cores", "all", "all", *TINY)
    return project


@pytest.fixture
def project(tmp_path) -> Project:
    """A project in which nothing has been made."""
    return Project(tmp_path)
