"""Check before training whether a network fits Akida, and report the obstacles."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    from importlib import import_module

    from snugnet.akida.preflight import preflight
    from snugnet.akida.preflight_report import PreflightReport
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.files import write_json
    from snugnet.core.samples import load_split
    from snugnet.core.settings.schemes.akida import AkidaSchemeSettings
    from snugnet.models.loading import keras2

    settings = job.params.settings
    keras2.configure(settings["seed"], settings["tf_threads"])
    scheme = AKIDA_SCHEMES[settings["scheme"]["name"]]
    device = AkidaSchemeSettings.from_block(settings["scheme"]).device
    val = load_split(job.input["val"])
    architecture = import_module(settings["architecture_module"])
    block = architecture.SETTINGS.from_block(settings["model"])
    model = architecture.build(block, val.x.shape[1:], val.task, len(val.class_names))
    obstacles = preflight(model, scheme, device)
    for obstacle in obstacles:
        print(f"{obstacle.layer}: {obstacle.rule}: {obstacle.fix}")
    model_name = job.wildcards["model"]
    report = PreflightReport(model_name, scheme.name, device, tuple(obstacles))
    write_json(job.output["preflight"], report.to_json())


if __name__ == "__main__":
    run(main, snakemake)
