"""Download the files of public datasets that are not there yet."""

import os
from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# What is printed goes to the log; who downloads wants to see that it goes on.
CONSOLE = os.dup(2)


def main(job: Any) -> None:
    from pathlib import Path

    from tqdm import tqdm

    from snugnet.core.errors import InputError
    from snugnet.datasets.fetch import fetch

    settings, failures = job.params.settings["fetch"], []
    for kind in settings["datasets"]:
        with (
            open(CONSOLE, "w", closefd=False) as console,
            tqdm(desc=kind, unit="B", unit_scale=True, file=console) as meter,
        ):
            try:
                came = fetch(kind, Path(job.params.settings["datasets_dir"]), settings, meter)
                print(f"{kind}: downloaded {came} files; the others existed")
            except InputError as error:
                failures.append(str(error))
    if failures:
        raise InputError("\n".join(failures))


if __name__ == "__main__":
    run(main, snakemake)
