"""Write the page about Akida."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import atomic_write, read_json
    from snugnet.report.akida_page import render_akida_page

    cells = [cell for cell in job.params.settings["cells"] if cell["scheme"] in AKIDA_SCHEMES]
    rows = [
        {**cell, **read_json(path)} for cell, path in zip(cells, job.input["metrics"], strict=True)
    ]
    with atomic_write(job.output["page"]) as path:
        path.write_text(render_akida_page(rows))


if __name__ == "__main__":
    run(main, snakemake)
