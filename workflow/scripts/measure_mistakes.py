"""Measure the accuracy lost by common mistakes with integer inputs and outputs."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.analysis.mistakes import measure_mistakes
    from snugnet.core.files import write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.core.samples import load_split

    settings = job.params.settings
    report = measure_mistakes(
        job.input["tflite"],
        load_split(job.input["test"]).x,
        load_predictions(job.input["predictions"]),
        settings["evaluation"]["batch_size"],
        settings["statistics"]["confidence"],
    )
    write_json(job.output["mistakes"], report.to_json())


if __name__ == "__main__":
    run(main, snakemake)
