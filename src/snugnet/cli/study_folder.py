"""Where `snugnet init` writes a study: in a clone of Snugnet, or in a folder of the user's own."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snugnet import installation
from snugnet.errors import InputError

CONFIG = Path("config.yaml")
CLONE_SCHEMA = Path("workflow/schemas/config.schema.yaml")
RUN = "snakemake --cores 2 all"
# Paths in a study are relative to the folder in which Snakemake starts, which is this one.
SNAKEFILE = """\
# Written by `snugnet init`. config.yaml describes the study; Snugnet has targets and defaults.

from snugnet.installation import DEFAULT_CONFIG, SNAKEFILE


configfile: DEFAULT_CONFIG
configfile: "config.yaml"


include: SNAKEFILE


# An included file cannot choose the default target.
workflow.default_target = "all"
"""


@dataclass(frozen=True)
class StudyFolder:
    """The files of a study, relative to the working directory.

    Attributes:
        output: The configuration to write.
        command: The command that runs the study.
        base: A comment about the configuration that the study is laid over.
        configs: The configurations that the study is laid over, in order.
        schema: The schema of the configuration.
        texts: The other files that the study needs, by path.
    """

    output: Path
    command: str
    base: str
    configs: tuple[Path, ...]
    schema: Path
    texts: dict[Path, str] = field(default_factory=dict)

    def check(self, force: bool) -> None:
        """Check that nothing of the user's is overwritten.

        Raises:
            InputError: If a file exists with another content, unless `force`; or if there is no
                folder to write to.
        """
        if self.output.exists() and not force:
            raise InputError(
                f"{self.output} exists already: --force overwrites it, --output writes elsewhere"
            )
        for path, text in self.texts.items():
            if _differs(path, text) and not force:
                raise InputError(
                    f"{path} exists already, with another content: --force overwrites it; "
                    "otherwise run this in an empty folder"
                )
        if not self.output.parent.is_dir():
            raise InputError(f"{self.output.parent} is no folder: create it, or change --output")

    def read_base(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read the configuration that the study is laid over, and its schema.

        Raises:
            InputError: If it has a model or a dataset of that name.
        """
        import yaml
        from snakemake.utils import update_config

        config: dict[str, Any] = {}
        for path in self.configs:
            update_config(config, yaml.safe_load(path.read_text()))
            for block in ("models", "datasets"):
                if name in config[block]:
                    raise InputError(
                        f"--name {name}: {path} has {block} of that name; choose another"
                    )
        return config, yaml.safe_load(self.schema.read_text())


def study_folder(name: str, output: Path | None) -> StudyFolder:
    """Choose the files of a study for the working directory.

    Args:
        name: Name of model and dataset.
        output: The configuration to write, or None for the default.
    """
    if CONFIG.is_file() and CLONE_SCHEMA.is_file():
        path = output or Path("config") / f"{name}.yaml"
        base = "Laid over config.yaml. What more there is to say: docs/reference/configuration.md."
        return StudyFolder(path, _run(path), base, (CONFIG,), CLONE_SCHEMA)
    path = output or CONFIG
    is_default = path.absolute() == CONFIG.absolute()
    base = "Laid over Snugnet's default configuration. Paths are relative to this folder."
    own = () if is_default or not CONFIG.is_file() else (CONFIG,)
    return StudyFolder(
        output=path,
        command=RUN if is_default else _run(path),
        base=base,
        configs=(installation.DEFAULT_CONFIG, *own),
        schema=installation.SCHEMA,
        texts={
            Path("Snakefile"): SNAKEFILE,
            Path("profiles/default/profile.yaml"): installation.PROFILE.read_text(),
        },
    )


def _run(path: Path) -> str:
    return f"{RUN} --configfile {shlex.quote(str(path))}"


def _differs(path: Path, text: str) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != text.encode())
