"""Write the results of all cells as CSV and as Markdown, also by seed and by group."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.files import atomic_write, read_json
    from snugnet.evaluation.groups import format_groups_markdown, tabulate_groups
    from snugnet.evaluation.rows import join_rows
    from snugnet.evaluation.seeds import format_seeds_markdown, summarize_seeds
    from snugnet.evaluation.table import build_results_table, format_table_markdown

    settings = job.params.settings
    rows = join_rows(settings["cells"], map(read_json, job.input["metrics"]))
    frame = build_results_table(rows)
    with atomic_write(job.output["csv"]) as path:
        frame.to_csv(path, index=False)
    confidence = settings["statistics"]["confidence"]
    seeds = summarize_seeds(frame, confidence)
    with atomic_write(job.output["seeds"]) as path:
        seeds.to_csv(path, index=False)
    with atomic_write(job.output["groups"]) as path:
        tabulate_groups(rows).to_csv(path, index=False)
    with atomic_write(job.output["markdown"]) as path:
        path.write_text(
            format_table_markdown(frame, confidence)
            + format_seeds_markdown(seeds, confidence)
            + format_groups_markdown(rows)
        )


if __name__ == "__main__":
    run(main, snakemake)
