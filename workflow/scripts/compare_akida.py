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
    agreement = compare(keras, akida)
    report = agreement.to_json()
    if agreement.samples:
        report["saturated_inputs"] = count_saturated(x, conversion["input_range"])
        report["quantizeml"] = compare(own, akida).to_json()
    if agreement.verdict == "differs":
        different = saturate(x[(keras.raw != akida.raw).any(axis=1)], conversion["input_range"])
        report["first_layer"] = _find_first_layer(job, conversion, different)
    write_json(job.output["agreement"], report)


def _find_first_layer(job: Any, conversion: Any, x: Any) -> dict[str, Any]:
    """Find the first layer that differs. TensorFlow is imported only here: most programs agree."""
    from snugnet.akida.keras_runtime import load_quantized
    from snugnet.akida.simulate import load_program
    from snugnet.akida.trace import find_first_difference
    from snugnet.core.akida_program import PROGRAM_FILE
    from snugnet.models.loading import keras2

    keras2.configure(0, job.params.settings["tf_threads"])
    program = load_program(f"{job.input['program']}/{PROGRAM_FILE}", conversion["sha256"])
    return find_first_difference(load_quantized(job.input["quantized"]), program, x).to_json()


if __name__ == "__main__":
    run(main, snakemake)
