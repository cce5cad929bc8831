"""Tests of the fork server and its client."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from snugnet.jobs import fork_client, fork_server
from snugnet.jobs.import_costs import IMPORTS

SLOW = "scipy.stats"  # takes the server a second, not eight as TensorFlow does
JOB = """
import atexit, json, os, signal, sys, time
from pathlib import Path
from types import SimpleNamespace
from snugnet.core.errors import InputError
from snugnet.jobs.run import run

def write_value(name, value):
    Path(name + ".new").write_text(str(value))
    Path(name + ".new").rename(name)

def server():
    # The guard is the parent; 0 stands for none.
    guard = Path("/proc", str(os.getppid()))
    if "snugnet.jobs.fork_server" not in (guard / "cmdline").read_text():
        return 0
    return int((guard / "status").read_text().split("PPid:")[1].split()[0])

def main(job):
    {body}

run(main, SimpleNamespace(input=[], output=[], log=["job.log"]))
"""
# In place of Snakemake, which runs a script by itself if the server does not.
CLIENT = """
import os, signal, sys
from snugnet.jobs.fork_client import run_script
for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
script, *packages = sys.argv[1:]
status = run_script(script, packages, os.environ)
if status is None:
    os.execv(sys.executable, [sys.executable, script])
if status < 0:
    if status != -signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""
# The body of a job that runs until it is stopped.
STAY = (
    "import subprocess; write_value('grandchild', subprocess.Popen(['sleep', '1000']).pid); "
    "write_value('child', os.getpid()); time.sleep(100)"
)


class Run:
    """A process in place of Snakemake, and a folder in which jobs of its run are started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(["sleep", "1000"])
        self.environment = {
            fork_client.RUN: str(self.process.pid),
            fork_client.SERVERS: secrets.token_hex(8),
        }
        self.jobs: list[subprocess.Popen[str]] = []

    def start(
        self, body: str, *packages: str, session: bool = False, **environment: str
    ) -> subprocess.Popen[str]:
        script = self.folder / f"job{len(self.jobs)}.py"
        script.write_text(JOB.format(body=body))
        environment = {**os.environ, **self.environment, **environment}
        command = [sys.executable, str(script)]
        if environment[fork_client.SERVERS]:
            command = [sys.executable, "-c", CLIENT, str(script), *(packages or (SLOW,))]
        job = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, start_new_session=session
        )
        self.jobs.append(job)
        return job

    def status_of(self, body: str, *packages: str, **environment: str) -> int:
        return self.start(body, *packages, **environment).wait(timeout=120)

    def read_number(self, name: str) -> int:
        path = self.folder / name
        wait_until(path.exists)
        return int(path.read_text())

    @property
    def log(self) -> str:
        return (self.folder / "job.log").read_text()

    def end(self) -> None:
        for process in (self.process, *self.jobs):
            process.kill()
            process.wait()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def has_ended(process: int) -> bool:
    """Return whether a process has ended; a zombie process counts as ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def run(tmp_path) -> Iterator[Run]:
    started = Run(tmp_path)
    yield started
    started.end()


def test_fork_server_is_shared_when_two_jobs_run(run):
    body = "print(server(), 'scipy.stats' in sys.modules, 'snakemake.script' in sys.modules)"
    assert run.status_of(body) == 0
    server, *imported = run.log.splitlines()[0].split()
    assert imported == ["True", "True"]
    assert int(server) > 0
    assert run.status_of(body) == 0
    assert run.log.split()[0] == server
    assert not has_ended(int(server))


def test_child_process_has_environment_when_client_sets_variable(run):
    body = (
        "print(json.dumps([sys.argv, os.getcwd(), sys.path[0], os.environ.get('MINE'), __name__, "
        "os.environ['SNUGNET_FORK_SERVERS']]))"
    )
    assert run.status_of(body, MINE="a value") == 0
    with_server = json.loads(run.log.splitlines()[0])
    assert run.status_of(body, MINE="a value", SNUGNET_FORK_SERVERS="") == 0
    without_server = json.loads(run.log.splitlines()[0])
    without_server[0][0] = without_server[0][0].replace("job1.py", "job0.py")
    assert with_server == without_server


@pytest.mark.parametrize("threads", ["1", "2"])
def test_child_process_has_threads_of_client_when_they_are_set(run, threads):
    body = (
        "import numpy, scipy.linalg, threadpoolctl; "
        "print(sorted(pool['num_threads'] for pool in threadpoolctl.threadpool_info()))"
    )
    environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    assert run.status_of(body, **environment) == 0
    with_server = run.log.splitlines()[0]
    assert run.status_of(body, SNUGNET_FORK_SERVERS="", **environment) == 0
    assert with_server == run.log.splitlines()[0] != "[]"


