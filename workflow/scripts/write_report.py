"""Write the HTML report as one file that needs no other files and no network access."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.files import atomic_write
    from snugnet.report.collect import collect
    from snugnet.report.origin import describe_origin
    from snugnet.report.page import PageParts, render_page

    inputs, template = job.input, Path(job.input["template"])
    evidence = [*inputs["evidence"], inputs["seeds"]]
    study = collect(job.params.settings, inputs["table"], inputs["gate"], evidence)
    parts = PageParts(
        style=Path(inputs["style"]).read_text(),
        script=Path(inputs["script"]).read_text(),
        vega=Path(inputs["vega"]).read_text(),
    )
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_page(study, describe_origin(template.parent), template, parts))


if __name__ == "__main__":
    run(main, snakemake)
