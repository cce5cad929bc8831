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
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from snugnet.jobs.import_costs import IMPORTS

# In the environment of jobs: Snakemake's main process, if it is one with them; the server's name.
RUN = "SNUGNET_RUN"
WARM = "SNUGNET_WARM"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # prctl(2)
PIDFD_OPEN = 434  # on all processors


def announce(here: bool, warm: bool) -> None:
    """Tell the jobs of this run, through the environment, what they belong to.

    Args:
        here: Whether this is the main process of a run whose jobs see the same processes and files.
        warm: Whether they are to share a server.
    """
    here = here and sys.platform == "linux"
    os.environ[RUN] = str(os.getpid()) if here else ""
    os.environ[WARM] = secrets.token_hex(8) if here and warm else ""


def end_with_the_run() -> None:
    """Make this process end when the run does, even if that is killed."""

    def follow(run: int) -> None:
        with suppress(ProcessLookupError):
            select.select([_watch(run)], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    if run := os.environ.get(RUN):
        threading.Thread(target=follow, args=(int(run),), daemon=True).start()


def _watch(process: int) -> int:
    """Open what is readable once a process has ended; Python's own way is not in all its builds."""
    watched = int(ctypes.CDLL(None, use_errno=True).syscall(PIDFD_OPEN, process, 0))
    if watched < 0:
        raise OSError(ctypes.get_errno(), f"cannot watch process {process}")
    return watched


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
        with _connect() as server:
            _send(server, packages)
            status = _await(server)
    except OSError:
        return
    if status is not None:
        _end_like(os.waitstatus_to_exitcode(status))


def _end_like(code: int) -> NoReturn:
    if code == -signal.SIGKILL:
        print("the job was killed (SIGKILL): probably out of memory", file=sys.stderr)
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


def _address() -> str:
    return f"\0snugnet-{os.environ[WARM]}"  # in Linux's abstract namespace: no file is left


def _connect() -> socket.socket:
    """Connect to the run's server, started if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(_address())
    except ConnectionRefusedError:
        _start()
        server.connect(_address())
    _check_peer(server)
    return server


def _check_peer(connection: socket.socket) -> None:
    """Refuse whoever is not this user, by raising PermissionError."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("the server process belongs to another user")


def _start() -> None:
    """Start the server and wait until it listens; of two, one finds the address taken and ends."""
    # One thread in numerical libraries: a process with several cannot be forked safely.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "snugnet.jobs.fork_server"],
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

        def forward(number: int, _: object) -> None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(child, number)

        before = {number: signal.signal(number, forward) for number in FORWARDED}
        try:
            line = answers.readline()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return int(line) if line else None


def main() -> None:
    """Serve the run that this process belongs to until it ends."""
    ended, own = _watch(int(os.environ[RUN])), _watch(os.getpid())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a guard ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_address())
        listener.listen(128)
        print("ready", flush=True)
        while ended not in select.select([ended, listener.fileno()], [], [])[0]:
            job, _ = listener.accept()
            with job, suppress(OSError, ValueError), _received(job) as request:
                _import(["snakemake.script", *request["packages"]])
                if os.fork() == 0:
                    listener.close()  # or it would seem open when the server is gone
                    _guard(job, own, request)
    os._exit(0)  # at once: taking down all that was imported takes half a second


def _guard(job: socket.socket, server: int, request: Mapping[str, Any]) -> NoReturn:
    """Run a job in a child and say how that ended; end it if the job or the server does.

    The job takes over as soon as nobody holds its connection any more: this process and the child
    do, so never while one of them lives.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        guard, child = os.getpid(), os.fork()
        if child == 0:
            _become(request, guard)
        os.setpgid(child, child)
        job.sendall(f"{child}\n".encode())
        ended = _watch(child)
        by_itself = ended in select.select([ended, job.fileno(), server], [], [])[0]
        os.killpg(child, signal.SIGKILL)  # and all that it started
        _, status = os.waitpid(child, 0)
        if by_itself:
            job.sendall(f"{status}\n".encode())
    finally:
        os._exit(0)


@contextmanager
def _received(job: socket.socket) -> Iterator[dict[str, Any]]:
    """Receive a request and, while it is needed, its streams; ValueError if it was cut off."""
    _check_peer(job)
    job.settimeout(10)  # nobody may keep the others waiting
    data, streams, _, _ = socket.recv_fds(job, 65536, 3)
    try:
        while not data.endswith(b"\n") and (more := job.recv(65536)):
            data += more
        yield {**json.loads(data), "streams": streams}
    finally:
        for stream in streams:
            os.close(stream)


def _import(packages: list[str]) -> None:
    for name in packages:
        if name not in sys.modules:
            with suppress(Exception):  # the child's own import says it where it is read
                import_module(name)
    # Children share these objects; without this their garbage collector would write to them all.
    gc.freeze()


def _become(request: Mapping[str, Any], guard: int) -> NoReturn:
    """Turn a fresh child into the job: its streams, folder, environment and script."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it died before it could take us with it
            os._exit(1)
        for number, stream in enumerate(request["streams"]):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update({**request["env"], WARM: ""})  # it shall not hand itself over again
        if (threads := os.environ.get("OMP_NUM_THREADS", "1")) != "1":
            # Numerical libraries read it when they are loaded: too early.
            import_module("threadpoolctl").threadpool_limits(int(threads))
        sys.argv[:] = request["argv"]
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        # As Python ends, less taking down all that was imported, which would take half a second.
        with suppress(Exception):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
