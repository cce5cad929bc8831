# From Keras models to programs for BrainChip's Akida, simulated and compared with what they were
# made from. A model that does not fit becomes a record that says why, and the study goes on.
# Snakemake compares no folder by its content, so in a copied project it would take each program for
# a new one: hence `ancient`. The same job writes conversion.json, which is compared.


rule preflight_akida:
    input:
        val=dataset_of("val.npz"),
        file=model_file,
    output:
        preflight="<results>/akida/{model}/preflight/{scheme}.json",
    log:
        "<results>/logs/preflight_akida/{model}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/preflight_akida/{model}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    # Before training, so that what cannot fit is known soon.
    priority: 2
    threads: STUDY.config["tf_threads"]
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
        calib=dataset_of("calib.npz"),
        record=dataset_of("record.json"),
    output:
        quantized="<results>/akida/{model}/{variant}/{scheme}/quantized.h5",
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        program=directory("<results>/akida/{model}/{variant}/{scheme}/program"),
    log:
        "<results>/logs/convert_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("convert_akida"),
    script:
        "../scripts/convert_akida.py"


# Of a variant trained with quantizers, quantizeml's own are trained, from the parent's weights.
rule train_akida:
    input:
        model=akida_model,
        calib=dataset_of("calib.npz"),
        record=dataset_of("record.json"),
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
    output:
        quantized="<results>/akida/{model}/{variant}/{scheme}/quantized.h5",
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        history="<results>/akida/{model}/{variant}/{scheme}/history.csv",
        program=directory("<results>/akida/{model}/{variant}/{scheme}/program"),
    log:
        "<results>/logs/train_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/train_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["qat"]),
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("scheme", "scheme_training", "seed", "tf_threads"),
        code=code("train_akida"),
    script:
        "../scripts/train_akida.py"


ruleorder: train_akida > convert_akida


rule predict_keras:
    input:
        quantized="<results>/akida/{model}/{variant}/{scheme}/quantized.h5",
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        test=dataset_of("test.npz"),
    output:
        predictions="<results>/predictions/{model}/{variant}/{scheme}/{runtime}.npz",
        own="<results>/akida/{model}/{variant}/{scheme}/{runtime}_own.npz",
    log:
        "<results>/logs/predict_keras/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/predict_keras/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
        runtime="keras",
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("tf_threads"),
        code=code("predict_keras"),
    script:
        "../scripts/predict_keras.py"


rule predict_akida:
    input:
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        program=ancient("<results>/akida/{model}/{variant}/{scheme}/program"),
        test=dataset_of("test.npz"),
    output:
        predictions="<results>/predictions/{model}/{variant}/{scheme}/{runtime}.npz",
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


# Does the simulator compute what the quantized Keras model computes? If not, from which layer on?
rule compare_akida:
    input:
        keras="<results>/predictions/{model}/{variant}/{scheme}/keras.npz",
        own="<results>/akida/{model}/{variant}/{scheme}/keras_own.npz",
        akida="<results>/predictions/{model}/{variant}/{scheme}/akida.npz",
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        quantized="<results>/akida/{model}/{variant}/{scheme}/quantized.h5",
        program=ancient("<results>/akida/{model}/{variant}/{scheme}/program"),
        test=dataset_of("test.npz"),
    output:
        agreement="<results>/akida/{model}/{variant}/{scheme}/agreement.json",
    log:
        "<results>/logs/compare_akida/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/compare_akida/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(AKIDA_SCHEMES),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("tf_threads"),
        code=code("compare_akida"),
    script:
        "../scripts/compare_akida.py"


rule score_akida:
    input:
        predictions="<results>/predictions/{model}/{variant}/{scheme}/{runtime}.npz",
        reference=float_predictions,
        parent=parent_predictions,
        stats=akida_stats,
        conversion="<results>/akida/{model}/{variant}/{scheme}/conversion.json",
        program=ancient("<results>/akida/{model}/{variant}/{scheme}/program"),
        agreement="<results>/akida/{model}/{variant}/{scheme}/agreement.json",
    output:
        metrics="<results>/metrics/{model}/{variant}/{scheme}/{runtime}.json",
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
