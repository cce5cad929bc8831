"""Compare every tensor of a full-integer file with the float model's."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.analysis.rows import write_rows
    from snugnet.datasets.samples import load_split
    from snugnet.errors import ModelFormatError
    from snugnet.tflite.trace import trace

    traced = job.params.settings["verification"]["traced_samples"]
    x = load_split(job.input["test"]).spread(traced).x
    try:
        rows = trace(job.input["tflite"], job.input["reference"], x)
    except (
        ModelFormatError
    ) as error:  # a finding, which must not keep the report from being written
        print(f"warning: not traced: {error}")
        rows = []
    write_rows(rows, job.output["trace"])


if __name__ == "__main__":
    run(main, snakemake)
