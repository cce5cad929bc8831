"""Quantize a trained model for Akida and convert it, or record why that is not possible."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.program import make_program
    from snugnet.akida.quantize import quantize
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import read_json
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
    from snugnet.datasets.record import DatasetRecord
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    scheme = AKIDA_SCHEMES[settings["scheme"]["name"]]
    options = AkidaSchemeSettings.from_block(settings["scheme"])
    model, calib = load_model(job.input["model"]), load_split(job.input["calib"])
    record = DatasetRecord.from_json(read_json(job.input["record"]))

    def quantize_only(samples: Any) -> Any:
        return quantize(model, scheme, samples), []

    make_program(model, quantize_only, scheme, options, calib, record, job.output)


if __name__ == "__main__":
    run(main, snakemake)
