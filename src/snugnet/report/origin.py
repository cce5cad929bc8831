"""Origin of a report: git revision, package versions, machine and system.

Names of hosts, users and folders are left out.
"""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "snugnet",
    "tensorflow",
    "tf-keras",
    "tensorflow-model-optimization",
    "tensorly",
    "ai-edge-litert",
    "tflite-micro",
    "akida",
    "cnn2snn",
    "quantizeml",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "snakemake",
    "altair",
)


def describe_origin(folder: Path) -> dict[str, str]:
    """Describe revision, machine, system and packages.

    Args:
        folder: A folder of the project, which may be a clone of a git repository.

    Returns:
        Texts by title; a text that is empty is left out.
    """
    cores = os.cpu_count() or 1
    facts = {
        "Git revision": _read_revision(folder),
        "Machine": f"{_read_processor()}, {cores} core{'s' if cores > 1 else ''}",
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Packages": ", ".join(_list_versions()),
    }
    return {title: text for title, text in facts.items() if text}


def _read_revision(folder: Path) -> str:
    """Return the commit, marked if tracked files have changed; empty without git or a clone."""
    # A stranger's repository could name a program that tells Git which files have changed.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "describe", "--always"]
    command.append("--dirty=, with changes")
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""


def _read_processor() -> str:
    """Return the model name of the processor (Linux), or the machine type."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _list_versions() -> list[str]:
    """List name and version of each installed package in `PACKAGES`."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return versions
