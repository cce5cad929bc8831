# The graph of a study and nothing else: what benchmarks/dag.py compares ours with.

MODELS = [f"model{i}" for i in range(config["models"])]
VARIANTS = ["original", *(f"variant{i}" for i in range(1, config["variants"]))]
SCHEMES = ["float32", "drq", "fiq_int8", "fiq_uint8", "fiq_float32"]
CELLS = [f"{m}/{v}/{s}" for m in MODELS for v in VARIANTS for s in SCHEMES]


def parent(wildcards):
    if wildcards.variant == "original":
        return []
    return f"results/predictions/{wildcards.model}/original/{wildcards.scheme}/litert.npz"


def certificate(wildcards):
    if not wildcards.scheme.startswith("fiq"):
        return []
    cell = f"{wildcards.model}/{wildcards.variant}/{wildcards.scheme}"
    return f"results/verify/{cell}/certificate.json"


rule gate:
    input:
        "results/report/gate.json",
        "results/report/metrics.md",
    output:
        "results/report/gate.passed",
    shell:
        ""


rule tabulate:
    input:
        [f"results/metrics/{cell}/litert.json" for cell in CELLS],
    output:
        "results/report/metrics.csv",
        "results/report/metrics.md",
    shell:
        ""


rule judge:
    input:
        [f"results/metrics/{cell}/litert.json" for cell in CELLS],
        [f"results/tflite/{cell}/contract.json" for cell in CELLS],
    output:
        "results/report/gate.json",
    shell:
        ""


rule prepare_dataset:
    output:
        "results/data/digits/train.npz",
        "results/data/digits/val.npz",
        "results/data/digits/test.npz",
        "results/data/digits/record.json",
    shell:
        ""


rule draw_calibration:
    input:
        "results/data/digits/train.npz",
    output:
        "results/data/digits/calib.npz",
    shell:
        ""


rule train:
    input:
        "results/data/digits/train.npz",
        "results/data/digits/val.npz",
    output:
        "results/models/{model}/original/model.h5",
        "results/models/{model}/original/history.csv",
        "results/models/{model}/original/stats.json",
    shell:
        ""


rule compress:
    input:
        "results/data/digits/train.npz",
        "results/data/digits/val.npz",
        "results/models/{model}/original/model.h5",
    output:
        "results/models/{model}/{variant}/model.h5",
        "results/models/{model}/{variant}/history.csv",
        "results/models/{model}/{variant}/stats.json",
    wildcard_constraints:
        variant="variant[0-9]+",
    shell:
        ""


rule convert_tflite:
    input:
        "results/models/{model}/{variant}/model.h5",
        "results/data/digits/calib.npz",
    output:
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/tflite/{model}/{variant}/{scheme}/contract.json",
    shell:
        ""


rule predict_litert:
    input:
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/data/digits/test.npz",
    output:
        "results/predictions/{model}/{variant}/{scheme}/litert.npz",
    shell:
        ""


rule verify:
    input:
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/data/digits/test.npz",
        "results/predictions/{model}/{variant}/{scheme}/litert.npz",
    output:
        "results/verify/{model}/{variant}/{scheme}/certificate.json",
    shell:
        ""


rule score_litert:
    input:
        "results/predictions/{model}/{variant}/{scheme}/litert.npz",
        "results/predictions/{model}/{variant}/float32/litert.npz",
        "results/models/{model}/{variant}/stats.json",
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/tflite/{model}/{variant}/{scheme}/contract.json",
        parent,
        certificate,
    output:
        "results/metrics/{model}/{variant}/{scheme}/litert.json",
    shell:
        ""
