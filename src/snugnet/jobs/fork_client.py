"""The client of the fork servers: runs scripts in children of a server."""

import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from snugnet.core.tensorflow_environment import fix_environment
from snugnet.jobs.import_costs import TENSORFLOW

# Environment variable of jobs: id of Snakemake's main process; empty if jobs cannot see it.
RUN = "SNUGNET_RUN"
# Environment variable of jobs: the secret of the servers; empty if jobs do not use a server. Only
# descendants of Snakemake's main process have it.
SERVERS = "SNUGNET_FORK_SERVERS"
# Exit code of a script that Ctrl-C ended, as in a shell.
INTERRUPTED = 128 + signal.SIGINT


def run_script(
    script: str,
    packages: Iterable[str],
    environment: Mapping[str, str],
    watch: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> int | None:
    """Run a Python script in a child of a server, and wait until it has ended.

    There are two servers: only one of them imports TensorFlow. The child has the working directory
    and the standard streams of this process. The server is started if there is none. If this
    process ends, so does the child.

    Args:
        script: Path of the script.
        packages: Packages that the server imports before.
        environment: Environment variables of the script.
        watch: Makes a context from the process id of the child, for as long as the child runs.

    Returns:
        The exit code of the script, or minus the number of the signal that ended it; None if there
        is no server, or if it died: then the script does not run any more.
    """
    packages = list(packages)
    try:
        with _connect(choose_server(packages)) as server, server.makefile("r") as replies:
            _send(server, script, packages, environment)
            if not (line := replies.readline()):
                return None
            with watch(int(line)):
                line = replies.readline()
    except OSError:
        return None
    return int(line) if line else None


def choose_server(packages: Iterable[str]) -> str:
    """Return the name of the server for a script: "tensorflow", or "light" for all others."""
    needs_tensorflow = any(name.split(".")[0] in TENSORFLOW for name in packages)
    return "tensorflow" if needs_tensorflow else "light"


def address(server: str) -> str:
    """Return the socket address of a server of this run."""
    # Linux's abstract namespace: leaves no file behind. All processes of a network namespace see
    # the address, also those in containers, so it does not contain the secret itself.
    name = hashlib.sha256(f"address {os.environ[SERVERS]}".encode()).hexdigest()[:16]
    return f"\0snugnet-{name}-{server}"


def check_peer(connection: socket.socket) -> None:
    """Check that the process at the other end belongs to this user.

    Raises:
        PermissionError: If it belongs to another user.
    """
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", peer)[1] != os.getuid():
        raise PermissionError("the server process belongs to another user")


def _connect(name: str) -> socket.socket:
    """Connect to a server of the run; start it if there is none."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(address(name))
    except ConnectionRefusedError:
        _start(name)
        server.connect(address(name))
    check_peer(server)
    return server


def _start(name: str) -> None:
    """Start the server and wait until it listens.

    If two jobs start a server at the same time, the second one finds the address in use and ends.
    """
    # Numerical libraries get one thread: a process with several threads cannot be forked safely.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    fix_environment(environment)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "snugnet.jobs.fork_server", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # TensorFlow prints messages on import. An import that fails here also fails in the child.
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    process.stdout.readline()


def _send(
    server: socket.socket, script: str, packages: Iterable[str], environment: Mapping[str, str]
) -> None:
    """Send a request, and the standard streams of this process."""
    request = {
        "secret": os.environ[SERVERS],
        "script": script,
        "packages": list(packages),
        "cwd": str(Path.cwd()),
        "env": dict(environment),
    }
    data = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(server, [data], [0, 1, 2])
    server.sendall(data[sent:])
