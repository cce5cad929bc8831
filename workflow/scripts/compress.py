"""Create a variant from its parent with a compression method."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module

    from snugnet.compress.request_check import check_in_child
    from snugnet.core.samples import load_split
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model
    from snugnet.models.training.artifacts import save

    settings = job.params.settings
    parent = job.input["parent"]
    check_in_child(lambda: load_model(parent), job.params.requests, job.params.explored_layers)
    keras2.configure(settings["seed"], settings["tf_threads"])
    train, val = load_split(job.input["train"]), load_split(job.input["val"])
    method = import_module(settings["method_module"])
    model, history = method.compress(
        load_model(parent),
        train,
        val,
        method.SETTINGS.from_block(settings["variant"]),
        settings["seed"],
        designs=job.input.get("designs") or None,
    )
    save(model, history, job.output)


if __name__ == "__main__":
    run(main, snakemake)
