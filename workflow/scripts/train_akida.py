"""Fine-tune a model with Akida's quantizers and convert it, or record why that is not possible."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.program import describe_deployment, write_program, write_refusal
    from snugnet.akida.train import train_quantized
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.csv_files import write_rows
    from snugnet.core.errors import NotAkidaError
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
    samples = calib.x[: options.calibration_samples] if options.calibrated else None
    record = DatasetRecord.from_json(read_json(job.input["record"]))
    deployment = describe_deployment(model, record, calib.class_names, trained=True)
    try:
        quantized, history = train_quantized(model, scheme, samples, train, val, training, seed)
        write_program(quantized, scheme, options.device, deployment, calib.x, job.output)
        write_rows(history, job.output["history"])
    except NotAkidaError as error:
        print(error)
        write_refusal(model, scheme, options.device, error, job.output)
        write_rows([], job.output["history"])


if __name__ == "__main__":
    run(main, snakemake)
