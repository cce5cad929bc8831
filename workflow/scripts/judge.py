"""Collect the verdicts on all cells; this job succeeds whatever they are."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.analysis.gate import judge
    from snugnet.jobs import read_json, write_json

    names = ("model", "variant", "scheme", "runtime")
    cells = [
        {
            "cell": "/".join(cell[name] for name in names),
            "scheme": cell["scheme"],
            "contract": read_json(contract),
            "metrics": read_json(metrics),
        }
        for cell, contract, metrics in zip(
            job.params.settings["cells"],
            job.input["contracts"],
            job.input["metrics"],
            strict=True,
        )
    ]
    write_json(job.output["gate"], judge(cells))


if __name__ == "__main__":
    run(main, snakemake)
