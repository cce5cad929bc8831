"""Check before training whether a model allows the variants of the study."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from snugnet.core.errors import InputError
from snugnet.core.isolation import run_in_child


def check_requests(
    build: Callable[[], Any],
    requests: Sequence[tuple[str, Mapping[str, Any]]],
    explored_layers: Sequence[str],
) -> None:
    """Check in a child process that a model allows the variants that a study makes from it.

    The check decides whether a job goes on, not what its outputs are. Its code is therefore
    imported by name, so that the code digests do not cover it.

    Args:
        build: Returns the model. It is called in the child process.
        requests: Name and block of each variant, in the form that
            `snugnet.compress.requests.read_requests` takes.
        explored_layers: Names of the layers that the design space of the model covers.

    Raises:
        InputError: If the model does not allow a variant; the message names all rejected variants.
        RuntimeError: If the child process crashes.
    """
    if not requests:
        return

    def check() -> None:
        module = import_module("snugnet.compress.requests")
        module.check(build(), module.read_requests(requests), explored_layers)

    result = run_in_child(check)
    if result.message:
        raise InputError(result.message)
    if result.status:
        raise RuntimeError(f"the forked child process ended with status {result.status}")
