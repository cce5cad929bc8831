"""Tests of Snakemake's records of how files were made."""

import inspect
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.api  # before workflow, which imports it in a circle
import snakemake.persistence.db
import snakemake.workflow
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord, PersistenceBase

from snugnet.jobs.run_records import NAMESPACE, DbRunRecords, FileRunRecords, install

URL = "sqlite:///records.db"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dag(main: bool = True, dryrun: bool = False) -> Any:
    workflow = SimpleNamespace(
        is_main_process=main,
        dryrun=dryrun,
        dag_settings=SimpleNamespace(max_checksum_file_size=100),
        execution_settings=SimpleNamespace(latency_wait=5),
    )
    return SimpleNamespace(workflow=workflow)


def records(url: str = URL, **options: bool) -> DbRunRecords:
    return records_of("there/data", url, **options)


def records_of(data: str, url: str = URL, **options: bool) -> DbRunRecords:
    return DbRunRecords(
        dag=dag(**options), db_url=url, folders={data: "<data>"}, results="results/tiny"
    )


class Job:
    """A job with the attributes that the records read."""

    def __init__(self, *outputs: str, inputs: tuple[str, ...] = ()) -> None:
        self.output = [IOFile(name) for name in outputs]
        self.input = [IOFile(name) for name in inputs]
        self.non_derived_params = [1]


def record(**values: Any) -> MetadataRecord:
    return MetadataRecord(record_format_version=RECORD_FORMAT_VERSION, **values)


def rows(table: str = "snakemake_metadata") -> set[tuple[Any, ...]]:
    columns = "target, rule" if table == "snakemake_metadata" else "file_path, lock_type"
    with sqlite3.connect("records.db") as connection:
        return set(connection.execute(f"SELECT namespace, {columns} FROM {table}"))


def insert(namespace: str, target: str, rule: str, starttime: float) -> None:
    with sqlite3.connect("records.db") as connection:
        connection.execute(
            "INSERT INTO snakemake_metadata (namespace, target, rule, starttime, "
            "record_format_version) VALUES (?, ?, ?, ?, 6)",
            (namespace, target, rule, starttime),
        )


def lock(namespace: str, path: str) -> None:
    with sqlite3.connect("records.db") as connection:
        connection.execute("INSERT INTO snakemake_locks VALUES (?, ?, 'output')", (namespace, path))


@pytest.fixture
def old() -> str:
    """A database as older versions wrote it: here, and before that in another folder."""
    here = str(Path(".snakemake").absolute())
    records()
    insert("/elsewhere/.snakemake", "kept", "elsewhere", 1)
    insert("/elsewhere/.snakemake", "made_here", "elsewhere", 1)
    insert(here, "made_here", "here", 2)
    insert(here, "made_elsewhere", "here", 2)
    insert("/elsewhere/.snakemake", "made_elsewhere", "elsewhere", 3)
    lock("/elsewhere/.snakemake", "theirs")
    lock(here, "ours")
    return here


def test_snakemake_has_method_when_run_records_replaces_it():
    """A new version of Snakemake may work in another way: then read run_records.py again."""
    assert "DbPersistence" in inspect.getsource(snakemake.workflow.Workflow._prepare_dag)
    assert "FilePersistence" in inspect.getsource(snakemake.workflow.Workflow._prepare_dag)
    assert issubclass(DbRunRecords, snakemake.persistence.db.DbPersistence)
    replaced = ("has_metadata", "has_outdated_metadata", "params_changed", "_input")
    for name in (*replaced, "_input_changed"):
        assert name in vars(PersistenceBase), name
    finished = inspect.getsource(PersistenceBase.finished)
    assert "record.input_checksums = checksums" in finished
    assert "self._write_record(key, record)" in finished
    setup = inspect.getsource(snakemake.persistence.db.DbPersistence.__init__)
    assert setup.index("self.namespace =") < setup.index("self._setup_database(db_url)")


