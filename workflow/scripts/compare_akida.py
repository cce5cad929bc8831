"""Compare Akida's simulator with the quantized Keras model, potential by potential."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.agreement import compare
    from snugnet.akida.inputs import outside
    from snugnet.akida.schemes import AKIDA_SCHEMES
    from snugnet.analysis.predictions import load_predictions
    from snugnet.datasets.samples import load_split
    from snugnet.jobs import read_json, write_json

    conversion, test = read_json(job.input["conversion"]), load_split(job.input["test"])
    keras, akida = load_predictions(job.input["keras"]), load_predictions(job.input["akida"])
    found = compare(keras, akida)
    if found["samples"]:
        found["saturated_inputs"] = outside(test.x, conversion["input_range"])
    # Where the second generation is equal nobody needs TensorFlow.
    first = AKIDA_SCHEMES[conversion["scheme"]].version == "v1" and found["samples"]
    if found["verdict"] == "differs" or first:
        found |= _explained(job, conversion, test, (keras.raw != akida.raw).any(axis=1), akida)
    write_json(job.output["agreement"], found)


def _explained(job: Any, conversion: Any, test: Any, apart: Any, akida: Any) -> dict[str, Any]:
    from snugnet.akida.explain import explain
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.akida.simulate import load
    from snugnet.models import keras2

    keras2.configure(0, job.params.settings["tf_threads"])
    program = load(f"{job.input['program']}/model.fbz", conversion["sha256"])
    quantized = load_quantized(job.input["quantized"])
    return explain(quantized, program, conversion, test, apart, akida)


if __name__ == "__main__":
    run(main, snakemake)
