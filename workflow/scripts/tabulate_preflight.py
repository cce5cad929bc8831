"""Write the page about what fits Akida before anything is trained."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.akida.schemes import AKIDA_SCHEMES
    from snugnet.analysis.akida_page import preflight_page
    from snugnet.jobs import read_json, replacing

    cells = [cell for cell in job.params.settings["cells"] if cell["scheme"] in AKIDA_SCHEMES]
    models = dict.fromkeys((cell["model"], cell["scheme"]) for cell in cells)
    preflights = [
        {"model": model, **read_json(path)}
        for (model, _), path in zip(models, job.input["preflights"], strict=True)
    ]
    with replacing(job.output["page"]) as path:
        path.write_text(preflight_page(preflights))


if __name__ == "__main__":
    run(main, snakemake)
