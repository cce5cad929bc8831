"""Fail if any verdict of the study does, naming each cell and what is wrong with it."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.errors import InputError
    from snugnet.jobs import read_json

    gate = read_json(job.input["gate"])
    if gate["verdict"] != "pass":
        raise InputError("the gate stays shut:\n  " + "\n  ".join(gate["failures"]))
    print(f"{gate['cells']} cells pass")


if __name__ == "__main__":
    run(main, snakemake)
