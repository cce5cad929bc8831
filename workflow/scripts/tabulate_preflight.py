"""Write the Markdown page with the results of the Akida pre-flight checks."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.preflight_report import PreflightReport
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import atomic_write, read_json
    from snugnet.report.akida_page import render_preflight_page

    cells = [cell for cell in job.params.settings["cells"] if cell["scheme"] in AKIDA_SCHEMES]
    models = dict.fromkeys((cell["model"], cell["scheme"]) for cell in cells)
    reports = [PreflightReport.from_json(read_json(path)) for path in job.input["preflights"]]
    by_model = {(report.model, report.scheme): report for report in reports}
    preflights = [by_model[key] for key in models]
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_preflight_page(preflights))


if __name__ == "__main__":
    run(main, snakemake)
