"""Certify the int8 network that the files of several schemes have in common."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.samples import load_split
    from snugnet.verification.network import certify_network, save_network

    x = load_split(job.input["test"]).x
    traced_samples = job.params.settings["verification"]["traced_samples"]
    network = certify_network(job.input["tflite"], x, traced_samples)
    save_network(job.output["network"], network)


if __name__ == "__main__":
    run(main, snakemake)
