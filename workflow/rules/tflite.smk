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
