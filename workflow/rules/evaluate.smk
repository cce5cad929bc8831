# From models to predictions, one rule a runtime, and from predictions to metrics, one rule for all.


rule predict_litert:
    input:
        tflite="<results>/tflite/{model}/{variant}/{scheme}/model.tflite",
        test=dataset_of("test.npz"),
    output:
        predictions="<results>/predictions/{model}/{variant}/{scheme}/{runtime}.npz",
    log:
        "<results>/logs/predict_litert/{model}/{variant}/{scheme}/{runtime}.log",
    benchmark:
        "<results>/benchmarks/predict_litert/{model}/{variant}/{scheme}/{runtime}.tsv"
    wildcard_constraints:
        scheme="|".join(SCHEMES),
        runtime="litert",
    # One after the other, before what they make possible: else each would wait for idle cores.
    priority: 1
    # Latency is measured here: nothing may run beside it.
    threads: workflow.cores
    params:
        settings=settings("evaluation"),
        code=code("predict_litert"),
    script:
        "../scripts/predict_litert.py"


# What the file computes, compared with the integer engine and two runtimes, tensor by tensor.
rule verify:
    input:
        tflite="<results>/tflite/{model}/{variant}/{scheme}/model.tflite",
        test=dataset_of("test.npz"),
        predictions="<results>/predictions/{model}/{variant}/{scheme}/litert.npz",
    output:
        certificate="<results>/verify/{model}/{variant}/{scheme}/certificate.json",
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


rule score_litert:
    input:
        predictions="<results>/predictions/{model}/{variant}/{scheme}/{runtime}.npz",
        reference="<results>/predictions/{model}/{variant}/float32/litert.npz",
        parent=parent_predictions,
        stats="<results>/models/{model}/{variant}/stats.json",
        deployed="<results>/tflite/{model}/{variant}/{scheme}/model.tflite",
        contract="<results>/tflite/{model}/{variant}/{scheme}/contract.json",
        certificate=certificate_of,
    output:
        metrics="<results>/metrics/{model}/{variant}/{scheme}/{runtime}.json",
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
