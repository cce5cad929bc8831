"""Tests of the plan of a finished study that was copied, moved or damaged."""

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from snugnet.config.targets import REPORT_FILES
from tests.workflow.conftest import TINY, Project
from tests.workflow.test_reruns import ALL, DRAWN, REPORT, cells, rerun

NOBODY = "65534"
OLD = (1_000_000_000, 1_000_000_000)  # a modification time in 2001
EDIT = ("config/tiny.yaml", "ramp_epochs: 2", "ramp_epochs: 3")
EDITED = {
    "compress": 1,
    "train_quantized": 1,
    **cells(4, 2, qat=1, traced=2, debugged=1, networks=2, implicit=1),
    **REPORT,
}
MOUNT = 'mount --bind "$0" "$1" && cd "$1" && shift && exec "$@"'
NO_RECORD = "there is no record of how these files were made"
WARNING = r"{} no record in results/\.provenance\.db of how {} made: {} again\."


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


def test_plan_is_equal_when_project_is_copied(tiny, tmp_path):
    check_edit(copied(tiny, tmp_path / "copy", "-a"))


def test_plan_is_equal_when_copy_has_new_times(tiny, tmp_path):
    """Times in any order: contents decide."""
    project = copied(tiny, tmp_path / "copy", "-r")
    files = sorted(path for path in project.folder.rglob("*") if path.is_file())
    random.Random(1).shuffle(files)
    for i, path in enumerate(files):
        os.utime(path, (1_700_000_000 + 10 * i,) * 2)
    check_in_place(project)


def test_plan_is_equal_when_project_is_moved(tiny, tmp_path):
    copied(tiny, tmp_path / "before", "-a")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "before").rename(tmp_path / "deep" / "er" / "after")
    check_in_place(tiny.at(tmp_path / "deep" / "er" / "after"))


def test_plan_is_equal_when_project_is_mounted_elsewhere(tiny, tmp_path):
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
def other_users_project(tiny, tmp_path_factory) -> Project:
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


def test_plan_is_equal_when_another_user_runs_it(other_users_project):
    records = other_users_project.folder / "results" / ".provenance.db"
    os.chown(records, 0, 0)
    records.chmod(0o644)
    check_in_place(other_users_project)  # a dry run only reads
    output = other_users_project.snakemake("--cores", "1", "all", *TINY, ok=False)
    assert "results/.provenance.db: not writable" in output


def test_run_fails_until_unlocked_when_lock_was_copied(tiny, tmp_path):
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


def test_plan_has_all_jobs_when_records_are_missing(tiny):
    data = {"prepare_dataset": 4, "draw_calibration": 4, "bundle_vega": 1}
    models = {"train": 4, "compress": 3, "train_quantized": 2}
    records = tiny.folder / "results" / ".provenance.db"
    with without(records):
        try:
            assert tiny.plan() == {**data, **models, **ALL, **REPORT}
        finally:
            records.unlink(missing_ok=True)
    assert NO_RECORD in tiny.output
    assert re.search(WARNING.format(r"\d+ files have", "they were", "their jobs run"), tiny.output)


def test_plan_has_job_of_file_when_its_record_is_missing(tiny, tmp_path):
    project = copied(tiny, tmp_path / "copy", "-a")
    with sqlite3.connect(project.folder / "results" / ".provenance.db") as records:
        file = f"results/tiny/debug/{FILE}/mistakes.json"
        deleted = records.execute("DELETE FROM snakemake_metadata WHERE target = ?", (file,))
        assert deleted.rowcount == 1
    assert project.plan() == {"measure_mistakes": 1, **DRAWN, "gate": 1}
    assert f"{NO_RECORD}: {file}" in project.output
    warning = WARNING.format("1 file has", "it was", "its job runs")
    assert len(re.findall(warning, project.output)) == 1
    # This records that the file is right as it is.
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
        ("report/seeds.csv", TABLE),
        ("report/groups.csv", TABLE),
        ("report/index.html", {"write_report": 1, "gate": 1}),
        ("report/figures", {"draw_figures": 1, "gate": 1}),
        ("report/gate.passed", {"gate": 1}),
        ("manifest.json", {"gate": 1}),
    ],
)
def test_plan_has_affected_jobs_when_deliverable_is_deleted(tiny, deliverable, expected):
    with without(tiny.results / deliverable):
        assert tiny.plan() == expected


def test_all_requires_every_report_when_study_is_finished(tiny):
    paths = (tiny.results / "report").glob("[!.]*")
    required = {Path(path).name for path in REPORT_FILES if Path(path).parent.name == "report"}
    assert {path.name for path in paths} == required


@pytest.mark.parametrize(
    "pattern",
    [
        "models/*/*/quantized.h5",
        "verify/*/*/network.npz",
        "report/figures/*",
    ],
)
def test_plan_is_empty_when_intermediate_file_is_deleted(tiny, pattern):
    with without(min(tiny.results.glob(pattern))):
        assert tiny.plan() == {}


