"""Make Snakemake's records of output files independent of the location of the project.

Snakemake keeps a record for each output file: rule, inputs, parameters and checksums. In a copied
or moved project, a run may ignore an edit or repeat work, for these reasons:

- The database stores the records under the absolute path of the project. A copy has no records.
- A file without a record counts as up to date, even if its settings have changed.
- The paths of inputs are recorded, so data in another folder count as other data. Only the contents
  of newer inputs are compared, so other data with older times count as the same data.
- A dry run writes to the database.

The classes here change these points and nothing else. Snakemake has no option for them. `install`
therefore replaces Snakemake's classes in the module in which Snakemake looks them up after it has
read the Snakefile.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any

import snakemake.api  # must come before `workflow`: circular import
import snakemake.workflow
from snakemake.exceptions import WorkflowError
from snakemake.persistence import (
    RECORD_FORMAT_VERSION,
    MetadataRecord,
    ParamsChange,
    PersistenceBase,
)
from snakemake.persistence.db import DbPersistence
from snakemake.persistence.file import FilePersistence
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

# All records of a project are stored under this name, wherever the project is.
NAMESPACE = "snugnet"

# Older versions stored records under absolute paths. The latest record of each file is kept.
_ADOPT_RECORDS = (
    """
    DELETE FROM snakemake_metadata WHERE EXISTS (
        SELECT 1 FROM snakemake_metadata AS other
        WHERE other.target = snakemake_metadata.target
        AND other.namespace != snakemake_metadata.namespace
        AND COALESCE(other.starttime, 0) > COALESCE(snakemake_metadata.starttime, 0)
    )
    """,
    "UPDATE OR IGNORE snakemake_metadata SET namespace = :name WHERE namespace != :name",
    "DELETE FROM snakemake_metadata WHERE namespace != :name",
)
# A lock of this folder may belong to an active run. Locks of other folders were copied.
_ADOPT_LOCKS = (
    "UPDATE OR IGNORE snakemake_locks SET namespace = :name WHERE namespace = :here",
    "DELETE FROM snakemake_locks WHERE namespace != :name",
)


def install(folders: Mapping[str, str], results: str) -> None:
    """Make Snakemake use the classes below, from now on and in this process.

    Args:
        folders: Names of the folders that may be anywhere, by their path in input files. Records
            contain the name instead of the path.
        results: The folder of the results. Its files keep their paths, also below `folders`.

    Raises:
        WorkflowError: If this version of Snakemake does not have the expected classes.
    """
    classes = {"DbPersistence": DbRunRecords, "FilePersistence": FileRunRecords}
    for name, records in classes.items():
        if not hasattr(snakemake.workflow, name):
            raise WorkflowError(
                f"Snakemake {snakemake.__version__}: snakemake.workflow.{name} is missing, so the "
                "records of this project cannot be kept; install the version in requirements.txt"
            )
        setattr(snakemake.workflow, name, partial(records, folders=folders, results=results))


class NoRecord(ParamsChange):
    """The reason to run a job whose output files exist without a record."""

    def __bool__(self) -> bool:
        return bool(self.files)

    def __str__(self) -> str:
        return f"there is no record of how these files were made: {', '.join(sorted(self.files))}"


class RunRecords(PersistenceBase):
    """Common base of the records in files and in a database.

    Attributes:
        location: Path of the records, for messages.
    """

    location = ".snakemake/metadata"

    def __init__(self, *args: Any, folders: Mapping[str, str], results: str, **kwargs: Any) -> None:
        self._folders = {name: path for path, name in folders.items()}
        self._results = f"{results}/"
        self._has_missing_records = False
        self._sha256 = cache(_sha256)
        super().__init__(*args, **kwargs)

    def take_warning(self) -> str | None:
        """Describe once how many files have no record, if that is a reason to run jobs."""
        if not self._has_missing_records:
            return None
        self._has_missing_records = False
        # Snakemake does not check the jobs that need the outputs of such jobs, so all are counted
        # here.
        files = {
            path for job in self.dag.needrun_jobs() for path in self._find_unrecorded(job.output)
        }
        if not files:  # such jobs are left out, for example by `--until`
            return None
        if len(files) == 1:
            return (
                f"1 file has no record in {self.location} of how it was made: its job runs again."
            )
        return (
            f"{len(files)} files have no record in {self.location} of how they were made: "
            "their jobs run again."
        )

    def has_metadata(self, job: Any) -> bool:
        """Return True, so that Snakemake calls `params_changed`, which reports missing records."""
        return True

    def has_outdated_metadata(self, job: Any) -> bool:
        """Return False, because `params_changed` treats an outdated record as a missing one."""
        return False

    def params_changed(self, job: Any, file: Any = None) -> bool | ParamsChange:
        """Compare parameters with the recorded ones; an existing file without a record counts."""
        files = job.output if file is None else [file]
        if unrecorded := self._find_unrecorded(files):
            self._has_missing_records = True
            return NoRecord(files=unrecorded)
        return super().params_changed(job, file)

    def _find_unrecorded(self, files: Iterable[Any]) -> set[str]:
        """Find the files that exist without a record."""
        return {path for path in files if os.path.lexists(path) and self._lacks_record(path)}

    def _lacks_record(self, path: Any) -> bool:
        version = self.record_format_version(path)
        return version is None or version < RECORD_FORMAT_VERSION

    def _input(self, job: Any) -> list[str]:
        return sorted(map(self._portable, super()._input(job)))

    def input_checksums(self, job: Any, input_path: Any) -> set[Any]:
        """Look up the checksums of an input as they were when the outputs were made."""
        return super().input_checksums(job, self._portable(input_path))

    def _input_changed(self, job: Any, file: Any = None) -> bool:
        """Compare the inputs with the recorded ones; below the named folders, also their contents.

        Modification times are not sufficient there: other data may be older than the outputs.
        """
        if super()._input_changed(job, file):
            return True
        record = self.metadata(file)
        return record is not None and any(
            self._content_changed(path, name, record)
            for path in map(str, job.input)
            if (name := self._folder_of(path))
        )

    def _content_changed(self, path: str, folder: str, record: MetadataRecord) -> bool:
        """Compare a file with its recorded checksum.

        A file without a checksum, such as a large file, counts as changed if its folder is another
        one.
        """
        checksums = record.input_checksums or {}
        recorded = checksums.get(self._portable(path))
        current = self._checksum(path)
        if recorded is None or current is None:
            return bool(checksums.get(folder) != self._folders[folder])
        return bool(recorded != current)

    def _checksum(self, path: str) -> str | None:
        """Compute the checksum of a file; None if the file is too large."""
        try:
            status = Path(path).stat()
            small = status.st_size <= self.max_checksum_file_size
            return self._sha256(path, status.st_mtime_ns) if small else None
        except OSError:  # a folder or an unreadable file: the job reports it
            return None

    def _write_record(self, key: str, record: MetadataRecord) -> None:
        checksums = record.input_checksums or {}
        record.input_checksums = {self._portable(path): sum for path, sum in checksums.items()}
        for name, folder in self._folders.items():
            if any(path.startswith(f"{name}/") for path in record.input or []):
                record.input_checksums[name] = folder
        super()._write_record(key, record)

    def _portable(self, path: Any) -> str:
        """Return the path of an input file with the name of its folder instead of its location."""
        name = self._folder_of(path)
        return f"{name}/{os.path.relpath(path, self._folders[name])}" if name else str(path)

    def _folder_of(self, path: str) -> str | None:
        """Return the name of the folder that contains an input file; None if there is none."""
        if path.startswith(self._results):
            return None
        return next((name for name, dir in self._folders.items() if _is_below(path, dir)), None)


def _is_below(path: str, folder: str) -> bool:
    """Check whether a path is below a folder; `.` is the working directory."""
    if folder == ".":
        return not path.startswith(("/", "../"))
    return path.startswith(f"{folder.rstrip('/')}/")


def _sha256(path: str, _time: int) -> str:
    """Compute a checksum in the format of Snakemake's records."""
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class FileRunRecords(RunRecords, FilePersistence):
    """Records in files, for a run without this project's profile."""


