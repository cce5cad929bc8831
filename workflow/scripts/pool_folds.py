"""Pool the predictions of all folds of a cross-validation."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.predictions import load_predictions, save_predictions
    from snugnet.evaluation.folds import pool_predictions

    folds = [load_predictions(path) for path in job.input["folds"]]
    delivered = load_predictions(job.input["delivered"])
    save_predictions(job.output["pooled"], pool_predictions(folds, delivered.latency_ns))


if __name__ == "__main__":
    run(main, snakemake)
