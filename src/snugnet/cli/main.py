"""The command `snugnet`: one model at a time, without a study."""

import os
import sys


def main() -> int:
    """Run the command line.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    if not os.environ.get("SNUGNET_TRACEBACK"):
        _keep_standard_error_for_python()
    try:
        from snugnet.cli.app import run
    except ModuleNotFoundError as error:
        print(f"snugnet: {error.name} is missing: pip install 'snugnet[tflite]'", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


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
