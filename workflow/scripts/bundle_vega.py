"""Write the JavaScript library that draws the charts of the report without network access."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    import vl_convert

    from snugnet.core.files import atomic_write

    with atomic_write(job.output["vega"]) as path:
        path.write_text(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


if __name__ == "__main__":
    run(main, snakemake)
