"""Predict the test split with LiteRT and measure the latency of single samples."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.predictions import Predictions, save_predictions
    from snugnet.core.samples import load_split
    from snugnet.tflite.runtimes.litert import measure_latency, predict

    settings = job.params.settings["evaluation"]
    test = load_split(job.input["test"])
    result = predict(job.input["tflite"], test.x, settings["batch_size"])
    runs, warm_up = settings["latency_runs"], settings["warm_up"]
    times = measure_latency(job.input["tflite"], test.x, runs, warm_up)
    predictions = Predictions.from_samples(test, result.scores(), *result, latency_ns=times)
    save_predictions(job.output["predictions"], predictions)


if __name__ == "__main__":
    run(main, snakemake)
