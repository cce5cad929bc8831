"""Compare Akida's simulator with the quantized Keras model, potential by potential."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.agreement import compare
    from snugnet.akida.inputs import count_saturated, saturate
    from snugnet.core.files import read_json, write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.core.samples import load_split

    conversion, x = read_json(job.input["conversion"]), load_split(job.input["test"]).x
    keras, own, akida = (load_predictions(job.input[name]) for name in ("keras", "own", "akida"))
    found = compare(keras, akida)
    if found["samples"]:
        limits = conversion["input_range"]
        found["saturated_inputs"] = count_saturated(x, limits)
        found["quantizeml"] = compare(own, akida)
    if found["verdict"] == "differs":
        apart = (keras.raw != akida.raw).any(axis=1)
        found["first_layer"] = _first_layer(job, conversion, saturate(x[apart], limits))
    write_json(job.output["agreement"], found)


def _first_layer(job: Any, conversion: Any, x: Any) -> dict[str, Any]:
    """Trace both; where they are equal nobody needs TensorFlow."""
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.akida.simulate import load_program
    from snugnet.akida.trace import find_first_difference
    from snugnet.models.loading import keras2

    keras2.configure(0, job.params.settings["tf_threads"])
    program = load_program(f"{job.input['program']}/model.fbz", conversion["sha256"])
    return find_first_difference(load_quantized(job.input["quantized"]), program, x)


if __name__ == "__main__":
    run(main, snakemake)
