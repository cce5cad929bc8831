"""Run mutations, each in a fork of this process, which has imported all packages.

python -m tests.hostile.runner SEEDS FIRST STEP COUNT [FAILURES]

Prints one line of JSON for each request. SEEDS is a folder that `tests.hostile.seeds` wrote;
FAILURES is a folder for the files of requests that failed.
"""

import importlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from snugnet.cli import main as command_line
from snugnet.core.budget import DEFAULT_BUDGET
from snugnet.core.files import sha256_of
from snugnet.core.parent import end_with_parent
from snugnet.int8 import export
from tests.hostile import config_mutations
from tests.hostile.requests import CHECK_CONFIG, Request, make_request
from tests.hostile.seeds import CANARY

# Packages that commands import when they need them. None of them may run an operator of TensorFlow:
# its threads are not copied to a fork.
PACKAGES = (
    *("snugnet.services.quantize", "snugnet.services.benchmark", "snugnet.services.study_init"),
    *("snugnet.services.quality", "snugnet.services.akida", "snugnet.models.loading.keras_files"),
    *("snugnet.models.loading.unroll_rnn", "snugnet.verification.certificate", "snakemake.utils"),
    *("snugnet.tflite.convert", "snugnet.tflite.runtimes.litert", "snugnet.datasets.prepare"),
    *("tensorflow.lite.python.lite", "ai_edge_litert.interpreter", "sklearn.metrics", "pandas"),
    *("tflite_micro", "tf_keras.protobuf.saved_metadata_pb2", "snugnet.int8.operators"),
    *("snugnet.akida.preflight", "snugnet.akida.convert", "snugnet.datasets.calibration"),
)
SECONDS = 120
MEGABYTE = 1 << 20
# Above the memory of this process, for the limits that the operating system enforces.
ADDRESS_SPACE = 10 << 30
LARGEST_FILE = 2 << 30
# Characters of a sentence, in which each may be an escape, and of all that is printed on stderr.
LONGEST_SENTENCE, LONGEST_MESSAGE = 20_000, 200_000
# Words of messages for errors that nobody foresaw.
UNFORESEEN = re.compile(r"Traceback|SNUGNET_TRACEBACK|unexpected [A-Z]\w+")
# Printed by the import of the module `this`, which some mutations name.
IMPORTED = "The Zen of Python"
ESCAPES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Outcome:
    """How a command on mutated files ended.

    Attributes:
        number: Number of the mutation.
        kind: Kind of the changed file.
        arguments: Arguments of the command.
        code: Exit code; minus the number of a signal; None if it took too long.
        seconds: Time.
        megabytes: Peak memory of the largest process.
        problems: What is wrong with it; empty if nothing is.
        message: End of what it printed on standard error.
    """

    number: int
    kind: str
    arguments: tuple[str, ...]
    code: int | None
    seconds: float
    megabytes: int
    problems: tuple[str, ...]
    message: str


class Place:
    """The folders and files of one run."""

    def __init__(self, root: Path) -> None:
        self.work = root / "work"
        self.temporary = root / "tmp"
        self.home = root / "home"
        self.output = root / "stdout"
        self.message = root / "stderr"
        self.canary = root / CANARY
        for folder in (self.work, self.temporary, self.home):
            folder.mkdir()


def run_request(number: int, seeds: Path, failures: Path | None = None) -> Outcome:
    """Write the files of a request, run its command, and judge how it ended.

    Args:
        number: Number of the request.
        seeds: Folder of the valid files.
        failures: Folder for the files of a request that failed; None to drop them.
    """
    with tempfile.TemporaryDirectory(prefix="hostile", ignore_cleanup_errors=True) as root:
        place = Place(Path(root))
        try:
            request = make_request(number, seeds, place.work, place.canary)
        except Exception:  # a fault of this test: it must not end all other requests
            text = traceback.format_exc()
            return Outcome(number, "none", (), None, 0.0, 0, ("the mutation failed",), text)
        before = list_contents(place.work)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _become_command(request, place)
        code, megabytes = _wait(child)
        seconds = time.monotonic() - started
        problems = [
            *_judge_end(code, seconds, megabytes),
            *_judge_texts(request, code, place),
            *_judge_files(request, code, place, before, seeds),
            *_judge_processes(child),
        ]
        message = place.message.read_text(errors="replace")[-1500:]
        outcome = Outcome(
            number,
            request.kind,
            request.arguments,
            code,
            round(seconds, 2),
            megabytes,
            tuple(problems),
            message,
        )
    if problems and failures is not None:
        _keep(outcome, seeds, failures)
    return outcome


def _become_command(request: Request, place: Place) -> None:
    """Run a command in this process, which has just been forked, and end it."""
    code = 70
    try:
        end_with_parent(os.getppid())
        os.setsid()
        for target, path in ((1, place.output), (2, place.message)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(place.work)
        os.environ.update(TMPDIR=str(place.temporary), HOME=str(place.home))
        tempfile.tempdir = None
        space = _read_status("VmSize") + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if request.arguments[0] == CHECK_CONFIG:
            code = config_mutations.check(Path(request.arguments[1]))
        else:
            sys.argv = ["snugnet", *request.arguments]
            code = command_line.main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> tuple[int | None, int]:
    """Wait for a process; return its exit code, None if it took too long, and its peak memory."""
    end = time.monotonic() + SECONDS
    is_late = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            is_late = True
            os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.01)
    code = None if is_late else os.waitstatus_to_exitcode(status)
    return code, usage.ru_maxrss * 1024 // MEGABYTE


