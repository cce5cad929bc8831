"""Predict the test split with Akida's simulator."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.inputs import saturate
    from snugnet.akida.potentials import build_empty_predictions, build_predictions
    from snugnet.akida.simulate import load_program, simulate_potentials
    from snugnet.core.akida_program import PROGRAM_FILE
    from snugnet.core.files import read_json
    from snugnet.core.predictions import save_predictions
    from snugnet.core.samples import load_split

    conversion, test = read_json(job.input["conversion"]), load_split(job.input["test"])
    if conversion["status"] == "incompatible":
        save_predictions(job.output["predictions"], build_empty_predictions(test))
        return
    x = saturate(test.x, conversion["input_range"])
    program = load_program(f"{job.input['program']}/{PROGRAM_FILE}", conversion["sha256"])
    potentials = simulate_potentials(program, x)
    save_predictions(job.output["predictions"], build_predictions(potentials, conversion, test))


if __name__ == "__main__":
    run(main, snakemake)
