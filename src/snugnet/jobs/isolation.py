"""Work whose outcome counts and whose traces do not: done in a child process."""

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from snugnet.core.errors import InputError


def check_requests(build: Callable[[], Any], requests: list[Any]) -> None:
    """Check what is to be made from a model, before time goes into it.

    What is checked decides only whether a job goes on, not what comes of it: its code is therefore
    imported by name, out of sight of the digests that decide what runs again.

    Args:
        build: Makes the model, in the child.
        requests: Name and settings of variants, as `snugnet.compress.requests.check` takes them.

    Raises:
        InputError: With all that is wrong.
    """
    if requests:
        aside(lambda: import_module("snugnet.compress.requests").check(build(), requests))


def aside(work: Callable[[], None]) -> None:
    """Do something in a child, so that neither its imports nor its random numbers are left here.

    Args:
        work: Called in the child. Call this before TensorFlow has run an operator: its threads
            would not be in the child.

    Raises:
        InputError: If `work` raises one, with its message.
        RuntimeError: If the child ends in any other way than well.
    """
    sys.stdout.flush()  # or the child would print it once more
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _tell(work, writer)
    os.close(writer)
    with os.fdopen(reader) as stream:
        message = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if message:
        raise InputError(message)
    if status:
        raise RuntimeError(f"the forked child process ended with status {status}")


def _tell(work: Callable[[], None], writer: int) -> NoReturn:
    status = 1
    try:
        work()
        status = 0
    except InputError as error:
        os.write(writer, str(error).encode())
    except BaseException:
        traceback.print_exc()
    finally:  # whatever happens, this copy of the job must not go on
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