def _judge_end(code: int | None, seconds: float, megabytes: int) -> list[str]:
    problems = []
    if code is None:
        problems.append(f"still running after {seconds:.0f} s")
    elif code not in (0, 1, 2):
        problems.append(f"exit code {code}")
    allowed = (DEFAULT_BUDGET.bytes_held + _read_status("VmHWM")) // MEGABYTE
    if megabytes > allowed:
        problems.append(f"{megabytes} MiB of memory; allowed: {allowed}")
    return problems


def _judge_texts(request: Request, code: int | None, place: Place) -> list[str]:
    """Judge what a command printed."""
    problems = []
    output, message = (
        path.read_text(errors="replace") if path.exists() else ""
        for path in (place.output, place.message)
    )
    if IMPORTED in output + message:
        problems.append("CODE OF THE FILE WAS RUN: a module was imported")
    for name, text in (("output", output), ("message", message)):
        if found := UNFORESEEN.search(text):
            problems.append(f"{name} has {found[0]!r}")
        if found := ESCAPES.search(text):
            problems.append(f"{name} has the control character {found[0]!r}")
    if str(place.temporary) in message:
        problems.append("a message names a temporary file")
    sentences = [line for line in message.splitlines() if line.startswith("snugnet: ")]
    is_verdict = request.arguments[0] in ("verify", "akida") and code == 1 and output
    if code not in (0, None) and not sentences and not is_verdict:
        problems.append(f"exit code {code} without a sentence")
    if any(len(line) > LONGEST_SENTENCE for line in sentences) or len(message) > LONGEST_MESSAGE:
        problems.append(f"a message is too long: {len(message)} characters in all")
    if "--json" in request.arguments and code is not None:
        try:
            json.loads(output, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            problems.append(f"output is not JSON: {error}")
    return problems


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _judge_files(
    request: Request, code: int | None, place: Place, before: dict[str, str], seeds: Path
) -> list[str]:
    """Judge what a command left behind."""
    problems = []
    after = list_contents(place.work)
    for name in sorted(set(before) | set(after)):
        if before.get(name) == after.get(name):
            continue
        if name in before:
            problems.append(f"{name} was changed or removed")
        elif code != 0 or name not in request.outputs:
            problems.append(f"{name} is left in the working folder")
        elif (reason := _find_damage(place.work / name)) is not None:
            problems.append(f"{name} is incomplete: {reason}")
    for folder in (place.temporary, place.home):
        if left := sorted(path.name for path in folder.iterdir()):
            problems.append(f"{', '.join(left[:5])} left in {folder.name}")
    if place.canary.exists() or (seeds / CANARY).exists():
        (seeds / CANARY).unlink(missing_ok=True)
        problems.append("CODE OF THE FILE WAS RUN")
    return problems


def list_contents(folder: Path) -> dict[str, str]:
    """Return what each file below a folder is, by its path."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            contents[name] = f"link to {path.readlink()}"
        elif path.is_dir():
            continue
        elif path.is_file() and path.stat().st_size < 10**7:
            contents[name] = sha256_of(path)
        else:
            contents[name] = str(path.stat().st_size if path.is_file() else path.stat().st_mode)
    return contents


def _find_damage(path: Path) -> str | None:
    """Return why a file is not complete; None if it is."""
    try:
        if path.name == "library.json":  # of a firmware folder
            json.loads(path.read_text())
        elif path.suffix in (".tflite", ".npz", ".json"):
            export.read(path)
        elif path.suffix == ".yaml":
            assert isinstance(yaml.safe_load(path.read_text()), dict), "no configuration"
        else:
            assert path.read_text().endswith("\n"), "no end of line at the end"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _judge_processes(session: int) -> list[str]:
    """Look for processes that outlive their command, and end them."""
    for _ in range(100):
        left = _list_session(session)
        if not left:
            return []
        time.sleep(0.02)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return [f"{len(left)} processes are still running"]


def _list_session(session: int) -> list[int]:
    """List the processes of a session, except those that have ended."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended
            continue
        if int(number) == session and state != "Z":
            processes.append(int(path.parent.name))
    return processes


def _read_status(name: str) -> int:
    """Read an amount of memory of this process, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def _keep(outcome: Outcome, seeds: Path, failures: Path) -> None:
    """Write the files of a failed request, and how it failed, to a folder."""
    folder = failures / f"{outcome.kind}-{outcome.number}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    make_request(outcome.number, seeds, folder / "work", folder / CANARY)
    (folder / "outcome.json").write_text(json.dumps(asdict(outcome), indent=2))
    command = subprocess.list2cmdline(["snugnet", *outcome.arguments])
    (folder / "command.sh").write_text(f"cd {folder / 'work'}\n{command}\n")


def import_packages() -> None:
    """Import all packages that commands need."""
    for name in PACKAGES:
        importlib.import_module(name)
    from tensorflow.python.eager import context

    assert context._context is None or not context._context._initialized, "an operator was run"


def main(seeds: Path, first: int, step: int, count: int, failures: Path | None) -> None:
    """Run every `step`-th request from `first` on, as long as its number is below `count`."""
    import_packages()
    for number in range(first, count, step):
        print(json.dumps(asdict(run_request(number, seeds, failures))), flush=True)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        *map(int, sys.argv[2:5]),
        failures=Path(sys.argv[5]) if len(sys.argv) > 5 else None,
    )
