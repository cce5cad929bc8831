"""The programs that compile and emulate C code on this machine, and the templates of the code."""

import hashlib
import shutil
import subprocess
from pathlib import Path

PROGRAMS = ("cc", "arm-none-eabi-gcc", "qemu-system-arm")
FOLDERS = ("c", "emulation", "templates")


def describe_tools() -> dict[str, str | None]:
    """Return the first line of `--version` of each program, None if it is not installed.

    Under `templates`, there is a digest of the C templates, which digests of Python code leave out.
    """
    versions: dict[str, str | None] = {name: _read_version(name) for name in PROGRAMS}
    return {**versions, "templates": _compute_digest()}


def _read_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    return next(iter(done.stdout.splitlines()), "")


def _compute_digest() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parent
    files = sorted(path for name in FOLDERS for path in (package / name).rglob("*.*"))
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()