def test_job_log_has_native_output_when_server_runs_the_job(run):
    body = (
        "print('python'); os.write(2, b'native\\n'); os.system('echo child'); "
        "big = b'x' * 400 * 2**20"
    )
    assert run.status_of(body) == 0
    *lines, last = run.log.splitlines()
    assert set(lines) == {"python", "native", "child"}
    seconds, mib = re.fullmatch(r"took (\d+\.\d\d) s, peak memory (\d+) MiB", last).groups()
    assert float(seconds) > 0
    assert 400 < int(mib) < 800


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('a message')", 1),
        ("raise InputError('x is wrong')", 1),
        ("1 / 0", 1),
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_client_exits_with_same_status_when_child_process_ends(run, body, status):
    assert run.status_of(body) == status
    assert run.status_of(body, SNUGNET_FORK_SERVERS="") == status


def test_child_process_runs_exit_handlers_when_job_ends(run):
    body = "atexit.register(lambda: write_value('last', 1)); print('no newline', end='')"
    assert run.status_of(body) == 0
    assert run.read_number("last") == 1
    assert run.log.startswith("no newline")


@pytest.mark.parametrize("secret", ["", "0" * 32, "\u00e9", None])
def test_server_runs_no_script_when_secret_is_wrong(run, monkeypatch, secret):
    """A process of this user in a container may see the address, but it has not the secret."""
    assert run.status_of("pass") == 0
    for name, value in run.environment.items():
        monkeypatch.setenv(name, value)
    (run.folder / "hostile.py").write_text("open('mark', 'w')")
    request = {"script": "hostile.py", "packages": [], "cwd": str(run.folder), "env": {}}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(fork_client.address("light"))
        content = [request] if secret is None else {**request, "secret": secret}
        socket.send_fds(server, [json.dumps(content).encode() + b"\n"], [0, 1, 2])
        assert server.recv(100) == b""  # the server has closed the connection
    assert not (run.folder / "mark").exists()
    assert run.environment[fork_client.SERVERS] not in Path("/proc/net/unix").read_text()
    assert run.status_of("print(server())") == 0  # the server is alive
    assert int(run.log.splitlines()[0]) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_guard_passes_signal_to_child_when_group_is_signalled(run, number):
    body = (
        f"signal.signal({number}, lambda *_: sys.exit(5)); write_value('child', os.getpid()); "
        "time.sleep(100)"
    )
    job = run.start(body, session=True)
    child = run.read_number("child")
    os.killpg(job.pid, number)  # as a terminal does
    assert job.wait(timeout=60) == 5
    assert has_ended(child)


def test_child_prints_no_traceback_when_group_is_interrupted(run, capfd):
    body = (
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "write_value('child', os.getpid()); time.sleep(100)"
    )
    job = run.start(body, session=True)
    run.read_number("child")
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(timeout=60) == fork_client.INTERRUPTED
    assert "Traceback" not in capfd.readouterr().err
    assert "Traceback" not in run.log


def test_waiting_job_ends_when_group_is_signalled_during_import(run, monkeypatch):
    job = run.start("write_value('ran', 1); time.sleep(100)", "tensorflow", session=True)
    for name, value in run.environment.items():
        monkeypatch.setenv(name, value)
    address = fork_client.address("tensorflow").replace("\0", "@")
    wait_until(lambda: address in Path("/proc/net/unix").read_text())
    time.sleep(0.3)  # now the server is importing, which takes seconds
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(timeout=60) != 0


def test_child_process_id_remains_when_client_still_measures(run, monkeypatch):
    """A short job ends before the client has begun to measure it."""

    @contextmanager
    def measure(process: int) -> Iterator[None]:
        time.sleep(0.5)
        states.append(psutil.Process(process).status())
        yield

    states: list[str] = []
    for name, value in run.environment.items():
        monkeypatch.setenv(name, value)
    (run.folder / "job.py").write_text("raise SystemExit(3)")
    status = fork_client.run_script(str(run.folder / "job.py"), [], os.environ, measure)
    assert (status, states) == (3, [psutil.STATUS_ZOMBIE])


def test_child_process_and_descendants_end_when_client_is_killed(run):
    job = run.start(STAY)
    processes = [run.read_number("child"), run.read_number("grandchild")]
    job.kill()
    wait_until(lambda: all(map(has_ended, processes)))
    assert run.status_of("print(os.getpid())") == 0  # the server goes on


