"""Damage a model at random and run it.

python -m tests.unit.int8.corrupt FILE FIRST COUNT

Prints one line a damage that did not end as it should: with outputs or a refusal, within
two seconds and one gibibyte.
"""

import collections
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from snugnet.core.budget import BudgetError
from snugnet.core.errors import ModelFormatError
from snugnet.int8 import load

SECONDS, BYTES = 2.0, 1 << 30
# Values that replace offsets, lengths and sizes.
HOSTILE = (0, 1, -1, 2**31 - 1, -(2**31), 2**30, 65536, 255, -2, 100_000_000)


def damage(data: bytes, seed: int) -> bytes:
    """Flip bits, cut, or put hostile numbers, some of them on the file's own structure."""
    rng = np.random.default_rng(seed)
    changed = bytearray(data)
    kind = rng.integers(0, 4)
    # The structure of a flatbuffer lies mostly where small numbers do.
    places = np.flatnonzero(np.frombuffer(data, np.uint8) < 64)
    if kind == 0:
        for place in rng.integers(0, len(data), rng.integers(1, 20)):
            changed[place] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        del changed[int(rng.integers(0, len(data))) :]
    else:
        for place in rng.choice(places, rng.integers(1, 4)):
            place = int(place) // 4 * 4 if kind == 2 else int(place)
            number = int(rng.choice(HOSTILE)) if rng.random() < 0.7 else int(rng.integers(-40, 40))
            changed[place : place + 4] = struct.pack("<i", number)
    return bytes(changed)


def run(path: Path) -> str:
    """Load a model and run it once."""
    try:
        model = load(path)
    except (ModelFormatError, BudgetError):
        return "refused"
    inputs = [np.zeros(port.shape, port.dtype) for port in model.inputs]
    try:
        model.predict(inputs)
    except (ModelFormatError, BudgetError):
        return "refused at the first run"
    return "runs"


def main(file: str, first: int, count: int) -> None:
    data = Path(file).read_bytes()
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    resource.setrlimit(resource.RLIMIT_AS, (memory_before + 8 * BYTES, memory_before + 8 * BYTES))
    outcomes: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for seed in range(first, first + count):
            path.write_bytes(damage(data, seed))
            started = time.perf_counter()
            try:
                outcome = run(path)
            except Exception as error:
                outcome = f"BAD {type(error).__name__}"
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}")
            took = time.perf_counter() - started
            if took > SECONDS:
                print(f"seed {seed}: {took:.1f} s")
            outcomes[outcome] += 1
    memory_growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - memory_before
    if memory_growth > BYTES:
        print(f"{memory_growth >> 20} MiB")
    print(f"done: {dict(outcomes)}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
