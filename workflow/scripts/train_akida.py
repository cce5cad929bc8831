"""Fine-tune a model with Akida's quantizers and convert it, or record why that is not possible."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.program import make_program
    from snugnet.akida.train import train_quantized
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.csv_files import write_rows
    from snugnet.core.files import read_json
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
    from snugnet.core.settings.training import TrainingSettings
    from snugnet.datasets.record import DatasetRecord
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    options, seed = AkidaSchemeSettings.from_block(settings["scheme"]), settings["seed"]
    training = TrainingSettings.model_validate(settings["scheme_training"])
    model, scheme = load_model(job.input["model"]), AKIDA_SCHEMES[settings["scheme"]["name"]]
    train, val, calib = (load_split(job.input[name]) for name in ("train", "val", "calib"))
    record = DatasetRecord.from_json(read_json(job.input["record"]))

    def quantize(samples: Any) -> Any:
        return train_quantized(model, scheme, samples, train, val, training, seed)

    epochs = make_program(model, quantize, scheme, options, calib, record, job.output, trained=True)
    write_rows(epochs, job.output["history"])


if __name__ == "__main__":
    run(main, snakemake)
