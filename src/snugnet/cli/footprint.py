"""How much memory LiteRT takes for a file, measured in a process that does nothing else."""

import re
import resource
import subprocess
import sys
from pathlib import Path

from snugnet.errors import InputError

# Enough for every buffer to have been touched.
RUNS = 10
STATUS = Path("/proc/self/status")


def peak_memory(path: Path, threads: int) -> int:
    """Tell by how much loading and running a file raises a process's peak memory.

    Args:
        path: A .tflite file.
        threads: How many LiteRT may use.

    Returns:
        Bytes, the file's own among them; what Python and LiteRT take without a file is not.

    Raises:
        InputError: If LiteRT cannot run the file.
    """
    command = [sys.executable, "-m", __name__, str(path), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{path}: LiteRT cannot run it ({done.stderr.strip()[-300:]})")
    return int(done.stdout)


def _risen(path: Path, threads: int) -> int:
    from snugnet.cli.data import drawn
    from snugnet.tflite.flatbuffer import read_graph
    from snugnet.tflite.litert import latency

    samples = drawn(read_graph(path), 1, seed=0)
    before = _peak()
    latency(path, samples, RUNS, warm_up=0, threads=threads)
    return _peak() - before


def _peak() -> int:
    # Linux hands a parent's ru_maxrss down to the programs that it starts; this one starts anew.
    if STATUS.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    print(_risen(Path(sys.argv[1]), int(sys.argv[2])))
