"""The files that `snugnet init` writes: in a clone of Snugnet, or in any other folder."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snugnet.core import installation
from snugnet.core.errors import InputError
from snugnet.core.files import check_output
from snugnet.core.text import get_first_line
from snugnet.services.output_files import check_folder

CONFIG = Path("config.yaml")
# Values of a configuration; a short text with aliases of YAML can stand for many more.
MAX_VALUES = 100_000
PROFILE = Path("profiles/default/profile.yaml")
# Snakemake prefers a profile of this name to the one in `profiles`.
FIRST_PROFILE = Path("default")
# Snakemake imports Python modules and plug-ins that it finds here.
DEPLOYMENTS = Path(".snakemake/pip-deployments")
# Folders that Snakemake and the study write to, and that of the profile.
OWN_FOLDERS = (Path(".snakemake"), Path("results"), Path("profiles"), PROFILE.parent)
# Bytes of a Snakefile or a configuration.
MAX_BYTES = 1 << 20
SUFFIXES = (".yaml", ".yml", ".json")
# The command that runs a study.
RUN = "snakemake --cores 2 all"
# Paths in a study are relative to the folder in which Snakemake starts: the working directory.
# If the study has another name, it replaces `config.yaml` here.
SNAKEFILE = """\
# Written by `snugnet init`. config.yaml describes the study. Snugnet provides targets and defaults.

import sys

# Snakemake would look for Python modules here first: a file `snugnet.py` would replace the package.
sys.path = [path for path in sys.path if path != workflow.basedir]

from snugnet import DEFAULT_CONFIG, SNAKEFILE


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
        base: A comment about the base configuration.
        configs: The base configurations; later ones override earlier ones.
        texts: The other files that the study needs, by path.
    """

    output: Path
    command: str
    base: str
    configs: tuple[Path, ...]
    texts: dict[Path, str] = field(default_factory=dict)

    def check(self, force: bool) -> None:
        """Check that the files can be written, and that no existing file would be overwritten.

        Raises:
            InputError: If a file exists with other content and `force` is not set; if the folder of
                a file does not exist or cannot be written to; if the configuration has the place of
                another file; or if Snakemake would use another profile, or modules of the folder.
        """
        _check_profile()
        if self.texts:  # not in a clone
            _check_own_folders()
        self._check_place()
        for path in (self.output, *self.texts):
            check_folder(path)
            check_output(path)
        if self.output.exists() and not force:
            raise InputError(
                f"{self.output} already exists. Use --force to overwrite it, or --output to write "
                "another file."
            )
        for path, text in self.texts.items():
            if path.exists() and not has_content(path, text) and not force:
                raise InputError(
                    f"{path} already exists with other content. Use --force to overwrite it, or "
                    "run the command in an empty folder."
                )
        if not self.output.parent.is_dir():
            raise InputError(
                f"--output {self.output}: folder {self.output.parent} does not exist. "
                "Create it, or choose another path."
            )

    def _check_place(self) -> None:
        """Check that the configuration is a file of its own, which is no profile."""
        if self.output.suffix not in SUFFIXES:
            raise InputError(
                f"--output {self.output}: a configuration ends in {', '.join(SUFFIXES)}. Choose "
                "another name."
            )
        folder = self.output.parent.resolve()
        if folder in (PROFILE.parent.resolve(), FIRST_PROFILE.resolve()):
            raise InputError(
                f"--output {self.output}: this folder is for a profile of Snakemake. Choose "
                "another path."
            )

    def read_base(self, name: str) -> dict[str, Any]:
        """Read the base configuration.

        Raises:
            InputError: If it already has a model or a dataset with that name.
        """
        import yaml

        config: dict[str, Any] = {}
        for path in self.configs:
            if not _is_small_file(path):
                raise InputError(f"{path}: not a configuration, but another kind of file")
            try:
                values = yaml.safe_load(path.read_text())
            except (yaml.YAMLError, ValueError, RecursionError) as error:
                raise InputError(f"{path}: not valid YAML ({get_first_line(error)})") from None
            _check_blocks(path, values)
            merge(config, values)
            for block in ("models", "datasets"):
                if name in config.get(block, {}):
                    raise InputError(
                        f"--name {name}: this name is already used in {path} ({block}). Choose "
                        "another name."
                    )
        return config


def _check_profile() -> None:
    """Check that Snakemake would use the profile of the study, and no other one.

    A profile can contain code, which Snakemake runs even in a dry run. It prefers, for example,
    `profile.v9+.yaml`, and it may replace a setting by the path of a file of that name.
    """
    folder = PROFILE.parent
    others = [FIRST_PROFILE] if FIRST_PROFILE.exists() else []
    others += sorted(folder.iterdir()) if folder.is_dir() else []
    others = [path for path in others if path != PROFILE and not path.name.startswith(".")]
    if others:
        raise InputError(
            f"{others[0]}: Snakemake could use this instead of {PROFILE}, and a profile can run "
            "code. Move it elsewhere, or run the command in an empty folder."
        )


def _check_own_folders() -> None:
    """Check that nobody prepared folders that Snakemake uses, with modules or links."""
    if DEPLOYMENTS.exists():
        raise InputError(
            f"{DEPLOYMENTS}: Snakemake runs the Python modules in this folder. Move it elsewhere, "
            "or run the command in an empty folder."
        )
    results = Path("results")
    inside = sorted(results.iterdir()) if results.is_dir() else []
    for path in (*OWN_FOLDERS, *inside):
        if path.is_symlink():
            raise InputError(
                f"{path}: a symbolic link to {path.readlink()}, where the study would write. Move "
                "it elsewhere, or run the command in an empty folder."
            )


def merge(config: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Lay a configuration over another one, block by block, as Snakemake does.

    This is not `snakemake.utils.update_config`: the import of Snakemake makes Python search the
    working directory for modules.

    Args:
        config: The configuration, which is changed.
        changes: The other one.
    """
    for key, value in changes.items():
        if isinstance(value, Mapping):
            block = config.get(key)
            config[key] = block if isinstance(block, dict) else {}
            merge(config[key], value)
        else:
            config[key] = value


