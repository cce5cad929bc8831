"""Write the report's page: one file that needs no other and no network."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.analysis.report.collect import collect
    from snugnet.analysis.report.origin import origin
    from snugnet.analysis.report.page import page
    from snugnet.jobs import replacing

    given, template = job.input, Path(job.input["template"])
    evidence = [*given["evidence"], given["seeds"]]
    study = collect(job.params.settings, given["table"], given["gate"], evidence)
    parts = {name: Path(given[name]).read_text() for name in ("style", "script", "vega")}
    with replacing(job.output["page"]) as path:
        path.write_text(page(study, origin(template.parent), template, parts))


if __name__ == "__main__":
    run(main, snakemake)
