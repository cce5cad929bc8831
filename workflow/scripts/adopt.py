"""Take over a network that somebody has trained already."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.aside import check_requests
    from snugnet.compress.standard import standard
    from snugnet.datasets.samples import load_split
    from snugnet.errors import InputError
    from snugnet.models import file, keras2
    from snugnet.models.trained import save

    settings = job.params.settings
    val = load_split(job.input["val"])

    def build() -> Any:
        keras2.configure(0, settings["tf_threads"])  # nothing is drawn
        model = file.build(settings, val.x.shape[1:], val.task, len(val.class_names))
        try:
            # So that it is counted as its variants are, which have this form.
            return standard(model)
        except InputError as error:
            print(f"warning: the model cannot have variants: {error}")
            return model

    check_requests(build, job.params.requests)
    save(build(), [], job.output)  # nothing was trained


if __name__ == "__main__":
    run(main, snakemake)