def _is_small_file(path: Path) -> bool:
    """Return whether a path is a file that can be a Snakefile or a configuration."""
    return path.is_file() and path.stat().st_size <= MAX_BYTES


def _check_blocks(path: Path, values: Any) -> None:
    """Check that a configuration has blocks, and is not much larger than its text says."""
    if not isinstance(values, dict):
        raise InputError(f"{path}: not a configuration; it must be a mapping")
    for block in ("models", "datasets"):
        if not isinstance(values.get(block, {}), dict):
            raise InputError(f"{path}: {block} must be a mapping from names to settings")
    if _count_values(values, {}) > MAX_VALUES:
        raise InputError(f"{path}: more than {MAX_VALUES:,} values, with all aliases written out")


def _count_values(value: Any, known: dict[int, int]) -> int:
    """Count values within a value. An alias of YAML is the same object in several places."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 1  # within itself
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count_values(part, known) for part in parts)
    return known[id(value)]


def choose_study_folder(name: str, output: Path | None) -> StudyFolder:
    """Choose the files of a study in the working directory.

    Args:
        name: Name of model and dataset.
        output: The configuration to write, or None for the default.
    """
    if _is_clone():
        path = output or Path("config") / f"{name}.yaml"
        base = "Overrides settings of config.yaml. All keys: docs/reference/configuration.md."
        return StudyFolder(path, _format_command(path), base, (CONFIG,))
    path = output or CONFIG
    snakefile = Path("Snakefile")
    # A folder can have several studies. Its Snakefile names the first one.
    first = _read_study_name(snakefile) or path
    is_first = path.absolute() == first.absolute()
    base = (
        "Overrides settings of Snugnet's default configuration. Paths are relative to this folder."
    )
    user_configs = () if is_first or not first.exists() else (first,)
    return StudyFolder(
        output=path,
        command=RUN if is_first else _format_command(path),
        base=base,
        configs=(installation.DEFAULT_CONFIG, *user_configs),
        texts={
            snakefile: _format_snakefile(first),
            PROFILE: installation.PROFILE.read_text(),
        },
    )


def _format_snakefile(study: Path) -> str:
    """Format the Snakefile of a folder whose study is in a configuration file."""
    quoted = json.dumps(str(study), ensure_ascii=False)
    return SNAKEFILE.replace(str(CONFIG), quoted[1:-1])


def _read_study_name(snakefile: Path) -> Path | None:
    """Read the configuration file that a Snakefile names.

    Args:
        snakefile: Path of the Snakefile.

    Returns:
        The configuration file; None if there is no Snakefile, or if `init` did not write it as it
        is.
    """
    if not _is_small_file(snakefile):
        return None
    try:
        text = snakefile.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    quoted = re.search(r'^configfile: (".*")$', text, re.MULTILINE)
    try:
        study = Path(json.loads(quoted[1])) if quoted else None
    except ValueError:
        return None
    return study if study and text == _format_snakefile(study) else None


def _is_clone() -> bool:
    """Check whether the working directory is the clone that this Snugnet is imported from.

    A stranger's folder can have the same workflow, and a Snakefile or a profile that runs code.
    """
    return installation.CLONE is not None and Path.cwd().samefile(installation.CLONE)


def _format_command(path: Path) -> str:
    """Format the command that runs a study with an additional configuration file."""
    name = f"./{path}" if str(path).startswith("-") else str(path)  # else it looks like an option
    return f"{RUN} --configfile {shlex.quote(name)}"


def has_content(path: Path, text: str) -> bool:
    """Check whether a path is a file with this text."""
    return _is_small_file(path) and path.read_bytes() == text.encode()
