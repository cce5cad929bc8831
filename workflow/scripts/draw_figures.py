"""Draw the figures of the report as files."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from tqdm import tqdm

    from snugnet.report.collect import collect
    from snugnet.report.figures import build_all_figures
    from snugnet.report.pictures import draw

    inputs, folder = job.input, Path(job.output["figures"])
    evidence = [*inputs["evidence"], inputs["seeds"]]
    study = collect(job.params.settings, inputs["table"], None, evidence)
    folder.mkdir(parents=True, exist_ok=True)
    for figure in tqdm(build_all_figures(study), desc="figures", mininterval=5):
        draw(figure, folder)


if __name__ == "__main__":
    run(main, snakemake)
