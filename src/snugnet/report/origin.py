"""Where a report comes from: revision, packages, machine. No names of hosts, users or folders."""

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


def origin(folder: Path) -> dict[str, str]:
    """Describe what made the report, in words by title.

    Args:
        folder: A folder of the project, which may be a clone of a git repository.
    """
    cores = os.cpu_count() or 1
    found = {
        "Git revision": _revision(folder),
        "Machine": f"{_processor()}, {cores} core{'s' if cores > 1 else ''}",
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Packages": ", ".join(_versions()),
    }
    return {title: text for title, text in found.items() if text}


def _revision(folder: Path) -> str:
    """Name the commit, and say if tracked files differ from it; empty without git or clone."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=, with changes"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    """Name the model of the processor as Linux has it, or the kind of machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _versions() -> list[str]:
    """List the packages that are installed."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
