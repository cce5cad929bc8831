"""Write the page about Akida."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.schemes import AKIDA_SCHEMES
    from snugnet.analysis.akida_page import page
    from snugnet.jobs import read_json, replacing

    cells = [cell for cell in job.params.settings["cells"] if cell["scheme"] in AKIDA_SCHEMES]
    rows = [
        {**cell, **read_json(path)} for cell, path in zip(cells, job.input["metrics"], strict=True)
    ]
    with replacing(job.output["page"]) as path:
        path.write_text(page(rows))


if __name__ == "__main__":
    run(main, snakemake)
