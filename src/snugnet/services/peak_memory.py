"""Measure the peak memory of LiteRT for one file, in a separate process."""

import re
import resource
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from snugnet.core.budget import UNLIMITED, Budget
from snugnet.core.errors import InputError
from snugnet.core.programs import run_program
from snugnet.core.sandbox import Rights

# Number of inferences: enough to use every buffer.
RUNS = 10
NUMBER = re.compile("[0-9]{1,18}")
# Memory of this process, on Linux; and what resets its peak, see proc_pid_clear_refs(5).
STATUS = Path("/proc/self/status")
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"


def measure_peak_memory(path: Path, x: np.ndarray, threads: int, budget: Budget = UNLIMITED) -> int:
    """Measure how much the peak memory of a process increases when it loads and runs a file.

    Args:
        path: A .tflite file.
        x: Samples in real units, (n, ...). Only the first one is used.
        threads: Number of threads of LiteRT.
        budget: Limits of time and memory.

    Returns:
        Bytes, including the file itself, but without the memory of Python and LiteRT.

    Raises:
        InputError: If LiteRT cannot run the file.
        BudgetError: If that takes more time than the budget allows.
    """
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "x.npy"
        np.save(sample, x[:1])
        result = run_program(
            *(Path(__file__), path, sample, str(threads)),
            timeout=budget.seconds,
            bytes_held=budget.bytes_held,
            kept=Rights(readable=(path, sample), writable=(CLEAR_REFS,)),
        )
    if result.status is None:
        raise budget.error(f"{path}: measuring its memory takes more than {budget.seconds:.0f} s")
    if result.status != 0 or not NUMBER.fullmatch(result.output.strip()):
        raise InputError(
            f"{path}: LiteRT cannot run the file, so its memory cannot be measured. "
            f"Check the file with `snugnet inspect`. LiteRT: {result.message[:300]}"
        )
    return int(result.output)


def _measure_increase(path: Path, sample: Path, threads: int) -> int:
    """Measure in this process how much its peak memory increases, in bytes."""
    from snugnet.tflite.runtimes.litert import measure_latency

    x = np.load(sample, allow_pickle=False)
    # Imports need memory that is free again.
    with suppress(OSError):
        CLEAR_REFS.write_text(RESET_PEAK)
    before = _read_peak()
    measure_latency(path, x, RUNS, warm_up=0, threads=threads)
    return _read_peak() - before


def _read_peak() -> int:
    """Read the peak memory of this process, in bytes."""
    # On Linux, a new program inherits ru_maxrss from its parent, but not VmHWM. Some sandboxes have
    # no such line.
    if STATUS.exists() and (match := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())):
        return int(match[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(_measure_increase(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
