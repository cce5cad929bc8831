"""Entry point of the command `snugnet`."""

import faulthandler
import json
import os
import re
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

# What faulthandler writes of a call: the file, and the function in it.
CALL = re.compile(r'File "(.*)", line \d+ in (.*)')


def main() -> int:
    """Run the command line.

    The work is done in a child process, since libraries written in C++ may end theirs: LiteRT
    aborts on some files that the converter makes, and a kernel kills what takes too much memory.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    if os.environ.get("SNUGNET_TRACEBACK"):
        return _run()
    with tempfile.TemporaryDirectory(prefix="snugnet") as folder:
        child = os.fork()
        if child == 0:
            _work(Path(folder))
        status = _wait(child)
        if status >= 0:
            return status
        said = _epitaph(-status, Path(folder) / "calls")
    print(f"snugnet: {said}", file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps({"error": said}))
    return 1


def _run() -> int:
    try:
        from snugnet.cli.app import run
    except ModuleNotFoundError as error:
        message = f"package {error.name} is not installed. Run: pip install 'snugnet[tflite]'"
        print(f"snugnet: {message}", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


def _work(folder: Path) -> None:
    """Run the command line and end this process.

    Args:
        folder: For temporary files, so that none is left whatever happens; and for `calls`, which
            tells where this process was when it crashed.
    """
    status = 1
    try:
        tempfile.tempdir = str(folder)
        faulthandler.enable((folder / "calls").open("w"), all_threads=False)
        _keep_standard_error_for_python()
        status = _run()
    finally:  # whatever happens, this copy of the process must not go on
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError):  # closed, or nobody reads any more
                stream.flush()
        os._exit(status)


def _wait(child: int) -> int:
    """Wait for a process, handing on what asks to end; give its exit code, or minus a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells both
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, lambda number, _: os.kill(child, number))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _epitaph(number: int, calls: Path) -> str:
    """Describe the signal that ended the child process."""
    name = signal.Signals(number).name
    found = CALL.search(calls.read_text())
    if number == signal.SIGKILL:
        return (
            f"the process was killed ({name}), probably because memory ran out. Use fewer samples."
        )
    if found is None:
        return f"the process was ended by a signal ({name}). Run the command again."
    _, installed, place = found[1].rpartition("site-packages/")
    what = place.partition("/")[0] if installed else Path(place).name
    return (
        f"{what} crashed in {found[2]} ({name}): it does not support this model or data. "
        "Nothing was written. Set SNUGNET_TRACEBACK=1 to see the messages of the library."
    )


def _keep_standard_error_for_python() -> None:
    """Drop what libraries log from C++: a dozen lines about GPUs that are not there, above all.

    What they refuse comes as exceptions. TensorFlow's own settings do not silence these lines.
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
