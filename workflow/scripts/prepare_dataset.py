"""Read, split and scale a dataset, and write its train, val and test splits."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module

    from snugnet.datasets.prepare import prepare, save

    settings = job.params.settings
    dataset = {**settings["dataset"], "datasets_dir": job.params.datasets_dir}
    loader = import_module(settings["loader_module"])
    samples = loader.load(dataset, settings["seed"])
    prepared = prepare(samples, dataset, settings["seed"])
    save(prepared, {name: job.output[name] for name in prepared.splits}, job.output["record"])


if __name__ == "__main__":
    run(main, snakemake)
