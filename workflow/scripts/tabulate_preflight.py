"""Write the Markdown page with the results of the Akida pre-flight checks."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.preflight_report import PreflightReport, order_reports
    from snugnet.core.files import atomic_write, read_json
    from snugnet.report.akida_page import render_preflight_page

    reports = [PreflightReport.from_json(read_json(path)) for path in job.input["preflights"]]
    preflights = order_reports(reports, job.params.settings["cells"])
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_preflight_page(preflights))


if __name__ == "__main__":
    run(main, snakemake)
