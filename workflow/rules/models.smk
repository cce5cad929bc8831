# From data to Keras models: one rule a method, chosen by the variant.


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
        variant=STUDY.pattern("variants", method="train"),
    # Before all that only one cell waits for, so that the longest chains start first.
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("model", "seed", "tf_threads"),
        code=code("train", "snugnet.models.{architecture}"),
    script:
        "../scripts/train.py"


rule finetune:
    input:
        train=dataset_of("train.npz"),
        val=dataset_of("val.npz"),
        parent=parent_model,
    output:
        model="<results>/models/{model}/{variant}/model.h5",
        history="<results>/models/{model}/{variant}/history.csv",
        stats="<results>/models/{model}/{variant}/stats.json",
    log:
        "<results>/logs/finetune/{model}/{variant}.log",
    benchmark:
        "<results>/benchmarks/finetune/{model}/{variant}.tsv"
    wildcard_constraints:
        variant=STUDY.pattern("variants", method="finetune"),
    priority: 1
    threads: STUDY.config["tf_threads"]
    params:
        settings=settings("training", "seed", "tf_threads"),
        code=code("finetune"),
    script:
        "../scripts/finetune.py"
