"""A fork server, which imports large packages only once for all jobs of a run.

Importing Snakemake, pandas or TensorFlow takes longer than most jobs. Snakemake's main process
therefore starts this server with the first job, and gives it the script of each job
(`snugnet.jobs.fork_client`). A forked child, in which the packages are already imported, runs the
script. Without a server, or if the server dies, Snakemake runs the script as usual: the result is
the same, but it takes longer.

A run has two servers. The larger a process is, the longer it takes to fork, and TensorFlow makes it
large. One server therefore imports TensorFlow and one does not.

A server belongs to one run and one user. A server and all of its children end when Snakemake's
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
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from snugnet.core.parent import end_with_parent
from snugnet.jobs.fork_client import INTERRUPTED, RUN, SERVERS, address, check_peer

# Signals that a terminal or a cluster sends to all processes of a run. They end the jobs; the
# server ends with the run.
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Packages that every job imports.
FOR_ALL_JOBS = ("snakemake.script", "numpy")
PIDFD_OPEN = 434  # number of the system call, the same on all processors


def announce(here: bool, shared: bool) -> None:
    """Store the main process and the secret of the servers in the environment of this run's jobs.

    Args:
        here: Whether this is the main process of a run whose jobs see the same processes and files.
        shared: Whether the jobs share servers.
    """
    here = here and sys.platform == "linux" and _can_watch()
    os.environ[RUN] = str(os.getpid()) if here else ""
    os.environ[SERVERS] = secrets.token_hex(16) if here and shared else ""


def _can_watch() -> bool:
    """Return whether this system can watch processes; Linux can since version 5.3."""
    try:
        os.close(_watch(os.getpid()))
    except OSError:
        return False
    return True


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


def main() -> None:
    """Serve the jobs of a run until the run ends. The argument is the name of this server."""
    run, server = _watch(int(os.environ[RUN])), _watch(os.getpid())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the status of a guard is not needed
    received: list[int] = []
    handlers = {number: _record(number, received) for number in FORWARDED}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address(sys.argv[1]))
        listener.listen(128)
        print("ready", flush=True)
        while run not in select.select([run, listener.fileno()], [], [])[0]:
            job, _ = listener.accept()
            with job, suppress(OSError, ValueError), _receive(job) as request:
                _import([*FOR_ALL_JOBS, *request["packages"]])
                if os.fork() == 0:
                    listener.close()  # otherwise the address would outlive the server
                    _guard(job, server, request, handlers, received)
    os._exit(0)  # skip the cleanup of imported packages, which takes half a second


def _record(number: signal.Signals, received: list[int]) -> Any:
    """Append a signal to a list when it arrives, unless it is ignored; return the old handler."""
    handler = signal.getsignal(number)
    if handler != signal.SIG_IGN:
        signal.signal(number, lambda arrived, _: received.append(arrived))
    return handler


def _guard(
    job: socket.socket,
    server: int,
    request: Mapping[str, Any],
    handlers: Mapping[signal.Signals, Any],
    received: Sequence[int],
) -> NoReturn:
    """Run a job in a child and send its status; end the child if the job or the server ends.

    If the connection closes without a status, Snakemake runs the script itself. This process and
    the child both hold the connection, so that cannot happen while one of them lives.

    Args:
        job: Connection to the job.
        server: File descriptor that becomes readable when the server ends.
        request: The request of the job.
        handlers: Handlers of signals in the child.
        received: Signals that the server has received. They also end jobs that had to wait while
            the server imported packages.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A signal that arrives before it can be forwarded waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        guard, child = os.getpid(), os.fork()
        if child == 0:
            _run_script(request, guard, handlers)
        os.setpgid(child, child)
        _forward_signals(child)
        for number in received:
            os.kill(child, number)
        job.sendall(f"{child}\n".encode())
        child_end = _watch(child)
        has_ended = child_end in select.select([child_end, job.fileno(), server], [], [])[0]
        os.killpg(child, signal.SIGKILL)  # also ends all processes that the child started
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        if has_ended and end is not None:
            status = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
            job.sendall(f"{status}\n".encode())
            # The client may just begin to measure the child. Its process id therefore remains until
            # the client has closed the connection.
            select.select([job.fileno(), server], [], [])
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def _forward_signals(child: int) -> None:
    """Forward signals to a child, which has its own process group, and unblock them here."""

    def forward(number: int, _: object) -> None:
        with suppress(ProcessLookupError):  # the child has just ended
            os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)


@contextmanager
def _receive(job: socket.socket) -> Iterator[dict[str, Any]]:
    """Receive a request with its standard streams, which are closed when the context ends.

    Raises:
        ValueError: If the request is incomplete, or does not contain the secret of this run.
    """
    check_peer(job)
    job.settimeout(10)  # a job that sends nothing must not block the others
    data, streams, _, _ = socket.recv_fds(job, 65536, 3)
    try:
        while not data.endswith(b"\n") and (more := job.recv(65536)):
            data += more
        request = json.loads(data)
        secret = str(request.pop("secret", "")) if isinstance(request, dict) else ""
        if not secrets.compare_digest(secret.encode(), os.environ[SERVERS].encode()):
            raise ValueError("wrong secret")
        yield {**request, "streams": streams}
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


def _run_script(
    request: Mapping[str, Any], guard: int, handlers: Mapping[signal.Signals, Any]
) -> NoReturn:
    """Run the script of a job in a new child, with the job's streams, folder and environment.

    Args:
        request: The request of the job.
        guard: Process id of the parent.
        handlers: Handlers of signals.
    """
    status = 1
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        end_with_parent(guard)
        for descriptor, stream in enumerate(request["streams"]):
            os.dup2(stream, descriptor)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update({**request["env"], SERVERS: ""})  # a run inside of it has its own server
        if (threads := os.environ.get("OMP_NUM_THREADS", "1")) != "1":
            # Numerical libraries read the variable when they are loaded, which is done already.
            import_module("threadpoolctl").threadpool_limits(int(threads))
        sys.argv[:] = [request["script"]]
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        status = INTERRUPTED  # no traceback: the user has stopped the run
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
