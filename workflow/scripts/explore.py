"""Find out which layers of a model are worth factorizing, and how."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.designs import save_designs
    from snugnet.compress.explore import explore
    from snugnet.datasets.samples import load_split
    from snugnet.models import keras2
    from snugnet.models.storage import load_model

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    train, val = load_split(job.input["train"]), load_split(job.input["val"])
    designs = explore(
        load_model(job.input["model"]), train, val, settings["explore"], settings["seed"]
    )
    save_designs(designs, job.output["designs"])


if __name__ == "__main__":
    run(main, snakemake)
