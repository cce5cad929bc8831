# From a publisher's files, a user's, or from nothing, to the four splits of a dataset.


# The one job that uses the network. It has no outputs and no benchmark file, so it looks again
# whenever it is asked for, and Snakemake never removes a file that a user may have put there.
rule fetch:
    log:
        "<results>/logs/fetch.log",
    params:
        settings=settings("fetch", "datasets_dir"),
        code=code("fetch"),
    script:
        "../scripts/fetch.py"


rule prepare_dataset:
    input:
        source=source_of,
    output:
        train=PATHS.train,
        val=PATHS.val,
        test=PATHS.test,
        record=PATHS.record,
    log:
        "<results>/logs/prepare_dataset/{dataset}.log",
    benchmark:
        "<results>/benchmarks/prepare_dataset/{dataset}.tsv"
    # Everything waits for it.
    priority: 2
    params:
        settings=settings("dataset", "loader_module", "seed"),
        code=code("prepare_dataset", "loader_module"),
        datasets_dir=datasets_dir_of,
    script:
        "../scripts/prepare_dataset.py"


rule draw_calibration:
    input:
        train=PATHS.train,
    output:
        calib=PATHS.calib,
    log:
        "<results>/logs/draw_calibration/{dataset}.log",
    benchmark:
        "<results>/benchmarks/draw_calibration/{dataset}.tsv"
    params:
        settings=settings("calibration", "seed"),
        code=code("draw_calibration"),
    script:
        "../scripts/draw_calibration.py"