def test_install_replaces_classes_when_snakemake_has_them(monkeypatch):
    monkeypatch.setattr(snakemake.workflow, "DbPersistence", None)
    monkeypatch.setattr(snakemake.workflow, "FilePersistence", None)
    install({"a": "<a>"}, "results")
    database = snakemake.workflow.DbPersistence(dag=dag(), db_url=URL)
    files = snakemake.workflow.FilePersistence(dag=dag())
    assert (type(database), type(files)) == (DbRunRecords, FileRunRecords)


def test_install_fails_when_snakemake_has_no_such_class(monkeypatch):
    monkeypatch.delattr(snakemake.workflow, "DbPersistence")
    with pytest.raises(WorkflowError, match=r"DbPersistence is missing.*requirements\.txt"):
        install({}, "results")


def test_records_are_equal_when_folder_is_moved(folder, monkeypatch):
    records()._write_record("a", record(rule="train"))
    moved = folder.with_name(f"{folder.name}_moved")
    folder.rename(moved)
    monkeypatch.chdir(moved)
    assert records().rule(IOFile("a")) == "train"


def test_records_have_folder_as_namespace_when_url_is_absolute(folder):
    url = f"sqlite:///{folder / 'records.db'}"
    records(url)._write_record("a", record(rule="train"))
    assert rows() == {(str(folder / ".snakemake"), "a", "train")}


def test_records_adopt_latest_rows_when_database_is_old(old):
    records()
    expected = [("kept", "elsewhere"), ("made_here", "here"), ("made_elsewhere", "elsewhere")]
    assert rows() == {(NAMESPACE, *row) for row in expected}
    assert rows("snakemake_locks") == {(NAMESPACE, "ours", "output")}


def test_dry_run_writes_nothing_when_database_is_old(old):
    before = Path("records.db").read_bytes()
    run_records = records(dryrun=True)
    names = ("kept", "made_here", "made_elsewhere")
    assert [run_records.rule(IOFile(name)) for name in names] == ["elsewhere", "here", "elsewhere"]
    assert list(run_records._read_locks()) == [("output", "ours")]
    run_records._write_record("a", record(rule="train"))
    assert run_records.rule(IOFile("a")) == "train"
    assert Path("records.db").read_bytes() == before


def test_dry_run_creates_no_database_when_none_exists(folder):
    assert records(dryrun=True).rule(IOFile("a")) is None
    assert not (folder / "records.db").exists()


def test_records_adopt_nothing_when_process_is_not_main(old):
    before = rows()
    records(main=False)
    assert rows() == before


def test_records_keep_new_row_when_old_row_is_adopted(old):
    insert(NAMESPACE, "made_here", "now", 9)
    records()
    assert (NAMESPACE, "made_here", "now") in rows()
    assert (NAMESPACE, "made_here", "here") not in rows()


@pytest.mark.parametrize("kind", ["none", "outdated"])
def test_params_changed_is_true_when_file_has_no_record(folder, kind):
    (folder / "made").touch()
    run_records = records()
    if kind == "outdated":
        run_records._write_record("made", MetadataRecord(record_format_version=3))
    changes = run_records.params_changed(Job("made", "absent"))
    assert changes
    assert str(changes) == "there is no record of how these files were made: made"
    assert run_records.has_metadata(Job("made"))
    assert not run_records.has_outdated_metadata(Job("made"))


@pytest.mark.parametrize(
    ("names", "warning"),
    [
        ([], None),
        (["a"], "1 file has no record in records.db of how it was made: its job runs again."),
        (
            ["a", "b"],
            "2 files have no record in records.db of how they were made: their jobs run again.",
        ),
    ],
)
def test_records_give_one_warning_when_records_are_missing(folder, names, warning):
    """Jobs that Snakemake does not check count too: they need outputs of the others."""
    run_records = records()
    jobs = [Job(name, f"missing_{name}") for name in names]
    run_records.dag.needrun_jobs = lambda: jobs
    assert run_records.take_warning() is None
    for name in names:
        (folder / name).touch()
    (folder / "left_out").touch()
    run_records.params_changed(Job("left_out"))
    assert run_records.take_warning() == warning
    assert run_records.take_warning() is None


def test_params_changed_is_false_when_file_is_missing():
    assert not records().params_changed(Job("absent"))


