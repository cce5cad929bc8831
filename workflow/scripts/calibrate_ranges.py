"""Insert quantizers into the parent of a variant, with the ranges that are best on val."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.quantizers.calibrate import calibrate
    from snugnet.core.csv_files import write_rows
    from snugnet.core.samples import load_split
    from snugnet.core.settings.calibration import CalibrationSettings
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model, save_model
    from snugnet.models.training.artifacts import save

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    calib, val = load_split(job.input["calib"]), load_split(job.input["val"])
    rules = CalibrationSettings.from_block(settings["variant"])
    calibrated = calibrate(load_model(job.input["parent"]), calib, val, rules)
    save_model(calibrated.quantized, job.output["quantized"])
    rows = [result.to_columns() for result in calibrated.results]
    write_rows(rows, job.output["calibration"])
    save(calibrated.plain, [], job.output)  # nothing was trained


if __name__ == "__main__":
    run(main, snakemake)
