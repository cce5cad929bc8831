"""All commands, and how each of them ends: never with a traceback."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from snugnet.cli import (
    akida,
    benchmark,
    explain,
    export,
    init,
    inspect,
    quantize,
    run_model,
    verify,
)
from snugnet.cli.extras import missing
from snugnet.errors import InputError

DONE, FAILED, WRONG = 0, 1, 2

app = typer.Typer(
    name="snugnet",
    help="One model: quantize it, look into it, run it bit for bit, check it, export it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"snugnet {version('snugnet')} (Python {platform.python_version()})")
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
app.command("quantize")(quantize.command)
app.command("benchmark")(benchmark.command)
app.command("init")(init.command)
app.add_typer(akida.app, name="akida")


def run(arguments: Sequence[str]) -> int:
    """Run a command line and say what went wrong, if anything did.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 the request was wrong.
    """
    command = list(arguments) or ["--help"]
    try:
        return int(app(args=command, prog_name="snugnet", standalone_mode=False) or DONE)
    except TyperException as error:
        return _refused(error.format_message(), arguments)
    except InputError as error:
        return _refused(str(error), arguments)
    except OSError as error:
        return _refused(f"{error.filename}: {error.strerror}", arguments)
    except ModuleNotFoundError as error:
        return _refused(missing(error), arguments)
    except (typer.Abort, KeyboardInterrupt):
        return FAILED
    except Exception as error:
        if os.environ.get("SNUGNET_TRACEBACK"):
            raise
        said = f"{type(error).__name__}: {error} (SNUGNET_TRACEBACK=1 shows where)"
        _say(said, arguments)
        return FAILED


def _refused(message: str, arguments: Sequence[str]) -> int:
    _say(message, arguments)
    return WRONG


def _say(message: str, arguments: Sequence[str]) -> None:
    """Tell people on standard error, and programs that asked for JSON in JSON too."""
    print(f"snugnet: {message}", file=sys.stderr)
    if "--json" in arguments:
        print(json.dumps({"error": message}))
