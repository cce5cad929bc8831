"""Peak memory of LiteRT for one file, measured in a separate process."""

import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from snugnet.core.errors import InputError

# Enough for every buffer to have been touched.
RUNS = 10
STATUS = Path("/proc/self/status")


def peak_memory(path: Path, x: np.ndarray, threads: int) -> int:
    """Tell by how much loading and running a file raises a process's peak memory.

    Args:
        path: A .tflite file.
        x: Samples in real units; the first is run.
        threads: How many LiteRT may use.

    Returns:
        Bytes, the file's own among them; what Python and LiteRT take without a file is not.

    Raises:
        InputError: If LiteRT cannot run the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "x.npy"
        np.save(sample, x[:1])
        command = [sys.executable, "-m", __name__, str(path), str(sample), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"{path}: LiteRT cannot run the file, so its memory cannot be measured. "
            f"Check the file with `snugnet inspect`. LiteRT: {done.stderr.strip()[-300:]}"
        )
    return int(done.stdout)


def _risen(path: Path, sample: Path, threads: int) -> int:
    from snugnet.tflite.runtimes.litert import measure_latency

    x = np.load(sample, allow_pickle=False)
    before = _peak()
    measure_latency(path, x, RUNS, warm_up=0, threads=threads)
    return _peak() - before


def _peak() -> int:
    # Linux hands a parent's ru_maxrss down to the programs that it starts; this one starts anew.
    # Some sandboxes have no such line.
    if STATUS.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())):
        return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(_risen(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
