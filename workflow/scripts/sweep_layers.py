"""Measure the accuracy on val with only one layer quantized, and with all layers but one."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.analysis.candidates import create_measure
    from snugnet.analysis.sensitivity import sweep_layers
    from snugnet.core.csv_files import write_rows
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model
    from snugnet.tflite.debug import prepare_mixed_precision

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    options = CalibratedSchemeSettings.from_block(settings["scheme"])
    calib = load_split(job.input["calib"]).x[: options.calibration_samples]
    layers, convert = prepare_mixed_precision(load_model(job.input["model"]), calib)
    measure = create_measure(load_split(job.input["val"]))
    results = sweep_layers(layers, convert, measure, Path(job.input["reference"]).read_bytes())
    write_rows([result.to_columns() for result in results], job.output["sensitivity"])


if __name__ == "__main__":
    run(main, snakemake)
