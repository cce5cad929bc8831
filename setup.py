"""Build the package. A wheel also carries the workflow, as the folder snugnet_workflow."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TARGET = "snugnet_workflow"
PACKAGES = ("snugnet", "snakemake_logger_plugin_snugnet")


def workflow_files() -> dict[str, str]:
    """Map the path of each file in the wheel to its path in the project."""
    files = {f"{TARGET}/config.yaml": "config.yaml"}
    for folder, target in (
        ("workflow", TARGET),
        ("profiles/default", f"{TARGET}/profiles/default"),
    ):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"{target}/{path.relative_to(folder).as_posix()}"] = path.as_posix()
    return files


class BuildWithWorkflow(build_py):
    """Copy the workflow next to the package, unless the install is editable: it uses the clone."""

    def run(self) -> None:
        """Build the package and copy the workflow's files."""
        if not self.editable_mode:
            # Files of an earlier build would go into the wheel.
            for name in (*PACKAGES, TARGET):
                shutil.rmtree(Path(self.build_lib, name), ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        for target, source in workflow_files().items():
            path = Path(self.build_lib, target)
            self.mkpath(str(path.parent))
            self.copy_file(source, str(path))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """List the files that `run` writes."""
        outputs: list[str] = super().get_outputs(include_bytecode)
        if self.editable_mode:
            return outputs
        return outputs + [str(Path(self.build_lib, target)) for target in workflow_files()]

    def get_source_files(self) -> list[str]:
        """List the files that a source distribution needs."""
        return [*super().get_source_files(), *workflow_files().values()]


setup(cmdclass={"build_py": BuildWithWorkflow})
