"""Convert a model to a .tflite file and write its weight report."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model
    from snugnet.tflite.convert import change_io_types, convert
    from snugnet.tflite.weight_report import write_with_report

    settings = job.params.settings
    scheme = SCHEMES[settings["scheme"]["name"]]
    if job.input["network"]:
        content = change_io_types(Path(job.input["network"]).read_bytes(), scheme)
    else:
        keras2.configure(settings["seed"], settings["tf_threads"])
        calib = None
        if scheme.calibrated:
            options = CalibratedSchemeSettings.from_block(settings["scheme"])
            calib = load_split(job.input["calib"]).x[: options.calibration_samples]
        content = convert(load_model(job.input["model"]), scheme, calib)
    write_with_report(content, scheme, job.output)


if __name__ == "__main__":
    run(main, snakemake)
