# From Keras models to .tflite files, each with a verdict on what the file really holds.


rule convert_tflite:
    input:
        model="<results>/models/{model}/{variant}/model.h5",
        calib=calibration_of,
    output:
        tflite="<results>/tflite/{model}/{variant}/{scheme}/model.tflite",
        contract="<results>/tflite/{model}/{variant}/{scheme}/contract.json",
    log:
        "<results>/logs/convert_tflite/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_tflite/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        scheme="|".join(SCHEMES),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("scheme", "seed", "tf_threads"),
        code=code("convert_tflite"),
    script:
        "../scripts/convert_tflite.py"


# Of a model with quantizers only the schemes that compute in int8 are made; the others come from
# the same weights without them, as any model's do.
rule convert_qat:
    input:
        model="<results>/models/{model}/{variant}/quantized.h5",
    output:
        tflite="<results>/tflite/{model}/{variant}/{scheme}/model.tflite",
        contract="<results>/tflite/{model}/{variant}/{scheme}/contract.json",
    log:
        "<results>/logs/convert_qat/{model}/{variant}/{scheme}.log",
    benchmark:
        "<results>/benchmarks/convert_qat/{model}/{variant}/{scheme}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method=["qat"]),
        scheme="|".join(FULL_INT8),
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("seed", "tf_threads"),
        code=code("convert_qat"),
    script:
        "../scripts/convert_qat.py"


ruleorder: convert_qat > convert_tflite
