"""Make Snakemake run the Python scripts of jobs through the fork server.

Snakemake writes each job script to a file and runs it with a shell and a new Python process, which
imports Snakemake first. It has no option to run it otherwise. `install` therefore replaces
Snakemake's class in the module in which Snakemake looks it up.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from subprocess import CalledProcessError
from types import FrameType
from typing import NoReturn

import snakemake.script
from snakemake.benchmark import benchmarked
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.script import PythonScript

from snugnet.jobs import fork_client
from snugnet.jobs.import_costs import IMPORTS

# Environment variables that limit the threads of numerical libraries: those that Snakemake sets.
THREADS = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# Environment variables of the folder for temporary files: those that Snakemake sets.
TEMPORARY = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")

# Whether the user has interrupted this process with Ctrl-C. A terminal also interrupts its jobs,
# maybe some milliseconds before.
_interrupt = threading.Event()
MAX_DELAY = 2.0  # seconds


class ForkedScript(PythonScript):
    """A Python script that runs in a child of the fork server, if the run has one."""

    def execute_script(self, fname: str, edit: bool = False) -> None:
        """Run a script file; return when it has ended.

        Args:
            fname: Path of the file, which contains the pickled job and the source of the script.
            edit: Passed on to Snakemake, which ignores it.

        Raises:
            CalledProcessError: If the script fails.
            KeyboardInterrupt: If the user has interrupted the run. Snakemake then removes the
                outputs of the job and prints nothing about it.
        """
        status = None
        if os.environ.get(fork_client.SERVERS):
            packages = find_packages(getattr(self.params, "code", None))
            status = fork_client.run_script(fname, packages, self._environment(), self._watch)
        if status is None:
            super().execute_script(fname, edit)
        elif status == fork_client.INTERRUPTED and _interrupt.wait(MAX_DELAY):
            raise KeyboardInterrupt
        elif status:
            if status == -signal.SIGKILL:
                logger.error(
                    "the job was killed (SIGKILL): probably out of memory. Use fewer --cores, or "
                    "free memory."
                )
            raise CalledProcessError(status, f"{sys.executable} {fname}")

    def _environment(self) -> dict[str, str]:
        """Return the environment variables that Snakemake sets for the process of a script."""
        environment = {**os.environ, **dict.fromkeys(THREADS, str(self.threads))}
        if folder := self.resources.get("tmpdir"):
            environment |= dict.fromkeys(TEMPORARY, str(folder))
        return environment

    def _watch(self, process: int) -> AbstractContextManager[object]:
        """Measure a process for the job's file in `benchmarks/`, if it has one."""
        if self.bench_record is None:
            return nullcontext()
        return benchmarked(process, self.bench_record)


def find_packages(modules: object) -> list[str]:
    """List the large packages that a job can import.

    Args:
        modules: Parameter `code` of the job: digests of all modules that it can reach, by name of
            the module. Rules of other workflows may have no such parameter.
    """
    if not isinstance(modules, Mapping):
        return []
    return [package for name in sorted(modules) for package in IMPORTS.get(name, ())]


def install() -> None:
    """Make Snakemake use `ForkedScript`, from now on and in this process.

    Raises:
        WorkflowError: If this version of Snakemake does not have the expected class.
    """
    if not hasattr(snakemake.script, "PythonScript"):
        raise WorkflowError(
            f"Snakemake {snakemake.__version__}: snakemake.script.PythonScript is missing; install "
            "the version in requirements.txt"
        )
    snakemake.script.PythonScript = ForkedScript
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_run)


def _interrupt_run(number: int, frame: FrameType | None) -> NoReturn:
    """Handle Ctrl-C as Python does, and store that it was pressed."""
    _interrupt.set()
    signal.default_int_handler(number, frame)
