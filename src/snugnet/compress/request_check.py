"""Run the check of requested variants, before training, in a child process."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snugnet.core.errors import InputError
from snugnet.core.isolation import run_in_child


def check_in_child(
    build: Callable[[], Any],
    blocks: Sequence[tuple[str, Mapping[str, Any]]],
    explored_layers: Sequence[str],
) -> None:
    """Check that each variant can be made, in a child process.

    There it cannot change the state of TensorFlow, so the outputs of a job do not depend on it.

    Args:
        build: Builds the Keras model. It is called in the child process, and only if there are
            variants.
        blocks: Name and block of each variant, as for `requests.read_requests`.
        explored_layers: Names of layers, as for `requests.check`.

    Raises:
        InputError: If a check fails, as for `requests.check`.
        RuntimeError: If the check crashes.
    """
    if not blocks:
        return

    def check() -> None:
        # This imports all compression methods, which takes a second: jobs without variants do not.
        from snugnet.compress import requests

        requests.check(build(), requests.read_requests(blocks), explored_layers)

    result = run_in_child(check)
    if result.message:
        raise InputError(result.message)
    if result.status:
        how = f"crashed ({result.crash})" if result.crash else "failed; see the messages above"
        raise RuntimeError(f"the check of the requested variants {how}")
