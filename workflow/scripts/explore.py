"""Search for the layers of a model to factorize, and for their ranks."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.lowrank.design_space import save_designs
    from snugnet.compress.lowrank.explore import explore
    from snugnet.core.samples import load_split
    from snugnet.core.settings.exploration import ExplorationSettings
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    train, val = load_split(job.input["train"]), load_split(job.input["val"])
    search = ExplorationSettings.model_validate(settings["explore"])
    designs = explore(load_model(job.input["model"]), train, val, search, settings["seed"])
    save_designs(designs, job.output["designs"])


if __name__ == "__main__":
    run(main, snakemake)
