"""Fuzz test of all files that users bring: models, exported models, samples and configurations.

`requests` has the kinds of files and the commands, `runner` has the demands on how a command ends.
The environment variable SNUGNET_FUZZ_FAILURES names a folder for the files of failed requests.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.requests import SHARES
from tests.paths import ROOT

pytestmark = pytest.mark.slow
# Numbers of requests with mutated and with unchanged files.
MUTATED, UNCHANGED = (3000, 60) if os.environ.get("SNUGNET_EXAMPLES") else (60, 4)
PROCESSES = min(2, os.cpu_count() or 1)
# A machine with two free cores needs a third of this.
SECONDS = 3600
MODULE = [sys.executable, "-W", "ignore", "-m"]


def test_commands_end_with_a_sentence_when_files_are_mutated(tmp_path):
    seeds, failures = tmp_path / "seeds", tmp_path / "failures"
    if named := os.environ.get("SNUGNET_FUZZ_FAILURES"):
        failures = Path(named).absolute()
    seeds.mkdir()
    process = subprocess.run(
        [*MODULE, "tests.hostile.seeds", seeds], capture_output=True, text=True, cwd=ROOT
    )
    assert process.returncode == 0, process.stderr[-3000:]
    outcomes = run_requests(seeds, failures)
    assert len(outcomes) == MUTATED + UNCHANGED
    check_variety(outcomes)
    if failed := [outcome for outcome in outcomes if outcome["problems"]]:
        pytest.fail(describe_failures(failed, failures), pytrace=False)


def run_requests(seeds: Path, failures: Path) -> list[dict[str, Any]]:
    """Run all requests in several processes, and return how they ended."""
    end = time.monotonic() + SECONDS
    numbers = [(first - UNCHANGED, PROCESSES, MUTATED) for first in range(PROCESSES)]
    runners = []
    for part, arguments in enumerate(numbers):
        with (seeds / f"outcomes{part}").open("w") as output:
            command = [*MODULE, "tests.hostile.runner", seeds, *map(str, arguments), failures]
            runner = subprocess.Popen(
                command, stdout=output, stderr=subprocess.PIPE, text=True, cwd=ROOT
            )
            runners.append(runner)
    try:
        for runner in runners:
            _, message = runner.communicate(timeout=end - time.monotonic())
            assert runner.returncode == 0, message[-3000:]
    finally:
        for runner in runners:
            runner.kill()
    return [
        json.loads(line)
        for part in range(PROCESSES)
        for line in (seeds / f"outcomes{part}").read_text().splitlines()
    ]


def check_variety(outcomes: list[dict[str, Any]]) -> None:
    """Check that mutations neither damage every file beyond recognition nor none."""
    unchanged = [outcome for outcome in outcomes if outcome["number"] < 0]
    assert sum(outcome["code"] == 0 for outcome in unchanged) > len(unchanged) / 2
    codes = Counter(
        (outcome["kind"], outcome["code"]) for outcome in outcomes if outcome["number"] >= 0
    )
    print(f"exit codes: {dict(codes)}")
    if MUTATED >= 3000:
        for kind in SHARES:
            assert min(codes[kind, 0], codes[kind, 2]) >= 2, (kind, codes)


def describe_failures(failed: list[dict[str, Any]], failures: Path) -> str:
    """Describe failures: each kind of problem once, with the numbers of its requests."""
    numbers: dict[str, list[int]] = {}
    for outcome in failed:
        for problem in outcome["problems"]:
            name = f"{outcome['kind']}: {re.sub(r'[0-9]+', 'N', problem)}"
            numbers.setdefault(name, []).append(outcome["number"])
    lines = [f"{len(failed)} requests failed. Files, outcome.json and command.sh: {failures}"]
    lines += [
        f"  {problem}: {len(found)} requests, such as {found[:5]}"
        for problem, found in sorted(numbers.items())
    ]
    lines.append("Run number N again with:")
    lines.append("  python -m tests.hostile.seeds SEEDS (an empty folder)")
    lines.append("  python -m tests.hostile.runner SEEDS N 1 N+1")
    return "\n".join(lines)
