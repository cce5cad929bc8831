"""A finished study that was copied, moved or damaged: an edit plans what it plans in its place."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.conftest import TINY, Project
from tests.workflow.test_reruns import ALL, DRAWN, REPORT, cells, rerun

NOBODY = "65534"
EDIT = ("config/tiny.yaml", "ramp_epochs: 2", "ramp_epochs: 3")
EDITED = {
    "compress": 1,
    "train_quantized": 1,
    **cells(4, 2, qat=1, traced=2, debugged=1, networks=2, unasked=1),
    **REPORT,
}
MOUNT = 'mount --bind "$0" "$1" && cd "$1" && shift && exec "$@"'
NO_RECORD = "there is no record of how these files were made"


def copied(tiny: Project, folder: Path, options: str) -> Project:
    """Copy a project as people do, with `cp`."""
    subprocess.run(["cp", options, str(tiny.folder), str(folder)], check=True)
    return tiny.at(folder)


def check_edit(project: Project) -> None:
    """Check that after an edit only the jobs that it concerns are planned."""
    assert rerun(project, *EDIT) == EDITED


def check_in_place(project: Project) -> None:
    """Check that nothing is planned, and after an edit what the edit concerns."""
    assert project.plan() == {}
    check_edit(project)


def test_a_copy_plans_what_the_original_plans(tiny, tmp_path):
    check_edit(copied(tiny, tmp_path / "copy", "-a"))


def test_a_copy_with_new_times_plans_what_the_original_plans(tiny, tmp_path):
    """Times in any order: contents decide."""
    project = copied(tiny, tmp_path / "copy", "-r")
    files = sorted(path for path in project.folder.rglob("*") if path.is_file())
    random.Random(1).shuffle(files)
    for i, path in enumerate(files):
        os.utime(path, (1_700_000_000 + 10 * i,) * 2)
    check_in_place(project)


def test_a_moved_project_plans_what_it_planned_before(tiny, tmp_path):
    copied(tiny, tmp_path / "before", "-a")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "before").rename(tmp_path / "deep" / "er" / "after")
    check_in_place(tiny.at(tmp_path / "deep" / "er" / "after"))


def test_another_mount_point_plans_what_the_original_plans(tiny, tmp_path):
    unshare = next(
        (
            command
            for command in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user"))
            if shutil.which("unshare")
            and can_run(*command, "sh", "-c", MOUNT, "/tmp", "/mnt", "true")
        ),
        None,
    )
    if unshare is None:
        pytest.skip("mounting needs root or user namespaces")
    project = copied(tiny, tmp_path / "copy", "-a")
    (tmp_path / "mounted").mkdir()
    places = (str(project.folder), str(tmp_path / "mounted"))
    check_edit(project.at(project.folder, (*unshare, "sh", "-c", MOUNT, *places)))


@pytest.fixture
def theirs(tiny, tmp_path_factory) -> Project:
    """A copy that belongs to another user, and is run by that user."""
    if os.geteuid() != 0:
        pytest.skip("running as another user needs root")
    # Folders of pytest are the current user's alone.
    folder = Path(subprocess.check_output(["mktemp", "--directory"], text=True).strip())
    try:
        folder.chmod(0o755)
        project = copied(tiny, folder / "theirs", "-a")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(project.folder)], check=True)
        user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        prefix = (*user, "env", f"HOME={project.folder}")
        if not can_run(*prefix, sys.executable, "-c", "import snakemake"):
            pytest.skip("this Python cannot be run by another user")
        yield project.at(project.folder, prefix)
    finally:
        shutil.rmtree(folder)


def can_run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def test_another_user_plans_what_the_owner_plans(theirs):
    check_edit(theirs)
    records = theirs.folder / "results" / ".provenance.db"
    os.chown(records, 0, 0)
    records.chmod(0o644)
    assert theirs.plan() == {}  # a dry run only reads
    output = theirs.snakemake("--cores", "1", "all", *TINY, ok=False)
    assert "results/.provenance.db: not writable" in output


def test_a_copy_of_a_project_at_work_is_locked_until_unlocked(tiny, tmp_path):
    """Whether the run that holds the lock sees these files under another path is not known."""
    project = copied(tiny, tmp_path / "copy", "-a")
    with sqlite3.connect(project.folder / "results" / ".provenance.db") as records:
        lock = ("snugnet", "results/tiny/report/gate.passed", "output")
        records.execute("INSERT INTO snakemake_locks VALUES (?, ?, ?)", lock)
    output = project.snakemake("--cores", "1", "all", *TINY, ok=False)
    assert "--unlock" in output
    project.snakemake("--unlock", "--cores", "1", *TINY)
    assert project.plan() == {}


@contextmanager
def without(path: Path) -> Iterator[None]:
    """Take a file or a folder away for a while."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def test_without_records_everything_is_made_again_and_says_why(tiny):
    data = {"prepare_dataset": 4, "draw_calibration": 4, "bundle_vega": 1}
    models = {"train": 4, "compress": 3, "train_quantized": 2}
    records = tiny.folder / "results" / ".provenance.db"
    with without(records):
        try:
            assert tiny.plan() == {**data, **models, **ALL, **REPORT}
        finally:
            records.unlink(missing_ok=True)
    assert NO_RECORD in tiny.output


