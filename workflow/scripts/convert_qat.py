"""Convert a model with trained quantizers to a .tflite file and write its weight report."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.compress.quantizers.qat import load_quantized
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.loading import keras2
    from snugnet.tflite.convert import change_io_types, convert
    from snugnet.tflite.weight_report import write_with_report

    settings = job.params.settings
    scheme = SCHEMES[job.wildcards["scheme"]]
    if job.input["network"]:
        network = Path(job.input["network"]).read_bytes()
        content = change_io_types(network, scheme, quantized=True)
    else:
        keras2.configure(settings["seed"], settings["tf_threads"])
        content = convert(load_quantized(job.input["model"]), scheme, quantized=True)
    write_with_report(content, scheme, job.output)


if __name__ == "__main__":
    run(main, snakemake)