def test_records_are_ignored_when_trigger_is_mtime(tiny, tmp_path):
    project = copied(tiny, tmp_path / "copy", "-a")
    (project.folder / "results" / ".provenance.db").unlink()
    options = (*TINY, "--rerun-triggers", "mtime")
    with project.edited(*EDIT):
        assert project.plan(options=options) == {}
    assert "no record" not in project.output


def test_plan_is_empty_when_default_seed_is_written_out(tiny):
    block = "  - models: [digits_fc, smartwatch_lean]\n"
    assert rerun(tiny, "config/tiny.yaml", block, f"{block}    seeds: [1]\n") == {}


def test_plan_has_all_jobs_of_model_when_it_is_renamed(tiny):
    """Its files have new paths. Those of the dataset stay."""
    with tiny.edited("config.yaml", "ecg_binary", "ecg_renamed"):
        plan = rerun(tiny, "config/tiny.yaml", "ecg_binary", "ecg_renamed")
    assert "prepare_dataset" not in plan
    assert plan["train"] == 1
    assert plan["score_litert"] == 2


def test_plan_has_training_when_test_fraction_changes(tiny):
    old = "    subjects: 50\n"
    plan = rerun(tiny, "config/tiny.yaml", old, f"{old}    test: 0.21\n")
    assert (plan["prepare_dataset"], plan["train"]) == (1, 1)


def test_plan_has_only_report_when_data_are_prepared_first(tiny, tmp_path):
    """A fifth of 50 subjects and 21 % of them are the same subjects: docs/reference/reruns.md."""
    project = copied(tiny, tmp_path / "copy", "-a")
    edit = ("config/tiny.yaml", "    subjects: 50\n", "    subjects: 50\n    test: 0.21\n")
    with project.edited(*edit):
        project.snakemake("--cores", "1", "data", *TINY)
        assert project.plan() == {**DRAWN, "gate": 1}


def test_dry_run_only_reads_when_records_are_old(tiny, tmp_path):
    """Older versions filed records under the path of the project."""
    project = copied(tiny, tmp_path / "copy", "-a")
    file = project.folder / "results" / ".provenance.db"
    with sqlite3.connect(file) as records:
        records.execute("UPDATE snakemake_metadata SET namespace = '/elsewhere/.snakemake'")
    before = file.read_bytes()
    check_in_place(project)
    assert file.read_bytes() == before


OWN = ("--configfile", "own.yaml")
OWN_DATA = ("results/data/own/calib.npz",)
OWN_JOBS = {"prepare_dataset": 1, "draw_calibration": 1}


@pytest.fixture
def data_project(project) -> Project:
    """A project with a dataset of its own, in the folder `here`, which has been prepared."""
    (project.folder / "here").mkdir()
    x = np.random.default_rng(0).normal(size=(60, 8, 2)).astype(np.float32)
    np.savez(project.folder / "here" / "own.npz", x=x, y=np.arange(60) % 3)
    study = project.folder / "own.yaml"
    study.write_text("datasets_dir: here\ndatasets: {own: {kind: windows, path: own.npz}}\n")
    project.snakemake("--cores", "1", *OWN_DATA, *OWN)
    assert project.plan(*OWN_DATA, options=OWN) == {}
    return project


def test_plan_is_empty_when_data_moved_and_content_is_equal(data_project):
    """Whether they are newer or older than what was made of them."""
    (data_project.folder / "here").rename(data_project.folder / "there")
    file = data_project.folder / "there" / "own.npz"
    with np.load(file) as data:
        contents = dict(data)
    with data_project.edited("own.yaml", "here", "there"):
        for time in (None, OLD):
            os.utime(file, time)
            assert data_project.plan(*OWN_DATA, options=OWN) == {}
        np.savez(file, **{**contents, "x": contents["x"] + 1})
        for time in (None, OLD):
            os.utime(file, time)
            assert data_project.plan(*OWN_DATA, options=OWN) == OWN_JOBS


def test_plan_is_empty_when_data_moved_to_project_folder(data_project):
    shutil.move(data_project.folder / "here" / "own.npz", data_project.folder)
    with data_project.edited("own.yaml", "datasets_dir: here", "datasets_dir: ."):
        assert data_project.plan(*OWN_DATA, options=OWN) == {}


def test_plan_has_report_when_older_template_has_other_content(tiny):
    """As in a copy of the project with an earlier version of them."""
    template = tiny.folder / "workflow" / "report" / "style.css"
    before, status = template.read_text(), template.stat()
    try:
        template.write_text(before + "\n")
        os.utime(template, OLD)
        assert tiny.plan() == {"write_report": 1, "gate": 1}
    finally:
        template.write_text(before)
        os.utime(template, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_run_warns_once_when_records_are_missing(data_project):
    """The short output of a run has this warning too, without the reasons of jobs."""
    (data_project.folder / "results" / ".provenance.db").unlink()
    data_project.snakemake("--cores", "1", *OWN_DATA, *OWN)
    warning = WARNING.format("5 files have", "they were", "their jobs run")
    assert len(re.findall(warning, data_project.output)) == 1
    assert "Params have changed" not in data_project.output
