"""Compute the metrics of a cell and compare it with its float32 reference and its parent."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.files import read_json, write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.evaluation.footprint import describe_tflite
    from snugnet.evaluation.score import score_cell
    from snugnet.models.stats_record import ModelStats

    score = score_cell(
        load_predictions(job.input["predictions"]),
        load_predictions(job.input["reference"]),
        load_predictions(job.input["parent"]) if job.input["parent"] else None,
        load_predictions(job.input["step"]) if job.input["step"] else None,
        ModelStats.from_json(read_json(job.input["stats"])),
        describe_tflite(
            job.input["deployed"],
            read_json(job.input["contract"]),
            read_json(job.input["certificate"]) if job.input["certificate"] else None,
            read_json(job.input["footprint"]) if job.input["footprint"] else None,
        ),
        job.params.settings["statistics"]["confidence"],
    )
    write_json(job.output["metrics"], {**job.wildcards, **score.to_json()})


if __name__ == "__main__":
    run(main, snakemake)
