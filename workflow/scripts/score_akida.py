"""Compute the metrics of an Akida cell, or record why there are no predictions."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.akida_program import PROGRAM_FILE
    from snugnet.core.files import read_json, write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.evaluation.footprint import describe_akida_program
    from snugnet.evaluation.score import describe_incompatible_cell, score_cell

    conversion = read_json(job.input["conversion"])
    predictions = load_predictions(job.input["predictions"])
    if conversion["status"] == "incompatible":
        row = describe_incompatible_cell(predictions, conversion["reason"])
        write_json(job.output["metrics"], {**job.wildcards, **row})
        return
    if not len(predictions.labels):
        reason = (
            "the model of a fold cannot be converted; the files conversion.json below "
            f"akida/{job.wildcards.model}_fold* say why"
        )
        row = describe_incompatible_cell(predictions, reason)
        write_json(job.output["metrics"], {**job.wildcards, **row})
        return
    parent = load_predictions(job.input["parent"]) if job.input["parent"] else None
    row = score_cell(
        predictions,
        load_predictions(job.input["reference"]),
        parent if parent is not None and len(parent.labels) else None,
        None,
        read_json(job.input["stats"]),
        describe_akida_program(
            f"{job.input['program']}/{PROGRAM_FILE}", conversion, read_json(job.input["agreement"])
        ),
        job.params.settings["statistics"]["confidence"],
    )
    write_json(job.output["metrics"], {**job.wildcards, **row})


if __name__ == "__main__":
    run(main, snakemake)
