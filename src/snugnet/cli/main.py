"""The command `snugnet`: one model at a time, without a study."""

import sys


def main() -> int:
    """Run the command line.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    try:
        from snugnet.cli.app import run
    except ModuleNotFoundError as error:
        print(f"snugnet: {error.name} is missing: pip install 'snugnet[tflite]'", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
