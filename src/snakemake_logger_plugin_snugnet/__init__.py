"""Snakemake logger plugin `snugnet`: one line per job on the screen.

Snakemake finds logger plugins by the name of their top-level package, hence this one beside
`snugnet`. Snakemake's own log file is not affected: it keeps inputs, outputs and reasons of every
job. Dry runs and `--verbose` print Snakemake's own, long form.
"""

import logging
import sys
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFormatter, get_event
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# Number of lines of a failed job's log that are printed.
LOG_LINES = 30
# Characters in a line of the list of rules.
WIDTH = 100
# Events that are not printed: the lines of jobs or the log file have the same information.
HIDDEN_EVENTS = (
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_INFO,
    LogEvent.GROUP_INFO,
    LogEvent.PROGRESS,
)
# Beginnings of messages about how Snakemake works. Messages that are not listed are printed.
HIDDEN_MESSAGES = (
    "Using shell: ",
    "Select jobs to execute",
    "Execute ",
    "Group jobs: inactive",
    "Singularity containers: ignored",
    "Conda environments: ignored",
    "Provided remote nodes: ",
    "Assuming unrestricted shared filesystem usage",
    "Removing output files of failed job ",
    "Touching output file ",
)

# Beginning of the message about Ctrl-C; the last message of a failed run; and the message that
# replaces it after Ctrl-C.
INTERRUPTED = "Terminating processes on user request"
FAILED = "At least one job did not complete successfully."
STOPPED = "Stopped. Finished jobs are kept; run the same command to continue."


class JobLines(DefaultFormatter):
    """Format a finished job as one line, and a failed job with the end of its log."""

    def __init__(self, show_failed_logs: bool) -> None:
        super().__init__(show_failed_logs=show_failed_logs)
        self._total = 0
        self._finished = 0
        self._interrupted = False
        self._names: dict[int, str] = {}
        self._submitted: dict[int, float] = {}

    def is_hidden(self, record: logging.LogRecord) -> bool:
        """Check whether a message is not printed, and store the name of the job it is about."""
        event = get_event(record)
        if event == LogEvent.JOB_INFO:
            fields: Any = record
            self._names[fields.jobid] = format_job_name(fields.rule_name, fields.wildcards)
            self._submitted[fields.jobid] = record.created
        if event == LogEvent.JOB_FINISHED:
            # With `--quiet rules`, Snakemake does not report the names of jobs.
            return getattr(record, "job_id", None) not in self._names
        if event is not None:
            return event in HIDDEN_EVENTS
        return record.levelno < logging.WARNING and str(record.msg).startswith(HIDDEN_MESSAGES)

    def format(self, record: logging.LogRecord) -> str:
        """Format a message; replace the last one of an interrupted run."""
        if str(record.msg).startswith(INTERRUPTED):
            self._interrupted = True
        if self._interrupted and FAILED in str(record.msg):
            return STOPPED
        return super().format(record)

    def format_run_info(self, msg: dict[str, Any]) -> str:
        """Format the number of jobs that will run, in total and of each rule."""
        counts = dict(msg["stats"])
        self._total = counts.pop("total")
        rules = ", ".join(f"{count} {rule}" for rule, count in counts.items())
        return textwrap.fill(f"Jobs to run: {self._total} ({rules})", WIDTH, subsequent_indent="  ")

    def format_job_finished(self, msg: dict[str, Any]) -> str:
        """Format a finished job: time of day, number, name and duration."""
        self._finished += 1
        job = msg["job_id"]
        seconds = msg["created"] - self._submitted.get(job, msg["created"])
        number = f"{self._finished:{len(str(self._total))}d}/{self._total}"
        clock = time.strftime("%H:%M:%S", time.localtime(msg["created"]))
        return f"{clock} [{number}] {self._names.get(job, job)} ({seconds:.1f} s)"

    def format_job_error(self, msg: dict[str, Any]) -> str:
        """Format a failed job: name, log file and the end of the log."""
        name = self._names.get(msg["jobid"], msg["rule_name"])
        lines = [f"Error in job {name}", *self._format_logs(msg["log"])]
        return "\n".join(lines)

    def format_group_error(self, msg: dict[str, Any]) -> str:
        """Format a failed group of jobs: the logs of the group and of its jobs."""
        lines = ["Error in a group of jobs", *self._format_logs(msg["aux_logs"])]
        for job in msg["job_error_info"]:
            name = self._names.get(job["jobid"], job["rule_name"])
            lines += [f"  job {name}", *self._format_logs(job["log"])]
        return "\n".join(lines)

    def _format_logs(self, paths: Iterable[str]) -> list[str]:
        """List log files, each with its last lines if `show_failed_logs` is set."""
        lines = []
        for path in paths:
            lines.append(f"  log: {path}")
            if self.show_failed_logs:
                lines += [f"    {line}" for line in read_last_lines(path)]
        return lines


def format_job_name(rule: str, wildcards: dict[str, str] | None) -> str:
    """Format the name of a job: its rule, then its wildcards separated by slashes."""
    return f"{rule} {'/'.join((wildcards or {}).values())}".rstrip()


def read_last_lines(path: str) -> list[str]:
    """Read the last `LOG_LINES` lines of a log, after a line with the number of earlier lines."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    left_out = len(lines) - LOG_LINES
    return [f"… {left_out} earlier lines", *lines[left_out:]] if left_out > 0 else lines


class LogHandler(LogHandlerBase):
    """Write Snakemake's messages to the screen, one line per job."""

    def __post_init__(self) -> None:
        """Choose the formatter: `JobLines` for runs, Snakemake's for dry runs and `--verbose`."""
        common = self.common_settings
        self._lines: JobLines | None = None
        formatter = DefaultFormatter(common.quiet, common.show_failed_logs)
        if not (common.dryrun or common.verbose or common.debug_dag):
            formatter = self._lines = JobLines(common.show_failed_logs)
        stream = sys.stdout if common.stdout else sys.stderr
        self._screen = ColorizingTextHandler(common.nocolor, stream, formatter)
        if self._lines is not None:
            self._screen.yellow_info_events = []  # green, except warnings and errors

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message unless `JobLines` hides it."""
        if self._lines is None or not self._lines.is_hidden(record):
            self._screen.emit(record)

    @property
    def writes_to_stream(self) -> bool:
        """This plugin replaces Snakemake's own output to the screen."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's own log file stays as it is."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's filter applies, so that `--quiet` works."""
        return False

    @property
    def has_formatter(self) -> bool:
        """The formatter is chosen in `__post_init__`."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No graph is drawn."""
        return False
