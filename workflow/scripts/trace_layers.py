"""Measure the quantization error of every tensor of a full-integer file."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.csv_files import write_rows
    from snugnet.core.samples import load_split
    from snugnet.tflite.unsupported import call_or_warn
    from snugnet.verification.layer_errors import measure_layer_errors

    count = job.params.settings["verification"]["traced_samples"]
    x = load_split(job.input["test"]).take_evenly(count).x
    # A file that the engine rejects must not prevent the report.
    errors = (
        call_or_warn(measure_layer_errors, job.input["tflite"], job.input["reference"], x) or []
    )
    write_rows([error.to_columns() for error in errors], job.output["trace"])


if __name__ == "__main__":
    run(main, snakemake)
