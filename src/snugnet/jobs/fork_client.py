"""Give a job script to the fork server of the run, or run it here (see `snugnet.jobs.fork_server`).

Usage: python -I -S fork_client.py SCRIPT [PACKAGE ...]

Snakemake starts this program instead of the script. It uses nothing outside the standard library,
so it starts in 30 ms; the start of the script itself, which imports Snakemake, takes ten times as
long. It waits for the forked child that runs the script, forwards signals to it, and ends as the
child ends. Without a server, or if the server dies, it runs the script in its own process.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

# Environment variable of jobs: id of Snakemake's main process; empty if jobs cannot see it.
RUN = "SNUGNET_RUN"
# Environment variable of jobs: name of the server; empty if jobs do not use a server.
WARM = "SNUGNET_WARM"
# Signals that a waiting job forwards to the child.
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> NoReturn:
    """Run the script of the command line through the server, else in this process."""
    script, *packages = sys.argv[1:]
    status = None
    with suppress(OSError), _connect() as server:
        _send(server, script, packages)
        status = _wait_for_status(server)
    if status is not None:
        _end_like(os.waitstatus_to_exitcode(status))
    os.execv(sys.executable, [sys.executable, script])


def address() -> str:
    """Return the socket address of the server of this run."""
    return f"\0snugnet-{os.environ[WARM]}"  # Linux's abstract namespace: leaves no file behind


def check_peer(connection: socket.socket) -> None:
    """Check that the process at the other end belongs to this user.

    Raises:
        PermissionError: If it belongs to another user.
    """
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("the server process belongs to another user")


def _connect() -> socket.socket:
    """Connect to the server of the run; start it if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(address())
    except ConnectionRefusedError:
        _start()
        server.connect(address())
    check_peer(server)
    return server


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


def _send(server: socket.socket, script: str, packages: list[str]) -> None:
    """Send the script, the packages to import, the state of this process, and its streams."""
    folder = str(Path.cwd())
    state = {"script": script, "packages": packages, "cwd": folder, "env": dict(os.environ)}
    data = json.dumps(state).encode() + b"\n"
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


def _end_like(code: int) -> NoReturn:
    """End this process like the child: with its exit code, or by the signal -`code`."""
    if code == -signal.SIGKILL:
        print("the job was killed (SIGKILL): probably out of memory", file=sys.stderr)
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
