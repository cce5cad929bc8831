# The graph of a study in plain Snakemake rules; benchmarks/dag.py compares Snugnet's workflow with it.

MODELS = [f"model{i}" for i in range(config["models"])]
VARIANTS = ["original", *(f"variant{i}" for i in range(1, config["variants"]))]
SCHEMES = ["float32", "drq", "fiq_int8", "fiq_uint8", "fiq_float32"]
PLACES = [f"{m}/{v}" for m in MODELS for v in VARIANTS]
CELLS = [f"{place}/{s}" for place in PLACES for s in SCHEMES]
INTEGER_ENDS = ["fiq_int8", "fiq_uint8"]
FILES = ["train.npz", "val.npz", "calib.npz", "test.npz", "record.json"]
DATA = [f"results/data/digits/{name}" for name in FILES]
MODEL_FILES = ("model.h5", "history.csv", "stats.json")
CERTIFICATES = [f"results/verify/{c}/certificate.json" for c in CELLS if "fiq" in c]
ANALYSES = [
    *[
        f"results/debug/{p}/fiq_int8/{n}.csv"
        for p in PLACES
        for n in ("layers", "trace")
    ],
    *[f"results/debug/{p}/{s}/mistakes.json" for p in PLACES for s in INTEGER_ENDS],
]
# The inputs of the report, except its tables.
EVIDENCE = [
    *DATA,
    *[f"results/models/{p}/{n}" for p in PLACES for n in MODEL_FILES[:2]],
    *[
        f"results/tflite/{c}/{n}"
        for c in CELLS
        for n in ("model.tflite", "contract.json")
    ],
    *CERTIFICATES,
    *[f"results/metrics/{cell}/litert.json" for cell in CELLS],
    *ANALYSES,
]
REPORT_FILES = (
    *("metrics.csv", "seeds.csv", "groups.csv", "metrics.md", "index.html"),
    *("figures", "gate.json", "gate.passed"),
)
PREVIOUS = {
    "drq": "float32",
    "fiq_float32": "drq",
    "fiq_int8": "fiq_float32",
    "fiq_uint8": "fiq_float32",
}


def parent(wildcards):
    if wildcards.variant == "original":
        return []
    return (
        f"results/predictions/{wildcards.model}/original/{wildcards.scheme}/litert.npz"
    )


def previous_step(wildcards):
    if wildcards.scheme not in PREVIOUS:
        return []
    place = f"{wildcards.model}/{wildcards.variant}/{PREVIOUS[wildcards.scheme]}"
    return f"results/predictions/{place}/litert.npz"


def network(wildcards):
    if wildcards.scheme not in INTEGER_ENDS:
        return []
    return (
        f"results/tflite/{wildcards.model}/{wildcards.variant}/fiq_float32/model.tflite"
    )


def converted_from(wildcards):
    if wildcards.scheme in INTEGER_ENDS:
        return []
    model = f"results/models/{wildcards.model}/{wildcards.variant}/model.h5"
    if wildcards.scheme != "fiq_float32":
        return model
    return [model, "results/data/digits/calib.npz"]


def certificate(wildcards):
    if not wildcards.scheme.startswith("fiq"):
        return []
    cell = f"{wildcards.model}/{wildcards.variant}/{wildcards.scheme}"
    return f"results/verify/{cell}/certificate.json"


rule all:
    input:
        EVIDENCE,
        [f"results/models/{p}/stats.json" for p in PLACES],
        [f"results/predictions/{cell}/litert.npz" for cell in CELLS],
        [f"results/report/{name}" for name in REPORT_FILES],
        "results/manifest.json",


rule gate:
    input:
        "results/report/figures",
        "results/manifest.json",
        "results/report/gate.json",
        "results/report/metrics.md",
        "results/report/index.html",
    output:
        "results/report/gate.passed",
    shell:
        ""


rule tabulate:
    input:
        [f"results/metrics/{cell}/litert.json" for cell in CELLS],
    output:
        "results/report/metrics.csv",
        "results/report/seeds.csv",
        "results/report/groups.csv",
        "results/report/metrics.md",
    shell:
        ""


rule bundle_vega:
    output:
        "results/vega.js",
    shell:
        ""


rule write_report:
    input:
        "results/report/metrics.csv",
        "results/report/seeds.csv",
        "results/report/gate.json",
        "results/vega.js",
        "workflow/report/index.html.j2",
        "workflow/report/style.css",
        "workflow/report/page.js",
        EVIDENCE,
    output:
        "results/report/index.html",
    shell:
        ""


rule draw_figures:
    input:
        "results/report/metrics.csv",
        "results/report/seeds.csv",
        EVIDENCE,
    output:
        directory("results/report/figures"),
    shell:
        ""


rule write_manifest:
    input:
        [path for path in DATA if not path.endswith(".json")],
        [f"results/models/{p}/{n}" for p in PLACES for n in ("model.h5", "stats.json")],
        [
            f"results/tflite/{c}/{n}"
            for c in CELLS
            for n in ("model.tflite", "contract.json")
        ],
        CERTIFICATES,
        [f"results/metrics/{cell}/litert.json" for cell in CELLS],
    output:
        "results/manifest.json",
    shell:
        ""


rule evaluate_gate:
    input:
        [f"results/metrics/{cell}/litert.json" for cell in CELLS],
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
        network,
        converted_from,
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


rule verify_network:
    input:
        "results/tflite/{model}/{variant}/fiq_int8/model.tflite",
        "results/data/digits/test.npz",
    output:
        "results/verify/{model}/{variant}/network.npz",
    shell:
        ""


rule verify:
    input:
        "results/verify/{model}/{variant}/network.npz",
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
        previous_step,
        certificate,
    output:
        "results/metrics/{model}/{variant}/{scheme}/litert.json",
    shell:
        ""


rule debug_layers:
    input:
        "results/models/{model}/{variant}/model.h5",
        "results/data/digits/calib.npz",
    output:
        "results/debug/{model}/{variant}/{scheme}/layers.csv",
    shell:
        ""


rule trace_layers:
    input:
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/tflite/{model}/{variant}/float32/model.tflite",
        "results/data/digits/test.npz",
    output:
        "results/debug/{model}/{variant}/{scheme}/trace.csv",
    shell:
        ""


rule measure_mistakes:
    input:
        "results/tflite/{model}/{variant}/{scheme}/model.tflite",
        "results/data/digits/test.npz",
        "results/predictions/{model}/{variant}/{scheme}/litert.npz",
    output:
        "results/debug/{model}/{variant}/{scheme}/mistakes.json",
    shell:
        ""
