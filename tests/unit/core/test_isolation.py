"""Tests of work that runs in a child process."""

import os
import random
import resource
import stat
import subprocess
import sys
import time
import tracemalloc
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from snugnet.core.budget import UNLIMITED, Budget
from snugnet.core.child_stream import HEADER
from snugnet.core.errors import InputError
from snugnet.core.isolation import (
    UNEXPECTED,
    WRONG_INPUT,
    ChildResult,
    compute_in_child,
    run_in_child,
    run_without_rights,
)
from snugnet.core.sandbox import Rights

BUDGET = Budget(seconds=1, bytes_held=200 << 20)


def save(array: np.ndarray) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


OBJECTS, TEXTS = save(np.array([{}])), save(np.array(["a"]))
HUGE = save(np.zeros(3, np.int8)).replace(b"(3,), }" + 18 * b" ", b"(99999999999999999999,), }")


def test_run_in_child_keeps_state_when_work_changes_it():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    values = []
    assert run_in_child(lambda: values.append(random.random())).status == 0
    assert values == []
    assert random.random() == expected


def test_run_in_child_returns_message_when_input_is_wrong():
    def work() -> None:
        raise InputError("layers: x; allowed: y, or ä")

    result = run_in_child(work)
    assert (result.status, result.message) == (WRONG_INPUT, "layers: x; allowed: y, or ä")


@pytest.mark.parametrize("has_rights", [True, False])
def test_child_prints_traceback_when_it_has_rights(capfd, has_rights):
    def work() -> None:
        raise ValueError("broken")

    parent_pid = os.getpid()
    result = run_in_child(work) if has_rights else run_without_rights(work, BUDGET)
    assert os.getpid() == parent_pid
    expected = (1, "") if has_rights else (UNEXPECTED, "ValueError: broken")
    assert (result.status, result.message, result.crash) == (*expected, None)
    assert ("ValueError: broken" in capfd.readouterr().err) == has_rights


def test_run_in_child_names_signal_when_work_crashes():
    assert run_without_rights(os.abort, BUDGET).crash == "SIGABRT"
    assert run_in_child(lambda: os.kill(os.getpid(), 9)).status == -9


def test_run_in_child_prints_text_once_when_it_was_buffered(capfd):
    print("before", end="")
    run_in_child(lambda: print("inside"))
    assert capfd.readouterr().out.count("before") == 1


def test_parent_prints_lines_escaped_when_child_has_no_rights(capfd):
    def work() -> None:
        print("line\x1b[2J")
        print("rest", end="")
        os.write(1, b"of a library")
        os.write(2, b"of a library")

    assert run_without_rights(work, BUDGET).status == 0
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("line\\x1b[2J\n", "")


def test_run_without_rights_returns_arrays_when_work_does():
    arrays = [np.arange(6, dtype=np.int8).reshape(2, 3), np.float32(1.5), np.zeros((0, 4))]
    result = run_without_rights(lambda: arrays, BUDGET)
    assert [(array.dtype, array.shape) for array in result.arrays] == [
        (np.dtype(np.int8), (2, 3)),
        (np.dtype(np.float32), ()),
        (np.dtype(np.float64), (0, 4)),
    ]
    assert all(map(np.array_equal, result.arrays, arrays))


def test_child_has_no_files_of_parent_when_it_has_no_rights(tmp_path):
    with (tmp_path / "file").open("w") as file:
        number = file.fileno()
        assert run_without_rights(lambda: os.write(number, b"x") and None, BUDGET).status == 0
    assert (tmp_path / "file").read_text() == ""


def test_processes_of_child_end_when_its_time_is_over(capfd):
    def work() -> None:
        if process := os.fork():
            print(process)
        time.sleep(100)

    assert run_without_rights(work, BUDGET, Rights(forks=True)).is_timeout
    state = Path(f"/proc/{int(capfd.readouterr().out)}/stat")
    deadline = time.monotonic() + 20
    # Its new parent may never read its exit code.
    while state.exists() and state.read_text().rpartition(") ")[2][0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send_raw(content: bytes) -> None:
    """Write bytes to the pipe of this child, as a program that took it over could do."""
    for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if stat.S_ISFIFO(os.fstat(number).st_mode):
                os.write(number, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.pack(b"x", 3) + b"abc", r"fails \(it returned an invalid message\)"),
        (HEADER.pack(b"t", 1 << 40), r"fails \(it returned an invalid message\)"),
        (HEADER.pack(b"a", 1 << 61), r"needs more than .* of memory\. If you trust the file"),
        (HEADER.pack(b"a", 3) + b"abc", r"fails \(it returned no array: "),
        (HEADER.pack(b"a", len(OBJECTS)) + OBJECTS, r"fails \(it returned an array of object\)"),
        (HEADER.pack(b"a", len(TEXTS)) + TEXTS, r"fails \(it returned an array of <U1\)"),
        (HEADER.pack(b"a", len(HUGE)) + HUGE, r"fails \(it returned no array: "),
    ],
)
@pytest.mark.parametrize("budget", [BUDGET, UNLIMITED])
def test_compute_in_child_fails_when_child_sends_nonsense(content, message, budget):
    with pytest.raises(InputError, match=f"^reading m {message}"):
        compute_in_child(partial(send_raw, content), budget, "reading m")


