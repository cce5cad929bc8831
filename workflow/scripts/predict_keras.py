"""Predict the test split with the quantized Keras model of an Akida program."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.inputs import saturate
    from snugnet.akida.keras_runtime import compute_keras_potentials, load_quantized
    from snugnet.akida.potentials import build_empty_predictions, build_predictions
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import read_json
    from snugnet.core.predictions import save_predictions
    from snugnet.core.samples import load_split
    from snugnet.models.loading import keras2

    keras2.configure(0, job.params.settings["tf_threads"])
    conversion, test = read_json(job.input["conversion"]), load_split(job.input["test"])
    # Predict with the arithmetic of the chip and with that of quantizeml.
    version = AKIDA_SCHEMES[conversion["scheme"]].version
    outputs = {job.output["predictions"]: version, job.output["own"]: None}
    if conversion["status"] == "incompatible":
        for path in outputs:
            save_predictions(path, build_empty_predictions(test))
        return
    x = saturate(test.x, conversion["input_range"])
    quantized = load_quantized(job.input["quantized"])
    for path, arithmetic in outputs.items():
        scale = conversion["potential_scale"]
        potentials = compute_keras_potentials(quantized, x, scale, arithmetic)
        save_predictions(path, build_predictions(potentials, conversion, test))


if __name__ == "__main__":
    run(main, snakemake)
