# Create the four splits of a dataset, from public files, from files of a user, or by simulation.


# The only job that uses the network. It has no outputs and no benchmark file. It therefore runs
# whenever it is a target, and Snakemake never deletes files that a user may have put there.
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
    # All other jobs wait for this job.
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
