"""Compute the metrics of an Akida cell, or record why there are no predictions."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.akida_program import PROGRAM_FILE
    from snugnet.core.files import read_json, write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.evaluation.folds import describe_unfit_folds
    from snugnet.evaluation.footprint import describe_akida_program
    from snugnet.evaluation.score import describe_incompatible_cell, score_cell
    from snugnet.models.stats_record import ModelStats

    conversion = read_json(job.input["conversion"])
    predictions = load_predictions(job.input["predictions"])
    if conversion["status"] == "incompatible" or not len(predictions.labels):
        reason = conversion.get("reason") or describe_unfit_folds(job.wildcards.model)
        row = describe_incompatible_cell(predictions, reason).to_json()
    else:
        program = f"{job.input['program']}/{PROGRAM_FILE}"
        row = score_cell(
            predictions,
            load_predictions(job.input["reference"]),
            load_predictions(job.input["parent"]) if job.input["parent"] else None,
            None,
            ModelStats.from_json(read_json(job.input["stats"])),
            describe_akida_program(program, conversion, read_json(job.input["agreement"])),
            job.params.settings["statistics"]["confidence"],
        ).to_json()
    write_json(job.output["metrics"], {**job.wildcards, **row})


if __name__ == "__main__":
    run(main, snakemake)