@pytest.mark.parametrize("size", [1 << 30, 1 << 35])
def test_parent_takes_no_memory_when_a_header_promises_more(size):
    budget = Budget(seconds=20, bytes_held=1 << 40)
    tracemalloc.start()
    result = run_without_rights(partial(send_raw, HEADER.pack(b"a", size) + b"abc"), budget)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result.arrays, peak < 1 << 22) == ((), True)


def test_no_file_stays_open_when_a_process_cannot_be_started(monkeypatch):
    def fail(*arguments: object) -> int:
        raise OSError("no more processes")

    before = len(list(Path("/dev/fd").iterdir()))
    monkeypatch.setattr("snugnet.core.isolation.start_child", fail)
    with pytest.raises(OSError, match="no more processes"):
        run_without_rights(lambda: None, BUDGET)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_run_without_rights_ends_when_child_never_stops_sending():
    def work() -> None:
        while True:
            print("line")

    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snugnet.core.isolation._print", lines.append)
        start = time.monotonic()
        assert run_without_rights(work, BUDGET).is_timeout
    assert lines
    assert time.monotonic() - start < 20


def test_child_of_child_returns_arrays_when_both_have_no_rights():
    def inner() -> list[np.ndarray]:
        return [np.arange(3)]

    def outer() -> tuple[np.ndarray, ...]:
        return compute_in_child(inner, BUDGET, "inner")

    (array,) = compute_in_child(outer, Budget(seconds=20), "outer", Rights(forks=True))
    np.testing.assert_array_equal(array, np.arange(3))


@pytest.mark.parametrize("streams", [(0, 1, 2), (0, 2)])
def test_run_without_rights_works_when_streams_are_closed(streams):
    program = (
        "import os, sys\n"
        f"for stream in {streams}: os.close(stream)\n"
        "import numpy as np\n"
        "from snugnet.core.budget import Budget\n"
        "from snugnet.core.isolation import run_without_rights\n"
        "result = run_without_rights(lambda: [np.arange(3)], Budget(seconds=20))\n"
        "os._exit(7 if len(result.arrays) == 1 else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_crash_is_named_when_signal_has_no_name():
    assert ChildResult(-40, "").crash == "signal 40"


def test_run_without_rights_ends_when_message_is_cut_off():
    content = HEADER.pack(b"a", 100) + b"abc"
    result = run_without_rights(partial(send_raw, content), BUDGET)
    assert result.arrays == ()


def fill_memory() -> None:
    bytes(400 << 20)


def fail() -> None:
    raise InputError("m.h5: layers: \udcff")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (fill_memory, r"reading m needs more than 200\.0 MiB of memory\. If you trust .* 10"),
        (partial(time.sleep, 30), r"reading m takes more than 1 s\. If you trust"),
        (os.abort, r"reading m crashes with SIGABRT: the file is damaged, or"),
        (fail, r"m\.h5: layers: \\udcff"),
        (partial(int, "x"), r"reading m fails \(ValueError: invalid literal for int"),
        (partial(os._exit, 7), r"reading m fails \(exit code 7\)"),
        (lambda: [np.array([{}])], r"reading m fails \(ValueError: Object arrays cannot be saved"),
    ],
)
def test_compute_in_child_raises_input_error_when_work_fails(work, message):
    with pytest.raises(InputError, match=message):
        compute_in_child(work, BUDGET, "reading m")


def test_compute_in_child_returns_when_work_fits_the_budget():
    limit = resource.getrlimit(resource.RLIMIT_DATA)
    compute_in_child(lambda: bytes(100 << 20) and None, BUDGET, "reading m")
    assert resource.getrlimit(resource.RLIMIT_DATA) == limit


def test_scale_keeps_seconds_possible_when_factor_is_huge():
    budget = Budget().scale(1e12)
    compute_in_child(lambda: None, budget, "reading m")
