"""A fork server, which imports large packages only once for all jobs of a run.

Importing TensorFlow takes longer than most jobs. The first job with large imports therefore starts
a server. From then on, such jobs hand their script over to the server: a forked child, in which the
packages are already imported, runs the same file. The job itself waits, forwards signals, and ends
with the status of the child. Without a server, or if the server dies, a job runs by itself: the
result is the same, but it takes longer.

The server belongs to one run and one user. The server and all of its children end when Snakemake's
main process ends; a child also ends with its job. Jobs on other machines do not use the server.
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

# Environment variable of jobs: id of Snakemake's main process; empty if jobs cannot see it.
RUN = "SNUGNET_RUN"
# Environment variable of jobs: name of the server; empty if jobs do not use a server.
WARM = "SNUGNET_WARM"
# Signals that a waiting job forwards to the child.
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # see prctl(2)
PIDFD_OPEN = 434  # number of the system call, the same on all processors


def announce(here: bool, warm: bool) -> None:
    """Store the main process and the name of the server in the environment of the jobs of this run.

    Args:
        here: Whether this is the main process of a run whose jobs see the same processes and files.
        warm: Whether the jobs share a server.
    """
    here = here and sys.platform == "linux"
    os.environ[RUN] = str(os.getpid()) if here else ""
    os.environ[WARM] = secrets.token_hex(8) if here and warm else ""


def end_with_the_run() -> None:
    """Make this process end when the main process of the run ends, even if that is killed."""

    def kill_after(run: int) -> None:
        with suppress(ProcessLookupError):
            select.select([_watch(run)], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    if run := os.environ.get(RUN):
        threading.Thread(target=kill_after, args=(int(run),), daemon=True).start()


def _watch(process: int) -> int:
    """Open a file descriptor that becomes readable when a process ends.

    Not every build of Python has `os.pidfd_open`, so the system call is made directly.

    Raises:
        OSError: If the process cannot be watched, for example because it has ended.
    """
    descriptor = int(ctypes.CDLL(None, use_errno=True).syscall(PIDFD_OPEN, process, 0))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), f"cannot watch process {process}")
    return descriptor


def hand_over(code: Mapping[str, str]) -> None:
    """Let the server run the script of this process; return if this process must run it itself.

    If a signal ended the child, the same signal ends this process.

    Args:
        code: Digests of all modules that the job can reach, by name of the module.

    Raises:
        SystemExit: With the exit code of the child.
    """
    packages = [package for module in sorted(code) for package in IMPORTS.get(module, ())]
    if not packages or not os.environ.get(WARM):
        return
    try:
        with _connect() as server:
            _send(server, packages)
            status = _wait_for_status(server)
    except OSError:
        return
    if status is not None:
        _end_like(os.waitstatus_to_exitcode(status))


def _end_like(code: int) -> NoReturn:
    """End this process like the child: with its exit code, or by the signal -`code`."""
    if code == -signal.SIGKILL:
        print("the job was killed (SIGKILL): probably out of memory", file=sys.stderr)
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


def _address() -> str:
    return f"\0snugnet-{os.environ[WARM]}"  # Linux's abstract namespace: leaves no file behind


def _connect() -> socket.socket:
    """Connect to the server of the run; start it if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(_address())
    except ConnectionRefusedError:
        _start()
        server.connect(_address())
    _check_peer(server)
    return server


def _check_peer(connection: socket.socket) -> None:
    """Check that the process at the other end belongs to this user.

    Raises:
        PermissionError: If it belongs to another user.
    """
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("the server process belongs to another user")


def _start() -> None:
    """Start the server and wait until it listens.

    If two jobs start a server at the same time, the second one finds the address in use and ends.
    """
    # Numerical libraries get one thread: a process with several threads cannot be forked safely.
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "snugnet.jobs.fork_server"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # TensorFlow prints messages on import. An import that fails here also fails in the child.
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **single, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert process.stdout is not None
    process.stdout.readline()


def _send(server: socket.socket, packages: list[str]) -> None:
    """Send the packages to import, the state of this process, and its standard streams."""
    state = {"argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    data = json.dumps({"packages": packages, **state}).encode() + b"\n"
    sent = socket.send_fds(server, [data], [0, 1, 2])
    server.sendall(data[sent:])


def _wait_for_status(server: socket.socket) -> int | None:
    """Wait for the status of the child and forward signals to it; None if the server died."""
    with server.makefile("r") as replies:
        if not (line := replies.readline()):
            return None
        child = int(line)

        def forward(number: int, _: object) -> None:
            with suppress(ProcessLookupError):  # the child has just ended
                os.kill(child, number)

        handlers = {number: signal.signal(number, forward) for number in FORWARDED}
        try:
            line = replies.readline()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return int(line) if line else None


def main() -> None:
    """Serve the jobs of a run until the run ends."""
    run, server = _watch(int(os.environ[RUN])), _watch(os.getpid())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the status of a guard is not needed
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_address())
        listener.listen(128)
        print("ready", flush=True)
        while run not in select.select([run, listener.fileno()], [], [])[0]:
            job, _ = listener.accept()
            with job, suppress(OSError, ValueError), _receive(job) as request:
                _import(["snakemake.script", *request["packages"]])
                if os.fork() == 0:
                    listener.close()  # otherwise the address would outlive the server
                    _guard(job, server, request)
    os._exit(0)  # skip the cleanup of imported packages, which takes half a second


def _guard(job: socket.socket, server: int, request: Mapping[str, Any]) -> NoReturn:
    """Run a job in a child and send its status; end the child if the job or the server ends.

    If the connection closes without a status, the job runs its script itself. This process and the
    child both hold the connection, so that cannot happen while one of them lives.

    Args:
        job: Connection to the job.
        server: File descriptor that becomes readable when the server ends.
        request: The request of the job.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        guard, child = os.getpid(), os.fork()
        if child == 0:
            _run_script(request, guard)
        os.setpgid(child, child)
        job.sendall(f"{child}\n".encode())
        child_end = _watch(child)
        has_ended = child_end in select.select([child_end, job.fileno(), server], [], [])[0]
        os.killpg(child, signal.SIGKILL)  # also ends all processes that the child started
        _, status = os.waitpid(child, 0)
        if has_ended:
            job.sendall(f"{status}\n".encode())
    finally:
        os._exit(0)


@contextmanager
def _receive(job: socket.socket) -> Iterator[dict[str, Any]]:
    """Receive a request with its standard streams, which are closed when the context ends.

    Raises:
        ValueError: If the request is incomplete.
    """
    _check_peer(job)
    job.settimeout(10)  # a job that sends nothing must not block the others
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
            with suppress(Exception):  # the child imports it again and reports the error in its log
                import_module(name)
    # Children share the memory of these objects. Without `freeze`, their garbage collectors would
    # write to all of them and so copy the memory.
    gc.freeze()


def _run_script(request: Mapping[str, Any], guard: int) -> NoReturn:
    """Run the script of a job in a new child, with the job's streams, folder and environment.

    Args:
        request: The request of the job.
        guard: Process id of the parent.
    """
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # the guard ended before prctl, so no signal would come
            os._exit(1)
        for number, stream in enumerate(request["streams"]):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update({**request["env"], WARM: ""})  # the child must not hand over again
        if (threads := os.environ.get("OMP_NUM_THREADS", "1")) != "1":
            # Numerical libraries read the variable when they are loaded, which is done already.
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
        # The steps of a normal exit, without the cleanup of imported packages, which would take
        # half a second.
        with suppress(Exception):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