def test_client_runs_script_when_server_is_killed(run):
    body = f"write_value('server', server())\n    if Path('cold').exists(): return\n    {STAY}"
    job = run.start(body)
    processes = [run.read_number("child"), run.read_number("grandchild")]
    (run.folder / "cold").touch()
    os.kill(run.read_number("server"), signal.SIGKILL)
    assert job.wait(timeout=60) == 0
    assert run.read_number("server") == 0
    assert all(map(has_ended, processes))


def test_child_process_ends_before_job_when_guard_is_killed(run):
    """The child of a killed guard ends before its job begins."""
    body = (
        "write_value('guard', os.getppid()); print('begin', server(), flush=True); "
        "time.sleep(0 if Path('cold').exists() else 100)"
    )
    job = run.start(body)
    guard = run.read_number("guard")
    (run.folder / "cold").touch()
    os.kill(guard, signal.SIGKILL)
    assert job.wait(timeout=60) == 0
    assert run.log.startswith("begin 0\n")


def test_client_keeps_ignored_signals_when_server_is_killed(run):
    body = (
        "write_value('server', server()); "
        "write_value('hangup', int(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)); "
        "time.sleep(0 if Path('cold').exists() else 100)"
    )
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    job = run.start(body)
    signal.signal(signal.SIGHUP, previous)
    server = run.read_number("server")
    (run.folder / "cold").touch()
    os.kill(server, signal.SIGKILL)
    assert job.wait(timeout=60) == 0
    assert run.read_number("hangup") == 1


def test_fork_server_is_restarted_when_it_was_killed(run):
    assert run.status_of("write_value('server', server())") == 0
    server = run.read_number("server")
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: has_ended(server))
    assert run.status_of("write_value('server', server())") == 0
    assert run.read_number("server") not in (server, 0)


def test_fork_server_is_shared_when_jobs_start_together(run):
    jobs = [run.start(f"write_value('server{i}', server())") for i in range(4)]
    assert [job.wait(timeout=60) for job in jobs] == [0] * 4
    servers = {run.read_number(f"server{i}") for i in range(4)}
    assert len(servers - {0}) == 1


@pytest.mark.parametrize("environment", [{}, {"SNUGNET_FORK_SERVERS": ""}], ids=["server", "alone"])
def test_all_processes_end_when_run_is_killed(run, environment):
    job = run.start(f"write_value('server', server()); {STAY}", **environment)
    processes = [run.read_number("child"), run.read_number("grandchild")]
    server = run.read_number("server")
    assert (server == 0) == bool(environment)
    run.process.kill()
    run.process.wait()
    assert job.wait(timeout=60) == -signal.SIGKILL
    if environment:  # a job without a server cannot end the processes that it started
        os.kill(processes.pop(), signal.SIGKILL)
    wait_until(lambda: all(map(has_ended, [*processes, server or processes[0]])), seconds=10)


def test_child_process_ends_when_run_is_killed_during_import(run):
    """During the import, the server checks nothing else."""
    run.start(STAY)
    child = run.read_number("child")
    run.start("pass", "tensorflow")  # takes seconds
    time.sleep(0.7)
    run.process.kill()
    run.process.wait()
    wait_until(lambda: has_ended(child), seconds=2)


@pytest.mark.parametrize("server", ["tensorflow", "light"])
def test_fork_server_has_one_thread_when_all_packages_are_loaded(run, server):
    """Otherwise a lock that another thread holds during the fork stays locked in the child."""
    body = "print(Path(f'/proc/{server()}/status').read_text())"
    packages = {name for names in IMPORTS.values() for name in names}
    served = {name for name in packages if fork_client.choose_server([name]) == server}
    assert run.status_of(body, *served) == 0
    assert "Threads:\t1\n" in run.log


def test_job_uses_large_server_only_when_it_needs_tensorflow(run):
    body = "print(server(), 'tensorflow' in sys.modules)"
    servers = []
    for packages in (["scipy.stats"], ["scipy.stats", "tf_keras"], ["ai_edge_litert.interpreter"]):
        assert run.status_of(body, *packages) == 0
        servers.append(run.log.splitlines()[0].split())
    (light, before), (large, loaded), (again, after) = servers
    assert light == again != large
    assert (before, loaded, after) == ("False", "True", "False")


def test_announce_sets_empty_variables_when_jobs_run_on_cluster(monkeypatch):
    for name in (fork_client.RUN, fork_client.SERVERS):
        monkeypatch.setenv(name, "inherited")
    fork_server.announce(here=False, shared=True)
    assert (os.environ[fork_client.RUN], os.environ[fork_client.SERVERS]) == ("", "")


def test_check_peer_fails_when_peer_is_another_user(monkeypatch):
    import socket

    client, server = socket.socketpair()
    with client, server:
        fork_client.check_peer(client)
        monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
        with pytest.raises(PermissionError, match="another user"):
            fork_client.check_peer(client)
