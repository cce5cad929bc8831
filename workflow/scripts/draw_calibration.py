"""Draw the calib split from the train split and store the indices of its samples."""

from typing import TYPE_CHECKING, Any

from snugnet.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job: Any) -> None:
    import numpy as np

    from snugnet.core.samples import load_split, save_split
    from snugnet.datasets.calibration import draw_calibration

    settings = job.params.settings
    seed = settings["seed"]
    train = load_split(job.input["train"])
    calib, index = draw_calibration(train, settings["calibration"]["samples"], seed)
    save_split(job.output["calib"], calib, index=index, seed=np.array(seed))


if __name__ == "__main__":
    run(main, snakemake)
