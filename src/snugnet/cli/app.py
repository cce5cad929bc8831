"""The commands of `snugnet`, and the conversion of exceptions to messages and exit codes."""

import errno
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from snugnet import __version__
from snugnet.cli import (
    akida,
    benchmark,
    emulate,
    explain,
    export,
    init,
    inspect,
    quantize,
    run_model,
    verify,
)
from snugnet.core.errors import InputError
from snugnet.core.extras import missing
from snugnet.core.text import escape_controls, find_nearest_name, shorten
from snugnet.services.arguments import ArgumentError

DONE, FAILED, WRONG = 0, 1, 2
# Hints for files that cannot be used.
OS_HINTS: dict[type[OSError], str] = {
    FileNotFoundError: ". Check the path.",
    PermissionError: ". Check the permissions of the file and its folder.",
    IsADirectoryError: ". Give the path of a file.",
    NotADirectoryError: ". Check the path.",
}
# Arguments of the Python API whose option has another name.
OPTIONS = {"class_names": "labels"}
# Hints for other errors of the file system, by number.
DISK_HINTS = {
    errno.EROFS: ". Choose a path on a writable file system.",
    errno.ENOSPC: ". Free some space, or choose a path on another file system.",
    errno.EDQUOT: ". Free some space, or choose a path on another file system.",
}

app = typer.Typer(
    name="snugnet",
    help=(
        "Quantize, inspect, run, verify and export one model file, or set up a study that compares "
        "many compressed variants of a model."
    ),
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"snugnet {__version__} (Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Handle the options of `snugnet` itself."""


app.command("inspect")(inspect.command)
app.command("run")(run_model.command)
app.command("verify")(verify.command)
app.command("explain")(explain.command)
app.command("export")(export.command)
app.command("emulate")(emulate.command)
app.command("quantize")(quantize.command)
app.command("benchmark")(benchmark.command)
app.command("init")(init.command)
app.add_typer(akida.app, name="akida")


def run(arguments: Sequence[str]) -> int:
    """Run a command line and report errors on standard error.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    command = list(arguments) or ["--help"]
    try:
        return int(app(args=command, prog_name="snugnet", standalone_mode=False) or DONE)
    except TyperException as error:
        return _report_request_error(_usage_message(error.format_message()), arguments)
    except ArgumentError as error:
        argument = OPTIONS.get(error.argument, error.argument)
        option = argument.replace("_", "-")
        return _report_request_error(f"--{option}{error.problem}", arguments)
    except InputError as error:
        return _report_request_error(str(error), arguments)
    except OSError as error:
        return _report_request_error(_os_message(error), arguments)
    except ModuleNotFoundError as error:
        return _report_request_error(missing(error), arguments)
    except (typer.Abort, KeyboardInterrupt):
        return FAILED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # nobody reads the output any more
            return FAILED
        raise
    except Exception as error:
        if os.environ.get("SNUGNET_TRACEBACK"):
            raise
        message = f"unexpected {type(error).__name__}: {error}"
        _print_error(f"{message}. Set SNUGNET_TRACEBACK=1 to see where it happened.", arguments)
        return FAILED


def _usage_message(message: str) -> str:
    """Describe a wrong command line: without the type of the error, and with the nearest choice."""
    message = message.replace(": Value error, ", ": ")
    unknown = re.search(r"'([^']*)' is not one of (.*)\.$", message)
    if unknown is None:
        return message
    near = find_nearest_name(unknown[1], re.findall(r"'([^']*)'", unknown[2]))
    return message if near is None else f"{message} Did you mean {near!r}?"


def _os_message(error: OSError) -> str:
    """Describe a file that cannot be read or written."""
    hint = next((text for kind, text in OS_HINTS.items() if isinstance(error, kind)), "")
    hint = hint or DISK_HINTS.get(error.errno or 0, "")
    message = error.strerror or type(error).__name__
    return f"{error.filename}: {message}{hint}" if error.filename else f"{message}{hint}"


def _report_request_error(message: str, arguments: Sequence[str]) -> int:
    _print_error(message, arguments)
    return WRONG


def _print_error(message: str, arguments: Sequence[str]) -> None:
    """Print a message to standard error, and with `--json` also as JSON to standard output."""
    message = shorten(message)
    print(f"snugnet: {escape_controls(message)}", file=sys.stderr)
    if "--json" in arguments:
        print(json.dumps({"error": message}))
