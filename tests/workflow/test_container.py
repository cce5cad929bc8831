"""Tests of the container image (`make test-container`)."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian
from tests.paths import ROOT
from tests.workflow.conftest import LEFT_OUT

pytestmark = [pytest.mark.slow, pytest.mark.container]

# Without a daemon, without a registry: https://github.com/containers/buildah
BUILDAH = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
DEBIAN = "python3-distutils,python3.11-venv,ca-certificates"
PACKAGES = "/opt/venv/lib/python3.11/site-packages"
TINY = "--cores 2 all --configfile config/tiny.yaml"


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **BUILDAH}, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    return output


def mirror() -> list[str]:
    """Return the mirror of this machine's packages; without one, debootstrap uses its own."""
    text = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages")
    return [line.split()[0] for line in text.splitlines() if line.endswith(" bookworm")][:1]


def volume_options() -> list[str]:
    """Return volume options for the files that pip and TLS use here, read-only."""
    configured = run(sys.executable, "-m", "pip", "config", "list")
    folders = re.findall(r"(?:file://)?(/[\w./-]+)", configured)
    paths = {"/etc/ssl/certs", "/etc/pip.conf", *folders}
    return [f"--volume={path}:{path}:ro" for path in sorted(paths) if Path(path).exists()]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    debian.require("buildah", "debootstrap", "apt-get", root=True)
    base = tmp_path_factory.mktemp("base")
    what = ("--variant=minbase", f"--include={DEBIAN}", "bookworm")
    run("debootstrap", *what, str(base), *mirror())
    empty = run("buildah", "from", "scratch").split()[-1]
    run("buildah", "add", empty, str(base), "/")
    run("buildah", "commit", empty, "localhost/snugnet-base")
    run("buildah", "rm", empty)
    shutil.rmtree(base)
    build = ["buildah", "bud", "--network", "host", *volume_options()]
    run(*build, "--build-arg", "BASE=localhost/snugnet-base", "-t", "localhost/snugnet", ".")
    yield "localhost/snugnet"
    run("buildah", "rmi", "localhost/snugnet", "localhost/snugnet-base")


@pytest.fixture(scope="module")
def container(image):
    name = run("buildah", "from", image).split()[-1]
    yield name
    run("buildah", "rm", name)


def inside(container: str, command: str, *options: str) -> str:
    user = ("--user", "1000:1000")
    return run("buildah", "run", *user, *options, container, "--", *shlex.split(command))


def test_image_contains_package_only_when_study_needs_it(container):
    """No compiler, no headers for one, no installer, none of the lock's tools for developers."""
    look = "for name in gcc cc make pip pip3 git; do command -v $name; done; echo none"
    assert inside(container, f"sh -c '{look}'").split() == ["none"]
    packages = inside(container, f"ls {PACKAGES}").split()
    assert not {"pip", "pytest", "mypy", "ruff", "playwright", "snugnet"} & set(packages)
    assert {"tensorflow", "akida", "snakemake"} <= set(packages)
    assert "include" not in inside(container, f"ls {PACKAGES}/tensorflow").split()
    assert "__init__.cpython-311.pyc" in inside(container, "ls /app/src/snugnet/__pycache__")
    print(run("buildah", "images", "--format", "{{.Name}} {{.Size}}"))
    print(inside(container, "du -sm /opt/venv /app /usr"))
    print(inside(container, f"sh -c 'du -sm {PACKAGES}/* | sort -rn | head -12'"))


def test_container_reruns_only_affected_jobs_when_config_changes(container, tmp_path):
    results, config = tmp_path / "results", tmp_path / "tiny.yaml"
    results.mkdir()
    os.chown(results, 1000, 1000)
    tmp_path.chmod(0o755)
    shutil.copy(ROOT / "config" / "tiny.yaml", config)
    volumes = (f"--volume={results}:/app/results", f"--volume={config}:/app/config/tiny.yaml:ro")
    inside(container, f"snakemake {TINY}", *volumes)
    manifest = (results / "tiny" / "manifest.json").read_bytes()
    assert (results / "tiny" / "manifest.json").stat().st_uid == 1000
    again = inside(container, f"snakemake {TINY}", *volumes)
    assert "Nothing to be done" in again
    text = config.read_text()
    old = "  digits_fc:\n    training:\n      epochs: 6"
    assert old in text
    config.write_text(text.replace(old, old.replace("6", "7")))
    # Each command has a new container: only the results contain records of earlier runs.
    plan = inside(container, f"snakemake -n {TINY}", *volumes)
    stats = dict(re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE))
    assert stats["train"] == "1"
    assert "prepare_dataset" not in stats
    inside(container, f"snakemake {TINY}", *volumes)
    assert (results / "tiny" / "manifest.json").read_bytes() != manifest
    changed = {rule for rule in stats if rule not in LEFT_OUT}
    assert "bundle_vega" not in changed
