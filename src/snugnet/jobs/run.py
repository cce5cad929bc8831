"""Run a job script: log all of its output, check its inputs and record its outputs.

Every job script imports this module, so a change here re-runs every job. Keep it small.
"""

import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snugnet.core.errors import InputError
from snugnet.jobs import checksums, fork_server


def run(main: Callable[[Any], None], job: Any) -> None:
    """Run the `main` function of a job script and write everything it prints to the job's log.

    Inputs are compared with the checksums that were recorded when they were written (see
    `snugnet.jobs.checksums`). If the run has a fork server, this process is a child of the server
    (see `snugnet.jobs.fork_server`).

    Args:
        main: Function that takes the job, reads its inputs and writes its outputs.
        job: Snakemake's `snakemake` object: `input`, `output`, `params`, `wildcards`, `threads`,
            `log`.

    Raises:
        SystemExit: With status 1 after an `InputError`; the log then ends with its message.
    """
    fork_server.end_with_the_run()
    with log_output(Path(job.log[0])), remove_temporary_files():
        start = time.perf_counter()
        try:
            checksums.check(job.input)
            main(job)
            checksums.record(job.output)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        # In a child of the server, the peak includes the memory that it shares with the server.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"took {time.perf_counter() - start:.2f} s, peak memory {peak:.0f} MiB")


@contextmanager
def remove_temporary_files() -> Iterator[None]:
    """Put temporary files into a folder that is removed at the end.

    AutoGraph removes its files when Python exits, which a child of the fork server never does.
    """
    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        shared, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = shared


@contextmanager
def log_output(path: Path) -> Iterator[None]:
    """Redirect standard output and error of the process, including native code, to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = {1: os.dup(1), 2: os.dup(2)}
    with path.open("wb", buffering=0) as log:
        # File descriptors instead of sys.stdout: TensorFlow's C++ code writes to them directly.
        for descriptor in saved:
            os.dup2(log.fileno(), descriptor)
        try:
            yield
        except Exception:
            # Print it here: the descriptors are restored before Python would print it.
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)
