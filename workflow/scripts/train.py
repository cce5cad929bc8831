"""Train a model from random weights."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module

    from snugnet.compress.request_check import check_in_child
    from snugnet.core.samples import load_split
    from snugnet.core.settings.training import TrainingSettings
    from snugnet.models.loading import keras2
    from snugnet.models.training.artifacts import save
    from snugnet.models.training.fit import fit

    settings = job.params.settings
    train, val = load_split(job.input["train"]), load_split(job.input["val"])

    def build() -> Any:
        keras2.configure(settings["seed"], settings["tf_threads"])
        architecture = import_module(settings["architecture_module"])
        block = architecture.SETTINGS.from_block(settings["model"])
        return architecture.build(block, train.x.shape[1:], train.task, len(train.class_names))

    check_in_child(build, job.params.requests, job.params.explored_layers)
    model = build()
    training = TrainingSettings.model_validate(settings["model"]["training"])
    history = fit(model, train, val, training, settings["seed"])
    save(model, history, job.output)


if __name__ == "__main__":
    run(main, snakemake)
