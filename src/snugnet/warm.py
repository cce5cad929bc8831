"""Heavy packages imported once a run: a fork server that has imported them and run nothing.

Importing TensorFlow takes longer than most jobs do. So the first job with much to import starts a
server, and from then on such jobs hand their script over: a forked child, which finds the packages
imported already, runs the very same file. The job itself waits, passes signals on, and ends as the
child ended. Without a server, or when it dies, a job runs by itself: the same result, only later.

It belongs to one run and one user and ends, with every child, when Snakemake's main process does;
a child ends also with its job. Jobs on other machines know nothing of it.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

# Which of our modules take long to import, and because of what. A job whose code can reach none
# of them runs by itself; those that measure time must be such.
IMPORTS = {
    "snugnet.analysis.metrics": ("sklearn.metrics",),
    "snugnet.analysis.statistics": ("scipy.stats",),
    "snugnet.datasets.digits": ("sklearn.datasets",),
    "snugnet.datasets.ecgsyn": ("neurokit2", "scipy.signal"),
    "snugnet.datasets.splits": ("sklearn.model_selection",),
    "snugnet.datasets.synthetic_beats": ("scipy.signal",),
    "snugnet.datasets.synthetic_imu": ("scipy.spatial.transform",),
    "snugnet.models.keras2": ("tensorflow", "tf_keras"),
    "snugnet.models.training": ("sklearn.utils.class_weight",),
}
# In the environment of jobs: Snakemake's main process, if it is on this machine; if to be warm.
RUN = "SNUGNET_RUN"
WARM = "SNUGNET_WARM"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # prctl(2)


def announce(here: bool, warm: bool) -> None:
    """Tell the jobs of this run, through the environment, what they belong to.

    Args:
        here: Whether this is the main process of a run: its jobs are on this machine.
        warm: Whether they are to share a server.
    """
    os.environ[RUN] = str(os.getpid()) if here else ""
    os.environ[WARM] = "1" if here and warm else ""


def end_with_the_run() -> None:
    """Make this process end when the run does, even if that is killed."""

    def follow(run: int) -> None:
        _wait_for_end(run)
        os.kill(os.getpid(), signal.SIGKILL)

    if run := os.environ.get(RUN):
        threading.Thread(target=follow, args=(int(run),), daemon=True).start()


def _wait_for_end(process: int) -> None:
    with suppress(ProcessLookupError):
        select.select([watched := os.pidfd_open(process)], [], [])
        os.close(watched)


def hand_over(code: Mapping[str, str]) -> None:
    """Let the server run the script of this process; return if this process must do it itself.

    Args:
        code: The digests of all modules that the job can reach.

    Raises:
        SystemExit: With the exit code of the child; if a signal ended it, it ends us too.
    """
    packages = [package for module in sorted(code) for package in IMPORTS.get(module, ())]
    if not packages or not os.environ.get(WARM):
        return
    try:
        with _connect(int(os.environ[RUN])) as server:
            _send(server, packages)
            status = _await(server)
    except OSError:
        return
    if status is not None:
        _end_like(os.waitstatus_to_exitcode(status))


def _end_like(code: int) -> NoReturn:
    if code < 0:
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


def _address(run: int) -> str:
    return f"\0snugnet-{os.getuid()}-{run}"  # in Linux's abstract namespace: no file is left


def _connect(run: int) -> socket.socket:
    """Connect to the run's server, started if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(_address(run))
    except ConnectionRefusedError:
        _start(run)
        server.connect(_address(run))
    _check_peer(server)
    return server


