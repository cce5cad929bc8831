# Convert Keras models to .tflite files, each with a report on the types of its weights.


# The int8 network is converted once, with float32 input and output. The files with integer input
# and output are derived from that file, unless they have their own settings.
rule convert_tflite:
    input:
        network=network_file,
        model=unless_derived(PATHS.model),
        calib=calibration_of,
    output:
        tflite=PATHS.tflite,
        contract=PATHS.contract,
    log:
        "<results>/logs/convert_tflite/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_tflite/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(CONVERTED_SCHEMES),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("convert_tflite"),
    script:
        "../scripts/convert_tflite.py"


# A model with quantizers is converted to the schemes that compute in int8. For the other schemes of
# its variant, the rule above converts the same weights without quantizers.
rule convert_qat:
    input:
        network=network_file,
        model=unless_derived(PATHS.quantized),
    output:
        tflite=PATHS.tflite,
        contract=PATHS.contract,
    log:
        "<results>/logs/convert_qat/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_qat/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=WITH_QUANTIZERS),
        scheme="|".join(FULL_INT8),
    threads: STUDY.config.tf_threads
    params:
        settings=settings("seed", "tf_threads"),
        code=code("convert_qat"),
    script:
        "../scripts/convert_qat.py"


ruleorder: convert_qat > convert_tflite


# Choose on val which operators remain in float. All candidates of the search are kept.
rule search_mixed:
    input:
        model=PATHS.model,
        calib=calibration_of,
        val=dataset_of(PATHS.val),
        float32=at(PATHS.tflite, scheme="float32"),
        fiq_float32=at(PATHS.tflite, scheme="fiq_float32"),
        int16x8=at(PATHS.tflite, scheme="int16x8"),
    output:
        tflite=PATHS.tflite,
        contract=PATHS.contract,
        candidates=PATHS.candidates,
    log:
        "<results>/logs/search_mixed/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/search_mixed/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.variants_without_quantizers(),
        scheme="mixed",
    threads: STUDY.config.tf_threads
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("search_mixed"),
    script:
        "../scripts/search_mixed.py"
