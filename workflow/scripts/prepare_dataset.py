"""Read a dataset, split it, scale it, and write its train, val and test splits."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module

    from snugnet.datasets.prepare import prepare, save

    settings = {**job.params.settings["dataset"], "datasets_dir": job.params.datasets_dir}
    seed = job.params.settings["seed"]
    loader = import_module(f"snugnet.datasets.{settings['kind']}")
    prepared = prepare(loader.load(settings, seed), settings, seed)
    save(prepared, {name: job.output[name] for name in prepared.splits}, job.output["record"])


if __name__ == "__main__":
    run(main, snakemake)
