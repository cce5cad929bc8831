"""Convert a model with its trained quantizers and record whether the file keeps its promise."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from snugnet.compress.qat import load_quantized
    from snugnet.jobs import replacing
    from snugnet.models import keras2
    from snugnet.tflite.convert import convert
    from snugnet.tflite.evidence import record
    from snugnet.tflite.schemes import SCHEMES

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    scheme = SCHEMES[job.wildcards["scheme"]]
    with replacing(job.output["tflite"]) as path:
        path.write_bytes(convert(load_quantized(job.input["model"]), scheme, quantized=True))
    record(job.output["tflite"], job.output["contract"], scheme)


if __name__ == "__main__":
    run(main, snakemake)
