"""Train the parent variant of a model on."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.datasets.samples import load_split
    from snugnet.models import keras2
    from snugnet.models.storage import load_model
    from snugnet.models.trained import save
    from snugnet.models.training import fit

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    train, val = load_split(job.input["train"]), load_split(job.input["val"])
    model = load_model(job.input["parent"])
    history = fit(model, train, val, settings["training"], settings["seed"])
    save(model, history, job.output)


if __name__ == "__main__":
    run(main, snakemake)
