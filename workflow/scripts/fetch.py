"""Download the missing files of public datasets."""

import os
from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# The progress bar of a download is shown in the console; all other output goes to the log.
CONSOLE = os.dup(2)


def main(job: Any) -> None:
    from pathlib import Path

    from tqdm import tqdm

    from snugnet.core.errors import InputError
    from snugnet.core.settings.fetch import Fetch
    from snugnet.datasets.fetch import fetch

    settings, failures = Fetch.from_block(job.params.settings["fetch"]), []
    for kind in settings.datasets:
        with (
            open(CONSOLE, "w", closefd=False) as console,
            tqdm(desc=kind, unit="B", unit_scale=True, file=console) as meter,
        ):
            try:
                count = fetch(kind, Path(job.params.settings["datasets_dir"]), settings, meter)
                print(f"{kind}: downloaded {count} files; the others existed")
            except InputError as error:
                failures.append(str(error))
    if failures:
        raise InputError("\n".join(failures))


if __name__ == "__main__":
    run(main, snakemake)
