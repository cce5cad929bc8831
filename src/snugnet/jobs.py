"""What every job script needs: a log that holds everything, and outputs that are whole or absent.

Every script imports this module, so a change here re-runs every job: keep it small.
"""

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snugnet import recorded, warm
from snugnet.errors import InputError


def run(main: Callable[[Any], None], job: Any) -> None:
    """Run the `main` of a job script with everything it prints in the job's log.

    Its inputs are compared with what the jobs that made them recorded (see `snugnet.recorded`).
    Where the run has a fork server and this script much to import, a child of the server runs the
    script instead (see `snugnet.warm`), and this process only ends as it does.

    Args:
        main: Takes the job, reads its inputs and writes its outputs.
        job: Snakemake's `snakemake` object: `input`, `output`, `params`, `wildcards`, `threads`,
            `log`.

    Raises:
        SystemExit: With status 1 if the input was wrong; the log then ends with the message.
    """
    warm.end_with_the_run()
    warm.hand_over(job.params.code)
    with logged(Path(job.log[0])):
        start = time.perf_counter()
        try:
            recorded.check(job.input)
            main(job)
            recorded.record(job.output)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        # Snakemake's own benchmark file tells of the process that only waits. In a child of the
        # server the peak includes what it shares with the server.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"took {time.perf_counter() - start:.2f} s, peak memory {peak:.0f} MiB")


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Send the process's standard output and error, native code's too, to the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = {1: os.dup(1), 2: os.dup(2)}
    with path.open("wb", buffering=0) as log:
        # File descriptors rather than sys.stdout: TensorFlow's C++ writes to those directly.
        for descriptor in saved:
            os.dup2(log.fileno(), descriptor)
        try:
            yield
        except Exception:
            # Printed here because the descriptors are restored before Python would print it.
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it onto `path` only if nothing was raised.

    The temporary name keeps the suffix, because writers choose a format by it, and is always the
    same, so that what a killed job leaves is overwritten by the next.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    with replacing(path) as partial:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
        partial.write_text(text + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote."""
    value: dict[str, Any] = json.loads(Path(path).read_text())
    return value