def _check_peer(connection: socket.socket) -> None:
    """Refuse whoever is not this user, by raising PermissionError."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("the other end belongs to another user")


def _start(run: int) -> None:
    """Start the server and wait until it listens; of two, one finds the address taken and ends."""
    # One thread in numerical libraries: a process with several cannot be forked safely.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "snugnet.warm", str(run)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # TensorFlow's greetings; what fails here fails in a child too
        start_new_session=True,
        env={**os.environ, **single, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert process.stdout is not None
    process.stdout.readline()


def _send(server: socket.socket, packages: list[str]) -> None:
    """Send what to import, what makes a child run like this process, and the standard streams."""
    own = {"argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    data = json.dumps({"packages": packages, **own}).encode() + b"\n"
    sent = socket.send_fds(server, [data], [0, 1, 2])
    server.sendall(data[sent:])


def _await(server: socket.socket) -> int | None:
    """Wait for the child's status, passing signals on to it; None if the server died."""
    with server.makefile("r") as answers:
        if not (line := answers.readline()):
            return None
        child = int(line)
        for number in FORWARDED:
            signal.signal(number, lambda number, _: os.kill(child, number))
        line = answers.readline()
    for number in FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    if not line:
        # The child ends with the server, but not before us: two must not write the same files.
        _wait_for_end(child)
    return int(line) if line else None


class _Server:
    """Forks a child for each job; one loop, all that it waits for registered with what to call."""

    def __init__(self, run: int, listener: socket.socket) -> None:
        self.selector = selectors.DefaultSelector()
        self.selector.register(os.pidfd_open(run), selectors.EVENT_READ, self._end)
        self.selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        self.children: dict[int, socket.socket] = {}

    def serve(self) -> NoReturn:
        while True:
            for key, _ in self.selector.select():
                # An earlier handler of this round may have removed it.
                if key.fd in self.selector.get_map():
                    key.data()

    def _end(self) -> NoReturn:
        for child in self.children:
            os.killpg(child, signal.SIGKILL)
        os._exit(0)

    def _accept(self, listener: socket.socket) -> None:
        job, _ = listener.accept()
        try:
            _check_peer(job)
            request, streams = _receive(job)
        except (OSError, ValueError):
            job.close()
            return
        _import(["snakemake.script", *request["packages"]])
        child = os.fork()
        if child == 0:
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            _become(request, streams)
        with suppress(OSError):  # the child does it too; either may come first
            os.setpgid(child, child)
        for stream in streams:
            os.close(stream)
        self.children[child] = job
        watched = os.pidfd_open(child)
        self.selector.register(watched, selectors.EVENT_READ, lambda: self._reap(child, watched))
        self.selector.register(job, selectors.EVENT_READ, lambda: self._abandon(child))
        _tell(job, child)

    def _abandon(self, child: int) -> None:
        """The job is gone, and so goes its child."""
        self.selector.unregister(self.children[child])
        os.killpg(child, signal.SIGKILL)

    def _reap(self, child: int, watched: int) -> None:
        self.selector.unregister(watched)
        os.close(watched)
        _, status = os.waitpid(child, 0)
        job = self.children.pop(child)
        with suppress(KeyError):
            self.selector.unregister(job)
        _tell(job, status)
        job.close()


def _tell(job: socket.socket, number: int) -> None:
    with suppress(OSError):  # the job may be gone
        job.sendall(f"{number}\n".encode())


def _receive(job: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a request and the three streams; ValueError if the sender was cut off."""
    data, streams, _, _ = socket.recv_fds(job, 65536, 3)
    while not data.endswith(b"\n") and (more := job.recv(65536)):
        data += more
    return json.loads(data), streams


def _import(packages: list[str]) -> None:
    for name in packages:
        if name not in sys.modules:
            with suppress(Exception):  # the child's own import says it where it is read
                import_module(name)
    # Children share these objects; without this their garbage collector would write to them all.
    gc.freeze()


def _become(request: Mapping[str, Any], streams: list[int]) -> NoReturn:
    """Turn a fresh child into the job: its streams, folder, environment and script."""
    status = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        # Without what would make it hand itself over again.
        os.environ.update({**request["env"], RUN: "", WARM: ""})
        if (threads := os.environ.get("OMP_NUM_THREADS", "1")) != "1":
            # Numerical libraries read it when they are loaded: too early.
            import_module("threadpoolctl").threadpool_limits(int(threads))
        sys.argv[:] = request["argv"]
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # at once: taking down all that was imported would take long


def main(run: int) -> None:
    """Serve a run until it ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_address(run))
        listener.listen(128)
        print("ready", flush=True)
        _Server(run, listener).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
