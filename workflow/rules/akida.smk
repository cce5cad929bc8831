# Convert Keras models to programs for BrainChip's Akida, simulate the programs, and compare them
# with the quantized Keras models. If a model does not fit, the reason is recorded and the study
# continues.
# Snakemake does not compare folders by content, so in a copied project each program would count as
# new. Programs are therefore `ancient`. The same job writes conversion.json, which is compared.


rule preflight_akida:
    input:
        val=dataset_of(PATHS.val),
        file=model_file,
    output:
        preflight=PATHS.preflight,
    log:
        "<results>/logs/preflight_akida/{model}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/preflight_akida/{model}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    # Before training, so that models that do not fit are reported early.
    priority: 2
    threads: STUDY.config.tf_threads
    params:
        settings=settings(
            "model", "architecture_module", "scheme", "seed", "tf_threads"
        ),
        code=code("preflight_akida", "architecture_module"),
    script:
        "../scripts/preflight_akida.py"


rule convert_akida:
    input:
        model=akida_model,
        calib=dataset_of(PATHS.calib),
        record=dataset_of(PATHS.record),
    output:
        quantized=PATHS.akida_quantized,
        conversion=PATHS.conversion,
        program=directory(PATHS.program),
    log:
        "<results>/logs/convert_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("convert_akida"),
    script:
        "../scripts/convert_akida.py"


# QAT variants: train with the quantizers of quantizeml, starting from the weights of the parent.
rule train_akida:
    input:
        model=akida_model,
        calib=dataset_of(PATHS.calib),
        record=dataset_of(PATHS.record),
        train=dataset_of(PATHS.train),
        val=dataset_of(PATHS.val),
    output:
        quantized=PATHS.akida_quantized,
        conversion=PATHS.conversion,
        history=PATHS.akida_history,
        program=directory(PATHS.program),
    log:
        "<results>/logs/train_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/train_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["qat"]),
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "scheme_training", "seed", "tf_threads"),
        code=code("train_akida"),
    script:
        "../scripts/train_akida.py"


ruleorder: train_akida > convert_akida


rule predict_keras:
    input:
        quantized=PATHS.akida_quantized,
        conversion=PATHS.conversion,
        test=dataset_of(PATHS.test),
    output:
        predictions=PATHS.predictions,
        own=PATHS.akida_own,
    log:
        "<results>/logs/predict_keras/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/predict_keras/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
        runtime="keras",
    threads: STUDY.config.tf_threads
    params:
        settings=settings("tf_threads"),
        code=code("predict_keras"),
    script:
        "../scripts/predict_keras.py"


rule predict_akida:
    input:
        conversion=PATHS.conversion,
        program=ancient(PATHS.program),
        test=dataset_of(PATHS.test),
    output:
        predictions=PATHS.predictions,
    log:
        "<results>/logs/predict_akida/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/predict_akida/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
        runtime="akida",
    params:
        settings=settings(),
        code=code("predict_akida"),
    script:
        "../scripts/predict_akida.py"


# Check whether the simulator computes the same as the quantized Keras model. If not, find the first
# layer that differs.
rule compare_akida:
    input:
        keras=at(PATHS.predictions, runtime="keras"),
        own=at(PATHS.akida_own, runtime="keras"),
        akida=at(PATHS.predictions, runtime="akida"),
        conversion=PATHS.conversion,
        quantized=PATHS.akida_quantized,
        program=ancient(PATHS.program),
        test=dataset_of(PATHS.test),
    output:
        agreement=PATHS.agreement,
    log:
        "<results>/logs/compare_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/compare_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("tf_threads"),
        code=code("compare_akida"),
    script:
        "../scripts/compare_akida.py"


rule score_akida:
    input:
        predictions=own_predictions,
        reference=float_predictions,
        parent=parent_predictions,
        stats=akida_stats,
        conversion=PATHS.conversion,
        program=ancient(PATHS.program),
        agreement=PATHS.agreement,
    output:
        metrics=PATHS.metrics,
    log:
        "<results>/logs/score_akida/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/score_akida/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
        runtime="|".join(AKIDA_RUNTIMES),
    params:
        settings=settings("statistics"),
        code=code("score_akida"),
    script:
        "../scripts/score_akida.py"
