"""Tests of every command of README.md and of the page about installation."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from snakemake.utils import update_config

from snugnet.config.study import Study
from tests.paths import ROOT
from tests.workflow.test_tutorials import SET_UP, save_model, shell

README = (ROOT / "README.md").read_text()
INSTALL = (ROOT / "docs/howto/install.md").read_text()
SINGLE_FILES = (ROOT / "docs/howto/single_files.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README + INSTALL, re.DOTALL | re.MULTILINE)
MAKE_FILES = ("Makefile", "pyproject.toml", "setup.py", "requirements.txt", "requirements-dev.txt")


def lines(block: str) -> list[str]:
    """Return the commands of a block without their comments."""
    commands = (re.sub(r"(^| )#.*", "", line).strip() for line in block.splitlines())
    return [command for command in commands if command]


COMMANDS = list(dict.fromkeys(line for _, block in BLOCKS for line in lines(block)))
EXTRAS = re.findall(r"^\|.*`('\.\[[^`]*)`", SINGLE_FILES, re.MULTILINE)
INSTALLS = [f"pip install {source}" for source in EXTRAS]
NEW_ENVIRONMENT = "python3 -m venv env && . env/bin/activate"
OWN_INSTALL = "pip install '/path/to/snugnet[all]'"


def block_with(command: str) -> list[str]:
    """Return the commands of the block that contains a command."""
    (block,) = (lines(block) for _, block in BLOCKS if command in lines(block))
    return block


def run_ok(*command: str, folder: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def check_make(command: str, _) -> None:
    """A target of the Makefile. A slow test executes `make demo`; `all` of `run` is planned."""
    target = command.removeprefix("make ")
    assert "snakemake --cores" in run_ok("make", "--dry-run", target)


def check_install(command: str, _) -> None:
    """A clone, or this one, with extras that the package has. `make test-install` installs them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    source, extras = re.fullmatch(r"pip install '([\w./]+)\[([a-z,]+)\]'", command).groups()
    assert source in (".", f"/path/to/{project['name']}")
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def check_activate(command: str, _) -> None:
    """The script of the environment that runs the tests, with the programs that the README uses."""
    script = command.removeprefix(". .venv/bin/")
    program = f". {Path(sys.prefix) / 'bin' / script} && command -v snakemake snugnet"
    assert len(run_ok("bash", "-c", program).splitlines()) == 2


def check_new_environment(command: str, study) -> None:
    """The commands make and activate an environment that has pip."""
    shell(study, f'{command} && [ "$(command -v pip)" = "$PWD/env/bin/pip" ]')


def check_snakemake(command: str, study) -> None:
    """A dry run plans jobs."""
    assert "total" in study.snakemake("--dry-run", *shlex.split(command)[1:])


def check_snugnet(command: str, _) -> None:
    """The command line parses. The commands are executed by slow tests."""
    import typer.main

    from snugnet.cli.app import app

    parsed, (name, *arguments) = typer.main.get_command(app), shlex.split(command)
    while hasattr(parsed, "commands"):
        name, *arguments = arguments
        parsed = parsed.commands[name]
    parsed.make_context(name, arguments)


