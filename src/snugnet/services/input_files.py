"""Check of the files that a request names."""

import errno
import os
from pathlib import Path

from snugnet.core.files import check_regular


def check_input_files(*paths: Path | None) -> None:
    """Check that files exist, before anything is read or written.

    Args:
        paths: Paths of files or folders; None for those that the request does not name.

    Raises:
        FileNotFoundError: If a path does not exist.
        InputError: If it is a pipe or a device.
    """
    for path in paths:
        if path is None:
            continue
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        check_regular(path)
