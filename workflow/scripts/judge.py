"""Collect the verdicts on all cells; this job succeeds whatever they are."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.files import read_json, write_json
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.evaluation.gate import judge

    names = ("model", "variant", "scheme", "runtime")
    contracts = iter(job.input["contracts"])
    cells = [
        {
            **cell,
            "cell": "/".join(cell[name] for name in names),
            "contract": read_json(next(contracts)) if cell["scheme"] in SCHEMES else None,
            "metrics": read_json(metrics),
        }
        for cell, metrics in zip(job.params.settings["cells"], job.input["metrics"], strict=True)
    ]
    write_json(job.output["gate"], judge(cells, job.params.settings["gates"]))


if __name__ == "__main__":
    run(main, snakemake)
