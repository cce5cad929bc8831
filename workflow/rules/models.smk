# From data to Keras models: trained from nothing, taken over, made from a parent, or with quantizers.


rule train:
    input:
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
    log:
        "<results>/logs/train/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/train/{model}/{variant}.tsv"
    wildcard_constraints:
        model=STUDY.pattern("models", architecture=ARCHITECTURES),
        variant=STUDY.pattern("variants", method=["train"]),
    # Before all that only one cell waits for, so that the longest chains start first.
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("model", "architecture_module", "seed", "tf_threads"),
        code=code("train", "architecture_module"),
        requests=requests_of,
    script:
        "../scripts/train.py"


# Of a model that somebody brings as a file, what stands in for training.
rule adopt:
    input:
        val=dataset_of("val.npz"),
        file=model_file,
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
    log:
        "<results>/logs/adopt/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/adopt/{model}/{variant}.tsv"
    wildcard_constraints:
        model=STUDY.pattern("models", architecture=["file"]),
        variant=STUDY.pattern("variants", method=["train"]),
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("file", "tf_threads"),
        code=code("adopt"),
        requests=requests_of,
    script:
        "../scripts/adopt.py"


rule compress:
    input:
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
        parent=parent_model,
        designs=designs_of,
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
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
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("variant", "method_module", "seed", "tf_threads"),
        code=code("compress", "method_module"),
        requests=requests_of,
    script:
        "../scripts/compress.py"


rule train_quantized:
    input:
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
        parent=parent_model,
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        quantized="<results>/models/{model}/{variant}/quantized.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
    log:
        "<results>/logs/train_quantized/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/train_quantized/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["qat"]),
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("variant", "seed", "tf_threads"),
        code=code("train_quantized"),
    script:
        "../scripts/train_quantized.py"


# Quantizers without training: ranges of the calib split by several rules, compared on val.
rule calibrate_ranges:
    input:
        calib=dataset_of("calib.npz"),
        val=dataset_of("val.npz"),
        parent=parent_model,
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        quantized="<results>/models/{model}/{variant}/quantized.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        calibration="<results>/models/{model}/{variant}/calibration.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
    log:
        "<results>/logs/calibrate_ranges/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/calibrate_ranges/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["calibrate"]),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("variant", "seed", "tf_threads"),
        code=code("calibrate_ranges"),
    script:
        "../scripts/calibrate_ranges.py"


rule explore:
    input:
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
        model="<results>/models/{model}/{variant}/model.h5",
    output:
        designs="<results>/models/{model}/{variant}/design_space.csv",
    log:
        "<results>/logs/explore/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/explore/{model}/{variant}.tsv"
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("explore", "seed", "tf_threads"),
        code=code("explore"),
    script:
        "../scripts/explore.py"
