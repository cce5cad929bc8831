"""Take over a network that somebody has trained already."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.aside import check_requests
    from snugnet.datasets.samples import load_split
    from snugnet.models import file, keras2
    from snugnet.models.trained import save

    settings = job.params.settings
    val = load_split(job.input["val"])

    def build() -> Any:
        keras2.configure(settings["seed"], settings["tf_threads"])
        return file.build(settings["model"], val.x.shape[1:], val.task, len(val.class_names))

    check_requests(build, job.params.requests)
    save(build(), [], job.output)  # nothing was trained


if __name__ == "__main__":
    run(main, snakemake)
