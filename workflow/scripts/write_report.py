"""Write the report's page: one file that needs no other and no network."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.files import atomic_write
    from snugnet.report.collect import collect
    from snugnet.report.origin import describe_origin
    from snugnet.report.page import render_page

    given, template = job.input, Path(job.input["template"])
    evidence = [*given["evidence"], given["seeds"]]
    study = collect(job.params.settings, given["table"], given["gate"], evidence)
    parts = {name: Path(given[name]).read_text() for name in ("style", "script", "vega")}
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_page(study, describe_origin(template.parent), template, parts))


if __name__ == "__main__":
    run(main, snakemake)
