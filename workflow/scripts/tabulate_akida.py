"""Write the Markdown page with the Akida results."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import atomic_write, read_json
    from snugnet.evaluation.rows import join_adjusted, join_rows
    from snugnet.report.akida_page import AkidaCell, render_akida_page
    from snugnet.report.files import read_table, to_records

    cells = [cell for cell in job.params.settings["cells"] if cell["scheme"] in AKIDA_SCHEMES]
    rows = join_rows(cells, map(read_json, job.input["metrics"]))
    table = to_records(read_table(job.input["table"]))
    adjusted = join_adjusted(rows, table, ["p_holm"])
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_akida_page([AkidaCell.from_json(row) for row in adjusted]))


if __name__ == "__main__":
    run(main, snakemake)
