# Predict with each runtime, verify, and compute metrics and analyses.


rule predict_litert:
    input:
        tflite=PATHS.tflite,
        test=dataset_of(PATHS.test),
    output:
        predictions=PATHS.predictions,
    log:
        "<results>/logs/predict_litert/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/predict_litert/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(SCHEMES),
        runtime="litert",
    # Run these jobs one after the other, before the jobs that need their outputs. Otherwise each of
    # them would wait until all cores are idle.
    priority: 1
    # This job measures latency, so no other job may run at the same time. The latency of the models
    # of folds is not measured.
    threads: prediction_threads
    params:
        settings=settings("evaluation"),
        code=code("predict_litert"),
    script:
        "../scripts/predict_litert.py"


# Pool the predictions of the folds of a cross-validation. Latency is that of the delivered file.
rule pool_folds:
    input:
        folds=fold_predictions,
        delivered=PATHS.predictions,
    output:
        pooled=PATHS.pooled,
    log:
        "<results>/logs/pool_folds/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/pool_folds/{model}/{variant}/{scheme}/{runtime}.tsv"
    params:
        settings=settings(),
        code=code("pool_folds"),
    script:
        "../scripts/pool_folds.py"


# Compare the int8 network that three schemes share with the integer engine and two runtimes, once.
rule verify_network:
    input:
        tflite=bare_network,
        test=dataset_of(PATHS.test),
    output:
        network=PATHS.network,
    log:
        "<results>/logs/verify_network/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/verify_network/{model}/{variant}.tsv"
    params:
        settings=settings("verification"),
        code=code("verify_network"),
    script:
        "../scripts/verify_network.py"


# Compare each file with the integer engine and two runtimes, tensor by tensor. If its network was
# compared before, compare only the operators that the file adds.
rule verify:
    input:
        tflite=PATHS.tflite,
        test=dataset_of(PATHS.test),
        predictions=at(PATHS.predictions, runtime="litert"),
        network=certified_network,
    output:
        certificate=PATHS.certificate,
    log:
        "<results>/logs/verify/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/verify/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(FULL_INTEGER),
    params:
        settings=settings("verification"),
        code=code("verify"),
    script:
        "../scripts/verify.py"


# Generate C code, run it on this machine on all test samples, and measure it on microcontrollers.
# Snakemake does not compare folders by content, so the folder is `ancient` for other jobs.
rule export_firmware:
    input:
        tflite=PATHS.tflite,
        test=dataset_of(PATHS.test),
        record=dataset_of(PATHS.record),
    output:
        source=directory(PATHS.firmware),
        footprint=PATHS.footprint,
    log:
        "<results>/logs/export_firmware/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/export_firmware/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(FULL_INTEGER),
    params:
        settings=settings("firmware"),
        code=code("export_firmware"),
        tools=firmware_tools,
    script:
        "../scripts/export_firmware.py"


rule score_litert:
    input:
        predictions=own_predictions,
        reference=float_predictions,
        parent=parent_predictions,
        step=previous_step_predictions,
        stats=PATHS.stats,
        deployed=PATHS.tflite,
        contract=PATHS.contract,
        certificate=certificate_of,
        footprint=footprint_of,
    output:
        metrics=PATHS.metrics,
    log:
        "<results>/logs/score_litert/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/score_litert/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(SCHEMES),
        runtime="litert",
    params:
        settings=settings("statistics"),
        code=code("score"),
    script:
        "../scripts/score.py"


# Measure the cost of common mistakes with integer inputs and outputs, with the same file.
rule measure_mistakes:
    input:
        tflite=PATHS.tflite,
        test=dataset_of(PATHS.test),
        predictions=at(PATHS.predictions, runtime="litert"),
    output:
        mistakes=PATHS.mistakes,
    log:
        "<results>/logs/measure_mistakes/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/measure_mistakes/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="fiq_int8|fiq_uint8",
    params:
        settings=settings("evaluation", "statistics"),
        code=code("measure_mistakes"),
    script:
        "../scripts/measure_mistakes.py"


# Measure the error of each layer alone, with TensorFlow's debugger.
rule debug_layers:
    input:
        model=PATHS.model,
        calib=dataset_of(PATHS.calib),
    output:
        layers=PATHS.layers,
    log:
        "<results>/logs/debug_layers/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/debug_layers/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.variants_without_quantizers(),
        scheme="fiq_int8",
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("debug_layers"),
    script:
        "../scripts/debug_layers.py"


# Measure the accumulated error up to each layer, also for files with trained ranges.
rule trace_layers:
    input:
        tflite=PATHS.tflite,
        reference=at(PATHS.tflite, scheme="float32"),
        test=dataset_of(PATHS.test),
    output:
        trace=PATHS.trace,
    log:
        "<results>/logs/trace_layers/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/trace_layers/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="fiq_int8",
    params:
        settings=settings("verification"),
        code=code("trace_layers"),
    script:
        "../scripts/trace_layers.py"


# Measure the accuracy on val that the quantization of each layer costs.
rule sweep_layers:
    input:
        model=PATHS.model,
        calib=dataset_of(PATHS.calib),
        val=dataset_of(PATHS.val),
        reference=at(PATHS.tflite, scheme="float32"),
    output:
        sensitivity=PATHS.sensitivity,
    log:
        "<results>/logs/sweep_layers/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/sweep_layers/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.variants_without_quantizers(),
        scheme="fiq_int8",
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("sweep_layers"),
    script:
        "../scripts/sweep_layers.py"
