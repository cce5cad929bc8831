"""Compare Akida's simulator with the quantized Keras model, potential by potential."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.comparison import compare_runtimes, find_first_layer
    from snugnet.core.akida_program import PROGRAM_FILE
    from snugnet.core.files import read_json, write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.core.samples import load_split

    conversion, x = read_json(job.input["conversion"]), load_split(job.input["test"]).x
    keras, own, akida = (load_predictions(job.input[name]) for name in ("keras", "own", "akida"))

    def find_layer(differing: Any) -> Any:
        program, threads = (
            f"{job.input['program']}/{PROGRAM_FILE}",
            job.params.settings["tf_threads"],
        )
        digest = conversion["sha256"]
        return find_first_layer(job.input["quantized"], program, digest, differing, threads)

    comparison = compare_runtimes(keras, own, akida, x, conversion, find_layer)
    write_json(job.output["agreement"], comparison.to_json())


if __name__ == "__main__":
    run(main, snakemake)
