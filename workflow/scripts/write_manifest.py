"""Write the digests of all results and code files, and the versions of packages."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.files import write_json
    from snugnet.evaluation.manifest import compute_digests

    root = Path(job.output["manifest"]).parent
    write_json(
        job.output["manifest"],
        {"results": compute_digests(root, map(Path, job.input)), **job.params.made_with},
    )


if __name__ == "__main__":
    run(main, snakemake)
