"""Write the C code of a full-integer file, and measure what it costs."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from pathlib import Path

    from snugnet.core.files import write_json
    from snugnet.core.samples import load_split
    from snugnet.firmware.build import build_firmware
    from snugnet.firmware.facts import ModelFacts, RawScaling
    from snugnet.tflite.model_file import ModelFile

    settings = job.params.settings["firmware"]
    test = load_split(job.input["test"])
    build = build_firmware(
        ModelFile.read(job.input["tflite"]),
        test.x,
        ModelFacts(test.class_names, RawScaling.read(Path(job.input["record"]))),
        settings["targets"],
        settings["samples"],
    )
    build.write(Path(job.output["source"]))
    write_json(job.output["footprint"], build.cost.to_json())


if __name__ == "__main__":
    run(main, snakemake)
