"""Import a model that is already trained."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.import_model import import_model
    from snugnet.compress.request_check import check_in_child
    from snugnet.core.samples import load_split
    from snugnet.core.settings.architectures.pretrained import File
    from snugnet.models.loading import keras2
    from snugnet.models.training.artifacts import save

    settings = job.params.settings
    val = load_split(job.input["val"])

    def build() -> Any:
        keras2.configure(0, settings["tf_threads"])  # any seed: nothing is random here
        return import_model(File(file=settings["file"]), val)

    check_in_child(build, job.params.requests, job.params.explored_layers)
    save(build(), [], job.output)  # nothing was trained


if __name__ == "__main__":
    run(main, snakemake)
