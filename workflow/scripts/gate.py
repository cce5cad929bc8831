"""Fail if a check of the study failed, with the cell and the reason of each failure."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.errors import InputError
    from snugnet.core.files import read_json
    from snugnet.evaluation.gate import GateResult

    gate = GateResult.from_json(read_json(job.input["gate"]))
    if gate.verdict != "pass":
        folder = Path(job.input["gate"]).parent
        summary = f"checks failed ({len(gate.failures)} failures; details in {folder})"
        raise InputError("\n  ".join([summary, *gate.failures]))
    print(f"all checks passed: {gate.cells} cells, {len(gate.requirements)} requirements")


if __name__ == "__main__":
    run(main, snakemake)
