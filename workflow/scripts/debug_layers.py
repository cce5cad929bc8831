"""Measure the int8 quantization error of each layer with TensorFlow's debugger."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.csv_files import write_rows
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model
    from snugnet.tflite.debug import measure_layers
    from snugnet.tflite.unsupported import call_or_warn

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    options = CalibratedSchemeSettings.from_block(settings["scheme"])
    calib = load_split(job.input["calib"]).x[: options.calibration_samples]
    # A model that the debugger rejects must not prevent the report.
    errors = call_or_warn(measure_layers, load_model(job.input["model"]), calib) or []
    write_rows([error.to_columns() for error in errors], job.output["layers"])


if __name__ == "__main__":
    run(main, snakemake)
