"""Option `--must-run`: a run in which every test was skipped fails, and names the reasons."""

from typing import Any

import pytest

RAN = ("passed", "failed", "error", "xfailed", "xpassed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--must-run", action="store_true", help="Fail if no test was run, and print why."
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--must-run") and not count_run(reporter):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--must-run") or count_run(terminalreporter):
        return
    terminalreporter.section("no test was run", red=True)
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])}
    for reason in sorted(reasons) or ["no test has this mark"]:
        terminalreporter.line(str(reason).removeprefix("Skipped: "))


def count_run(reporter: Any) -> int:
    """Count the tests that were run, whatever their outcome."""
    return sum(len(reporter.stats.get(outcome, [])) for outcome in RAN)
