# Create Keras models: train or import them, compress a parent, or train with quantizers.


rule train:
    input:
        train=dataset_of(PATHS.train),
        val=dataset_of(PATHS.val),
    output:
        model=PATHS.model,
        history=PATHS.history,
        stats=PATHS.stats,
    log:
        "<results>/logs/train/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/train/{model}/{variant}.tsv"
    wildcard_constraints:
        model=STUDY.pattern("models", architecture=ARCHITECTURES),
        variant=STUDY.pattern("variants", method=["train"]),
    # Before jobs that only one cell needs, so that the longest chains start first.
    priority: 1
    threads: STUDY.config.tf_threads
    params:
        settings=settings("model", "architecture_module", "seed", "tf_threads"),
        code=code("train", "architecture_module", without=REQUEST_CHECK),
        requests=requests_of,
        explored_layers=explored_layers_of,
    script:
        "../scripts/train.py"


# Import a model from a user's file instead of training.
rule adopt:
    input:
        val=dataset_of(PATHS.val),
        file=model_file,
    output:
        model=PATHS.model,
        history=PATHS.history,
        stats=PATHS.stats,
    log:
        "<results>/logs/adopt/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/adopt/{model}/{variant}.tsv"
    wildcard_constraints:
        model=STUDY.pattern("models", architecture=["file"]),
        variant=STUDY.pattern("variants", method=["train"]),
    priority: 1
    threads: STUDY.config.tf_threads
    params:
        settings=settings("file", "tf_threads"),
        code=code("adopt", without=REQUEST_CHECK),
        requests=requests_of,
        explored_layers=explored_layers_of,
    script:
        "../scripts/adopt.py"


rule compress:
    input:
        train=dataset_of(PATHS.train),
        val=dataset_of(PATHS.val),
        parent=parent_model,
        designs=designs_of,
    output:
        model=PATHS.model,
        history=PATHS.history,
        stats=PATHS.stats,
    log:
        "<results>/logs/compress/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/compress/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern(
            "variants",
            method=["finetune", "prune_structured", "prune_magnitude", "factorize"],
        ),
    priority: 1
    threads: STUDY.config.tf_threads
    params:
        settings=settings("variant", "method_module", "seed", "tf_threads"),
        code=code("compress", "method_module", without=REQUEST_CHECK),
        requests=requests_of,
        explored_layers=explored_layers_of,
    script:
        "../scripts/compress.py"


rule train_quantized:
    input:
        train=dataset_of(PATHS.train),
        val=dataset_of(PATHS.val),
        parent=parent_model,
    output:
        model=PATHS.model,
        quantized=PATHS.quantized,
        history=PATHS.history,
        stats=PATHS.stats,
    log:
        "<results>/logs/train_quantized/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/train_quantized/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["qat"]),
    priority: 1
    threads: STUDY.config.tf_threads
    params:
        settings=settings("variant", "seed", "tf_threads"),
        code=code("train_quantized"),
    script:
        "../scripts/train_quantized.py"


# Insert quantizers without training. Several rules compute ranges on calib; val selects the best.
rule calibrate_ranges:
    input:
        calib=dataset_of(PATHS.calib),
        val=dataset_of(PATHS.val),
        parent=parent_model,
    output:
        model=PATHS.model,
        quantized=PATHS.quantized,
        history=PATHS.history,
        calibration=PATHS.calibration,
        stats=PATHS.stats,
    log:
        "<results>/logs/calibrate_ranges/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/calibrate_ranges/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["calibrate"]),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("variant", "seed", "tf_threads"),
        code=code("calibrate_ranges"),
    script:
        "../scripts/calibrate_ranges.py"


rule explore:
    input:
        train=dataset_of(PATHS.train),
        val=dataset_of(PATHS.val),
        model=PATHS.model,
    output:
        designs=PATHS.design_space,
    log:
        "<results>/logs/explore/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/explore/{model}/{variant}.tsv"
    priority: 1
    threads: STUDY.config.tf_threads
    params:
        settings=settings("explore", "seed", "tf_threads"),
        code=code("explore"),
    script:
        "../scripts/explore.py"