CHECKS: dict[str, Callable[[str, object], None]] = {
    "make ": check_make,
    "pip install ": check_install,
    ". .venv/bin/": check_activate,
    "python3 -m venv ": check_new_environment,
    "snakemake ": check_snakemake,
    "snugnet ": check_snugnet,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A project with the studies that `snugnet init` writes for `windows.npz` and `other.npz`."""
    from tests.workflow.conftest import Project

    project = Project(tmp_path_factory.mktemp("readme"))
    save_windows(project.folder)
    shutil.copy(project.folder / "windows.npz", project.folder / "other.npz")
    shell(project, "snugnet init --data windows.npz --output config/windows.yaml")
    shell(project, "snugnet init --data other.npz --output other.yaml")
    return project


def save_windows(folder: Path) -> None:
    """Write `windows.npz`: five classes that are easy to distinguish."""
    y = np.arange(200) % 5
    noise = np.random.default_rng(0).normal(size=(200, 32, 32, 1))
    np.savez(folder / "windows.npz", x=(noise + y[:, None, None, None]).astype("f4"), y=y)


def test_single_files_page_has_five_installs_when_table_is_read():
    assert len(INSTALLS) == 5


def test_block_creates_environment_when_it_installs_the_package():
    """Outside of one, Debian rejects them; in `.venv`, they replace what `make` installed."""
    blocks = [commands for _, block in BLOCKS if OWN_INSTALL in (commands := lines(block))]
    assert len(blocks) == 2
    assert all(commands[:2] == [NEW_ENVIRONMENT, OWN_INSTALL] for commands in blocks)


def test_readme_has_at_most_150_lines_when_blocks_are_commands():
    assert len(README.splitlines()) <= 150
    assert {language for language, _ in BLOCKS} == {"sh"}
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("command", list(dict.fromkeys([*COMMANDS, *INSTALLS])))
def test_readme_command_is_valid_when_its_program_checks_it(command, study):
    (check,) = (check for start, check in CHECKS.items() if command.startswith(start))
    check(command, study)


@pytest.mark.parametrize(("target", "overlay"), [("demo", "config/tiny.yaml"), ("run", None)])
def test_readme_states_size_of_study_when_make_target_runs_it(target, overlay):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    if overlay is not None:
        update_config(config, yaml.safe_load((ROOT / overlay).read_text()))
    cells = Study(config).cells
    size = f"{len({cell.model for cell in cells})} models, {len(cells)} results"
    assert re.search(rf"^make {target} .*: {size}\b", README, re.MULTILINE)


def test_readme_link_leads_to_file_when_it_is_relative():
    paths = [path for path in re.findall(r"\]\(([^)]+)\)", README) if "://" not in path]
    assert len(paths) > 20
    for path, _, section in (link.partition("#") for link in paths):
        assert (ROOT / path).is_file(), path
        if section:
            headings = re.findall(r"^#+ (.*)", (ROOT / path).read_text(), re.MULTILINE)
            assert section in [heading.lower().replace(" ", "-") for heading in headings], path


def test_readme_picture_exists_when_there_is_exactly_one():
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).stat().st_size > 10_000


@pytest.mark.slow
def test_readme_make_demo_prints_summary_when_venv_exists(project):
    """With an environment that is there already; `make test-install` makes fresh ones."""
    for name in filter(lambda name: (ROOT / name).exists(), MAKE_FILES):
        shutil.copy(ROOT / name, project.folder)
    environment = project.folder / ".venv"
    (environment / "bin").mkdir(parents=True)
    for program in (Path(sys.prefix) / "bin").iterdir():
        if program.name != "pip":  # it would show that the environment was made elsewhere
            (environment / "bin" / program.name).symlink_to(program)
    # Newer than the locks, so that make installs nothing.
    (environment / ".ready").touch()
    status, output = project.run("make", "demo")
    assert status == 0, output[-5000:]
    assert (project.folder / "results/tiny/report/index.html").is_file()
    assert "All checks passed (24 cells)" in output
    assert "Recommended models" in output


@pytest.mark.slow
def test_readme_study_runs_when_data_and_model_are_own(project):
    save_windows(project.folder)
    save_model(project, filters=[8, 16, 16, 16], shape=(32, 32, 1))
    for command in block_with("snugnet init --data windows.npz --model mine.keras"):
        if not command.startswith(SET_UP):
            shell(project, command)
    check_results(project.folder)


@pytest.mark.slow
def test_readme_study_runs_when_folder_is_empty(tmp_path):
    """The package comes from a wheel, its requirements from the environment of the tests."""
    from tests.environments import copy_source

    folder, site = tmp_path / "empty", tmp_path / "site"
    folder.mkdir()
    save_windows(folder)
    pip = (sys.executable, "-m", "pip", "--quiet")
    source = copy_source(tmp_path)
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--target", str(site))
    environment, install, *commands = block_with("snugnet init --data windows.npz")
    assert (environment, install) == (NEW_ENVIRONMENT, OWN_INSTALL)
    run_ok(*pip, "install", *options, str(source))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in commands:
        run_ok("bash", "-c", command, folder=folder, PATH=path, PYTHONPATH=str(site))
    check_results(folder)


def check_results(folder: Path) -> None:
    table = pd.read_csv(folder / "results/windows/report/metrics.csv")
    assert set(table["status"]) == {"ok"}
    assert (folder / "results/windows/report/index.html").stat().st_size > 100_000