class DbRunRecords(RunRecords, DbPersistence):
    """Records in a database of this project."""

    def _setup_database(self, db_url: str | None) -> None:
        url = make_url(db_url or f"sqlite:///{self.path / 'metadata.db'}")
        file = _project_file(url)
        self.location = str(file or url.database or url)
        try:
            if file and self.dag.workflow.dryrun:
                self.engine = _copy_in_memory(file)
            else:
                if file:
                    _refuse_read_only(file)
                # First under the path of this folder: Snakemake uses it to remember the kind of
                # file system.
                super()._setup_database(db_url)
            if file:
                self.namespace = NAMESPACE
                if self.dag.workflow.is_main_process:
                    with self.engine.begin() as connection:
                        _adopt_records(connection, str(self.path.absolute()))
        except (sqlite3.Error, SQLAlchemyError) as error:
            cause = getattr(error, "orig", None) or error
            raise WorkflowError(
                f"{url.database or url}: cannot use the records of how files were made ({cause}); "
                "make the file and its folder writable, or, if the file is damaged, delete it: "
                "then all jobs run again"
            ) from None


def _refuse_read_only(file: Path) -> None:
    """Check that a database can be written, before any job runs.

    Raises:
        WorkflowError: If the file is read-only.
    """
    if file.exists() and not os.access(file, os.W_OK):
        raise WorkflowError(
            f"{file}: not writable, so a run could not record how files were made; "
            "make it writable for this user"
        )


def _copy_in_memory(file: Path) -> Engine:
    """Copy a database for a dry run, so that the dry run does not change the file."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    if file.exists():
        with closing(sqlite3.connect(file)) as source, closing(engine.raw_connection()) as target:
            source.backup(target.driver_connection)  # type: ignore[arg-type]
    SQLModel.metadata.create_all(engine)
    return engine


def _project_file(url: URL) -> Path | None:
    """Return the file of a database of this project; None for other databases.

    A database belongs to this project if its path is relative to the working directory. Other
    databases may contain records of several projects, so those stay under their paths.
    """
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    file = Path(str(url.database))
    return None if file.is_absolute() else file


def _adopt_records(connection: Connection, here: str) -> None:
    """Store the records and locks of older versions under the name `NAMESPACE`.

    Args:
        connection: Connection to the database.
        here: The name that older versions used in this folder.
    """
    names = {"name": NAMESPACE, "here": here}
    for table, statements in (
        ("snakemake_metadata", _ADOPT_RECORDS),
        ("snakemake_locks", _ADOPT_LOCKS),
    ):
        query = text(f"SELECT 1 FROM {table} WHERE namespace != :name LIMIT 1")
        if connection.execute(query, names).first():
            _execute(connection, statements, names)


def _execute(connection: Connection, statements: Iterable[str], names: Mapping[str, str]) -> None:
    for statement in statements:
        connection.execute(text(statement), dict(names))
