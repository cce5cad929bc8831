"""Make Snakemake run the Python scripts of jobs through the fork server.

Snakemake writes each job script to a file and runs it with a new Python process, which imports
Snakemake first. It has no option for another command. `install` therefore replaces Snakemake's
class in the module in which Snakemake looks it up.
"""

import os
import sys
from collections.abc import Mapping

import snakemake.script
from snakemake.exceptions import WorkflowError
from snakemake.script import PythonScript

from snugnet.jobs import fork_client
from snugnet.jobs.import_costs import IMPORTS


class ForkedScript(PythonScript):
    """A Python script that runs in a child of the fork server, if the run has one."""

    def execute_script(self, fname: str, edit: bool = False) -> None:
        """Run a script file; return when it has ended.

        Args:
            fname: Path of the file, which contains the pickled job and the source of the script.
            edit: Passed on to Snakemake.

        Raises:
            subprocess.CalledProcessError: If the script fails.
        """
        if not os.environ.get(fork_client.WARM):
            super().execute_script(fname, edit)
            return
        self._execute_cmd(
            "{py_exec:q} -I -S {client:q} {fname:q} {packages}",
            py_exec=sys.executable,
            client=fork_client.__file__,
            fname=fname,
            packages=" ".join(find_packages(getattr(self.params, "code", {}))),
            is_python_script=True,
        )


def find_packages(modules: Mapping[str, str]) -> list[str]:
    """List the large packages that a job can import.

    Args:
        modules: Digests of all modules that the job can reach, by name of the module.
    """
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
