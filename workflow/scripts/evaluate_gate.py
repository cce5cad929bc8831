"""Check all cells of the study and the requirements of `gates:` in its configuration."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.files import read_json, write_json
    from snugnet.core.settings.gate import MeasurableGate
    from snugnet.evaluation.gate_checks import evaluate_gate
    from snugnet.evaluation.rows import join_rows

    settings = job.params.settings
    rows = join_rows(settings["cells"], map(read_json, job.input["metrics"]))
    gates = [MeasurableGate.from_block(entry) for entry in settings["gates"]]
    write_json(job.output["gate"], evaluate_gate(rows, gates).to_json())


if __name__ == "__main__":
    run(main, snakemake)
