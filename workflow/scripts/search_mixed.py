"""Search for the smallest mixed-precision file within an accuracy budget on val."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from functools import partial
    from pathlib import Path

    from snugnet.analysis.candidates import create_measure
    from snugnet.analysis.mixed import MixedPrecisionSearch
    from snugnet.core.csv_files import write_rows
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.mixed import MixedSchemeSettings
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model
    from snugnet.tflite.debug import prepare_mixed_precision
    from snugnet.tflite.weight_report import write_with_report

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    options = MixedSchemeSettings.from_block(settings["scheme"])
    calib = load_split(job.input["calib"]).x[: options.calibration_samples]
    names = ("float32", "fiq_float32", "int16x8")
    files = {name: Path(job.input[name]).read_bytes() for name in names}
    measure = create_measure(load_split(job.input["val"]))
    prepare = partial(prepare_mixed_precision, load_model(job.input["model"]), calib)
    search = MixedPrecisionSearch(prepare, measure, files, options)
    write_rows([result.to_columns() for result in search.list_results()], job.output["candidates"])
    write_with_report(search.chosen.measurement.file, SCHEMES["mixed"], job.output)


if __name__ == "__main__":
    run(main, snakemake)
