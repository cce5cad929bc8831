"""Tests of the logger plugin of Snakemake."""

import io
import logging
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from snakemake_interface_logger_plugins.tests import MockOutputSettings, TestLogHandlerBase

from snakemake_logger_plugin_snugnet import LOG_LINES, LogHandler


class TestInterface(TestLogHandlerBase):
    """Snakemake's own tests of a logger plugin."""

    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> LogHandlerSettingsBase:
        return LogHandlerSettingsBase()


class Screen:
    """A handler whose output is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: bool) -> None:
        self.stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", self.stream)
        monkeypatch.setattr("sys.stdout", self.stream)
        common = MockOutputSettings()
        for name, value in settings.items():
            setattr(common, name, value)
        self.handler = LogHandler(common, None)

    def log(
        self, event: LogEvent | None, message: str = "", level: int = logging.INFO, **extra: Any
    ) -> None:
        fields = {"msg": message, "event": event, "levelno": level, **extra}
        fields["levelname"] = logging.getLevelName(level)
        self.handler.emit(logging.makeLogRecord(fields))

    def submit(self, job: int, rule: str, created: float = 0.0, **wildcards: str) -> None:
        names = {"jobid": job, "rule_name": rule, "wildcards": wildcards, "created": created}
        files: dict[str, Any] = {"input": ["in.npz"], "output": ["out.h5"], "log": ["out.log"]}
        rest = {"rule_msg": None, "is_checkpoint": False, "local": False, "benchmark": None}
        rest |= {"reason": "Missing output files", "resources": {}, "priority": 0, "threads": 1}
        self.log(LogEvent.JOB_INFO, **names, **files, **rest)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def screen(monkeypatch) -> Screen:
    return Screen(monkeypatch)


def test_logger_plugin_is_registered_when_package_is_installed():
    assert LoggerPluginRegistry().is_installed("snugnet")


def test_logger_prints_one_line_when_job_is_finished(screen):
    screen.log(LogEvent.RUN_INFO, "Job stats:", stats={"train": 11, "all": 1, "total": 12})
    screen.submit(7, "train", created=100.0, model="m", variant="original")
    screen.log(LogEvent.JOB_STARTED, jobs=[7])
    screen.log(LogEvent.JOB_FINISHED, "Finished jobid: 7", job_id=7, created=103.25)
    screen.log(LogEvent.PROGRESS, done=1, total=12)
    assert screen.lines[0] == "Jobs to run: 12 (11 train, 1 all)"
    assert screen.lines[1].endswith(" [ 1/12] train m/original (3.2 s)")
    assert len(screen.lines) == 2


@pytest.mark.parametrize("message", ["Using shell: /usr/bin/bash", "Execute 2 jobs..."])
def test_logger_omits_message_when_it_is_about_snakemake(screen, message):
    screen.log(None, message)
    assert screen.lines == []


def test_logger_prints_message_when_it_is_not_about_snakemake(screen):
    screen.log(None, "All checks passed (24 cells)")
    screen.log(None, "Execute with care", logging.WARNING)
    screen.log(LogEvent.ERROR, "WorkflowError: broken", logging.ERROR)
    assert screen.lines == [
        "All checks passed (24 cells)",
        "Execute with care",
        "WorkflowError: broken",
    ]


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_logger_prints_how_to_continue_when_run_is_interrupted(screen, is_interrupted):
    """The messages are those of Snakemake."""
    if is_interrupted:
        screen.log(None, "Terminating processes on user request, this might take some time.")
    message = "WorkflowError:\nAt least one job did not complete successfully."
    screen.log(LogEvent.ERROR, message, logging.ERROR)
    stopped = "Stopped. Finished jobs are kept; run the same command to continue."
    assert (screen.lines[-1] == stopped) == is_interrupted
    assert ("WorkflowError:" in screen.lines) != is_interrupted


def fail(screen: Screen, log: str) -> None:
    screen.submit(7, "train", model="m", variant="original")
    fields = {"jobid": 7, "rule_name": "train", "log": [log]}
    screen.log(LogEvent.JOB_ERROR, "Error in rule train", logging.ERROR, **fields)


def test_logger_prints_end_of_log_when_job_fails(screen, tmp_path):
    log = tmp_path / "train.log"
    log.write_text("".join(f"line {i}\n" for i in range(LOG_LINES + 3)))
    fail(screen, str(log))
    assert screen.lines[:4] == [
        "Error in job train m/original",
        f"  log: {log}",
        "    … 3 earlier lines",
        "    line 3",
    ]
    assert screen.lines[-1] == f"    line {LOG_LINES + 2}"


def test_logger_reports_missing_log_when_job_fails(screen, tmp_path):
    fail(screen, str(tmp_path / "none.log"))
    assert screen.lines[-1] == "    cannot be read: No such file or directory"


def test_logger_omits_log_when_show_failed_logs_is_off(monkeypatch, tmp_path):
    screen = Screen(monkeypatch, show_failed_logs=False)
    log = tmp_path / "train.log"
    log.write_text("secret\n")
    fail(screen, str(log))
    assert screen.lines == ["Error in job train m/original", f"  log: {log}"]


def test_logger_prints_each_job_when_group_fails(screen, tmp_path):
    log = tmp_path / "train.log"
    log.write_text("broken\n")
    screen.submit(7, "train", model="m", variant="original")
    job = {"jobid": 7, "rule_name": "train", "output": ["out.h5"], "log": [str(log)]}
    screen.log(LogEvent.GROUP_ERROR, level=logging.ERROR, aux_logs=[], job_error_info=[job])
    assert screen.lines[1:] == ["  job train m/original", f"  log: {log}", "    broken"]


@pytest.mark.parametrize("setting", ["dryrun", "verbose"])
def test_logger_prints_long_form_when_dryrun_or_verbose(monkeypatch, setting):
    screen = Screen(monkeypatch, **{setting: True})
    screen.submit(7, "train", model="m", variant="original")
    assert "rule train:" in screen.lines
    assert "    reason: Missing output files" in screen.lines
    assert "    wildcards: model=m, variant=original" in screen.lines
