"""Certify that a full-integer file is bit-exact with the integer engine."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.core.files import write_json
    from snugnet.core.predictions import load_predictions
    from snugnet.core.samples import load_split
    from snugnet.tflite.model_file import ModelFile
    from snugnet.verification.certificate import certify_predictions
    from snugnet.verification.network import load_network

    deployed = load_predictions(job.input["predictions"])
    test = load_split(job.input["test"])
    traced_samples = job.params.settings["verification"]["traced_samples"]
    network = load_network(job.input["network"]) if job.input["network"] else None
    file = ModelFile.read(job.input["tflite"])
    certificate = certify_predictions(file, test.x, deployed, traced_samples, network)
    write_json(job.output["certificate"], certificate.to_json())


if __name__ == "__main__":
    run(main, snakemake)