def test_without_one_record_that_file_is_made_again(tiny, tmp_path):
    project = copied(tiny, tmp_path / "copy", "-a")
    with sqlite3.connect(project.folder / "results" / ".provenance.db") as records:
        file = f"results/tiny/debug/{FILE}/mistakes.json"
        deleted = records.execute("DELETE FROM snakemake_metadata WHERE target = ?", (file,))
        assert deleted.rowcount == 1
    assert project.plan() == {"measure_mistakes": 1, **DRAWN, "gate": 1}
    assert f"{NO_RECORD}: {file}" in project.output
    # The way to say that the file is right as it is.
    project.snakemake("--touch", "--cores", "1", file, *TINY)
    assert project.plan() == {}


FILE = "digits_fc/sparse/fiq_int8"
TABLE = {"tabulate": 1, **DRAWN, "gate": 1}
SCORED = {"score_litert": 1, **REPORT}
# Its QAT is compared with it.
SCORED_TWICE = {"score_litert": 2, **REPORT}
CERTIFIED = {"verify": 1, **SCORED}
PREDICTED = {"predict_litert": 1, "verify": 1, "measure_mistakes": 1, **SCORED_TWICE}
CONVERTED = {"convert_tflite": 1, "verify_network": 1, "trace_layers": 1, **PREDICTED}


@pytest.mark.parametrize(
    ("deliverable", "expected"),
    [
        ("models/digits_fc/sparse/history.csv", EDITED),
        (f"tflite/{FILE}/contract.json", CONVERTED),
        (f"predictions/{FILE}/litert.npz", PREDICTED),
        (f"verify/{FILE}/certificate.json", CERTIFIED),
        (f"metrics/{FILE}/litert.json", SCORED),
        (f"debug/{FILE}/layers.csv", {"debug_layers": 1, **DRAWN, "gate": 1}),
        ("report/metrics.csv", TABLE),
        ("report/index.html", {"write_report": 1, "gate": 1}),
        ("report/figures", {"draw_figures": 1, "gate": 1}),
        ("report/gate.passed", {"gate": 1}),
        ("manifest.json", {"gate": 1}),
    ],
)
def test_a_deleted_deliverable_is_made_again_and_what_needs_it(tiny, deliverable, expected):
    with without(tiny.results / deliverable):
        assert tiny.plan() == expected


def test_data_that_are_prepared_first_make_nothing_else_again(tiny, tmp_path):
    """A fifth of 20 subjects and 21 % of them are the same subjects: docs/reliability.md."""
    project = copied(tiny, tmp_path / "copy", "-a")
    edit = ("config/tiny.yaml", "    subjects: 20\n", "    subjects: 20\n    test: 0.21\n")
    with project.edited(*edit):
        project.snakemake("--cores", "1", "data", *TINY)
        assert project.plan() == {**DRAWN, "gate": 1}


def test_data_in_another_folder_are_the_same_data(project):
    """New times, the same contents."""
    rng = np.random.default_rng(0)
    (project.folder / "here").mkdir()
    x = rng.normal(size=(60, 8, 2)).astype(np.float32)
    np.savez(project.folder / "here" / "own.npz", x=x, y=np.arange(60) % 3)
    study = project.folder / "own.yaml"
    study.write_text("datasets_dir: here\ndatasets: {own: {kind: windows, path: own.npz}}\n")
    target = ("results/data/own/calib.npz",)
    options = ("--configfile", "own.yaml")
    project.snakemake("--cores", "1", *target, *options)
    (project.folder / "here").rename(project.folder / "there")
    (project.folder / "there" / "own.npz").touch()
    with project.edited("own.yaml", "here", "there"):
        assert project.plan(*target, options=options) == {}
        with np.load(project.folder / "there" / "own.npz") as data:
            changed = {**data, "x": data["x"] + 1}
        np.savez(project.folder / "there" / "own.npz", **changed)
        jobs = {"prepare_dataset": 1, "draw_calibration": 1}
        assert project.plan(*target, options=options) == jobs
