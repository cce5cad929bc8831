# Snugnet: from data to the results table, one cached target a model x variant x scheme.
#
# Everything lies below `results_dir`, one folder a stage, then the wildcards in order of causation:
#   data/{dataset}/{split}.npz                                  prepared splits
#   models/{model}/{variant}/model.h5                           trained models
#   tflite/{model}/{variant}/{scheme}/model.tflite              converted models
#   akida/{model}/{variant}/{scheme}/conversion.json            programs for Akida, or why not
#   debug/{model}/{variant}/{scheme}/                           why a cell loses what it loses
#   predictions/{model}/{variant}/{scheme}/{runtime}.npz        the same arrays from every runtime
#   metrics/{model}/{variant}/{scheme}/{runtime}.json           one row of the results
#   manifest.json                                               digests of all of these, and of the code
#   report/                                                     the table, the page, its figures, the judgement
#   logs/<rule>/..., benchmarks/<rule>/...

from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


# Used only with --sdm apptainer: the image that Dockerfile describes, from a registry of one's own.
container: "docker://localhost/snugnet"


include: "workflow/rules/common.smk"


pathvars:
    results=RESULTS,


# While starts are limited, to 100 a second unless somebody asks for less, Snakemake looks at all
# ready jobs again a second after each look, and once more for each job that has finished: with
# hundreds of them that alone keeps a core busy (benchmarks/scheduling.py).
onstart:
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/tflite.smk"
include: "workflow/rules/akida.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    fetch,
    data,
    models,
    tflite,
    akida,
    preflight,
    analyses,
    report,


rule all:
    default_target: True
    input:
        "<results>/report/gate.passed",
        "<results>/report/figures",


rule data:
    input:
        study_files("data"),


rule models:
    input:
        study_files("models"),


rule tflite:
    input:
        study_files("tflite"),


rule akida:
    input:
        akida_page,


# Before anything is trained: does it fit Akida?
rule preflight:
    input:
        preflight_page,


# Why do cells lose what they lose?
rule analyses:
    input:
        study_files("debugged"),
        study_files("traced"),
        study_files("sensitivity"),
        study_files("mistakes"),


rule report:
    input:
        "<results>/report/metrics.csv",
        "<results>/report/metrics.md",
        "<results>/report/gate.json",
        "<results>/report/index.html",
        "<results>/report/figures",
