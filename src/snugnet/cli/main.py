"""Entry point of the command `snugnet`."""

import faulthandler
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from snugnet.core.forks import start_child, wait_for_child
from snugnet.core.text import escape_controls

# A line of faulthandler's output: the file and the function of a call.
CALL = re.compile(r'File "(.*)", line \d+ in (.*)')


def main() -> int:
    """Run the command line.

    The work is done in a child process, because libraries written in C++ may end their process:
    LiteRT aborts on some files of the converter. The operating system may also kill the process
    when memory runs out.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    if os.environ.get("SNUGNET_TRACEBACK"):
        return _run()
    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        # The child sees the end of this process as the end of the pipe.
        reader, writer = os.pipe()
        child = start_child(lambda: _work(Path(folder), reader, writer), ends_with_parent=False)
        os.close(reader)
        status = _wait(child)
        if status >= 0:
            return status
        message = _describe_crash(-status, Path(folder) / "calls")
    print(f"snugnet: {escape_controls(message)}", file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps({"error": message}))
    return 1


def _run() -> int:
    try:
        from snugnet.cli.app import run
    except ModuleNotFoundError as error:
        from snugnet.core.extras import missing

        print(f"snugnet: {missing(error)}", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


def _work(folder: Path, reader: int, writer: int) -> int:
    """Run the command line in the child process.

    Args:
        folder: Folder for temporary files, which the parent removes, and for `calls`, the stack
            of this process when it crashes.
        reader: End of a pipe from the parent; nothing is written to it.
        writer: The other end, which the parent keeps open.

    Returns:
        The exit code.
    """
    os.close(writer)
    threading.Thread(target=_end_with_parent, args=(reader, folder), daemon=True).start()
    tempfile.tempdir = str(folder)
    faulthandler.enable((folder / "calls").open("w"), all_threads=False)
    _keep_standard_error_for_python()
    return _run()


def _end_with_parent(reader: int, folder: Path) -> None:
    """Wait until the parent ends, for example because it is killed; then remove its folder."""
    os.read(reader, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(child: int) -> int:
    """Wait for a process and forward signals to it.

    Returns:
        The exit code, or minus the number of the signal that ended the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both processes
    for forwarded in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(forwarded, lambda number, _: os.kill(child, number))
    return wait_for_child(child)


def _describe_crash(number: int, calls: Path) -> str:
    """Describe the signal that ended the child process."""
    name = signal.Signals(number).name
    call = CALL.search(calls.read_text())
    if number == signal.SIGKILL:
        return (
            f"the process was killed ({name}), probably because memory ran out. Use fewer samples."
        )
    if call is None:
        return f"the process was ended by a signal ({name}). Run the command again."
    _, installed, place = call[1].rpartition("site-packages/")
    library = place.partition("/")[0] if installed else Path(place).name
    return (
        f"{library} crashed in {call[2]} ({name}): it does not support this model or data. "
        "Nothing was written."
    )


def _keep_standard_error_for_python() -> None:
    """Drop the log lines of C++ libraries: mostly a dozen lines about missing GPUs.

    Errors arrive as exceptions. TensorFlow's own settings do not silence these lines.
    """
    if sys.stderr is None:  # it was closed
        return
    encoding, errors = sys.stderr.encoding, sys.stderr.errors
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=encoding, errors=errors)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
