"""Read, split and scale a dataset, and write its train, val and test splits."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module
    from pathlib import Path

    from snugnet.datasets.prepare import prepare, save

    settings = job.params.settings
    loader = import_module(settings["loader_module"])
    dataset = loader.SETTINGS.from_block(settings["dataset"])
    samples = loader.load(dataset, Path(job.params.datasets_dir), settings["seed"])
    prepared = prepare(samples, dataset, settings["dataset"]["name"], settings["seed"])
    save(prepared, {name: job.output[name] for name in prepared.splits}, job.output["record"])


if __name__ == "__main__":
    run(main, snakemake)