def test_params_changed_is_true_only_when_parameters_differ(folder):
    (folder / "made").touch()
    run_records = records()
    run_records._write_record("made", record(params=["1"]))
    assert not run_records.params_changed(Job("made"))
    run_records._write_record("made", record(params=["2"]))
    assert run_records.params_changed(Job("made")).only_old == {"2"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("there/data/a/b.npz", "<data>/a/b.npz"),
        ("there/database.npz", "there/database.npz"),
        ("results/there/data/a", "results/there/data/a"),
    ],
)
def test_inputs_have_placeholder_when_they_are_in_data_folder(path, name):
    run_records = records()
    job = Job("made", inputs=(path,))
    assert run_records._input(job) == [name]
    run_records._write_record("made", record(input_checksums={path: "sha256:1"}))
    assert run_records.metadata(IOFile("made")).input_checksums == {name: "sha256:1"}
    assert run_records.input_checksums(job, path) == {"sha256:1"}


@pytest.mark.parametrize(
    ("data", "path", "name"),
    [
        (".", "a/b.npz", "<data>/a/b.npz"),
        (".", "results/tiny/data/a.npz", "results/tiny/data/a.npz"),
        (".", "../a.npz", "../a.npz"),
        (".", "/a.npz", "/a.npz"),
        ("..", "../a.npz", "<data>/a.npz"),
        ("/", "/data/a.npz", "<data>/data/a.npz"),
        ("results", "results/a.npz", "<data>/a.npz"),
        ("results", "results/tiny/a.npz", "results/tiny/a.npz"),
    ],
)
def test_inputs_have_placeholder_when_folder_path_is_special(data, path, name):
    assert records_of(data)._input(Job("made", inputs=(path,))) == [name]


def is_changed(data: str, path: str) -> bool:
    return any(records_of(data).input_changed(Job("made", inputs=(path,))))


@pytest.fixture
def recorded_data(folder: Path) -> Path:
    """A file in `here`, and a record that `made` was made from it."""
    (folder / "made").touch()
    (folder / "here").mkdir()
    (folder / "here" / "a.npz").write_bytes(b"first")
    write_record("here", "here/a.npz")
    return folder / "here" / "a.npz"


def write_record(data: str, path: str) -> None:
    """Record, as Snakemake does, that `made` was made from a file."""
    run_records = records_of(data)
    job = Job("made", inputs=(path,))
    checksum = run_records._checksum(path)
    checksums = {path: checksum} if checksum else {}
    run_records._write_record(
        "made", record(input=run_records._input(job), input_checksums=checksums)
    )


@pytest.mark.parametrize(("content", "changed"), [(b"first", False), (b"other", True)])
@pytest.mark.parametrize("data", ["here", "there"])
def test_input_changed_compares_content_when_times_differ(recorded_data, data, content, changed):
    path = Path(data) / "a.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_000_000_000,) * 2)  # in 2001
    assert is_changed(data, str(path)) == changed


@pytest.mark.parametrize(("data", "changed"), [("here", False), ("there", True)])
def test_input_changed_is_true_when_large_data_have_moved(recorded_data, data, changed):
    """Files without a checksum: Snakemake compares the times of those in the same folder."""
    recorded_data.write_bytes(b"large" * 100)
    write_record("here", "here/a.npz")
    recorded_data.parent.rename(data)
    assert is_changed(data, f"{data}/a.npz") == changed


def test_records_fail_when_database_is_damaged():
    Path("records.db").write_bytes(b"no database" * 100)
    with pytest.raises(WorkflowError, match=r"records\.db: cannot use.*not a database.*delete it"):
        records()


def test_records_fail_when_database_is_not_writable(monkeypatch):
    records()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert records(dryrun=True).namespace == NAMESPACE
    with pytest.raises(WorkflowError, match=r"records\.db: not writable.*make it writable"):
        records()


def test_records_keep_namespace_when_database_is_in_memory():
    run_records = DbRunRecords(dag=dag(), db_url="sqlite:///:memory:", folders={}, results="r")
    assert run_records.namespace == str(Path(".snakemake").absolute())
