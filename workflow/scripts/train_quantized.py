"""Fine-tune the parent of a variant with quantizers (QAT)."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.quantizers.qat import train_quantized
    from snugnet.core.samples import load_split
    from snugnet.core.settings.fine_tuning import FineTuningSettings
    from snugnet.models.loading import keras2
    from snugnet.models.loading.storage import load_model, save_model
    from snugnet.models.training.artifacts import save

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    train, val = load_split(job.input["train"]), load_split(job.input["val"])
    tuning = FineTuningSettings.from_block(settings["variant"])
    quantized, plain, history = train_quantized(
        load_model(job.input["parent"]), train, val, tuning, settings["seed"]
    )
    save_model(quantized, job.output["quantized"])
    save(plain, history, job.output)


if __name__ == "__main__":
    run(main, snakemake)
