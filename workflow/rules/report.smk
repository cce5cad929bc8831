# From all metrics to the table, and last of all the judgement.


rule tabulate:
    input:
        metrics=study_files("metrics"),
    output:
        csv="<results>/report/metrics.csv",
        markdown="<results>/report/metrics.md",
    log:
        "<results>/logs/tabulate.log",
    benchmark:
        "<results>/benchmarks/tabulate.tsv"
    params:
        settings=settings("cells", "statistics"),
        code=code("tabulate"),
    script:
        "../scripts/tabulate.py"


rule tabulate_akida:
    input:
        metrics=study_files("akida_metrics"),
    output:
        page="<results>/report/akida.md",
    log:
        "<results>/logs/tabulate_akida.log",
    benchmark:
        "<results>/benchmarks/tabulate_akida.tsv"
    params:
        settings=settings("cells"),
        code=code("tabulate_akida"),
    script:
        "../scripts/tabulate_akida.py"


rule tabulate_preflight:
    input:
        preflights=study_files("preflights"),
    output:
        page="<results>/report/preflight.md",
    log:
        "<results>/logs/tabulate_preflight.log",
    benchmark:
        "<results>/benchmarks/tabulate_preflight.tsv"
    params:
        settings=settings("cells"),
        code=code("tabulate_preflight"),
    script:
        "../scripts/tabulate_preflight.py"


rule judge:
    input:
        metrics=study_files("metrics"),
        contracts=study_files("contracts"),
    output:
        gate="<results>/report/gate.json",
    log:
        "<results>/logs/judge.log",
    benchmark:
        "<results>/benchmarks/judge.tsv"
    params:
        settings=settings("cells"),
        code=code("judge"),
    script:
        "../scripts/judge.py"


# Snakemake deletes what a failed job has written, so `judge` writes the evidence and succeeds, and
# this rule, which makes nothing that anyone would miss, fails.
rule gate:
    input:
        gate="<results>/report/gate.json",
        table="<results>/report/metrics.md",
        akida=akida_page,
    output:
        passed=touch("<results>/report/gate.passed"),
    log:
        "<results>/logs/gate.log",
    benchmark:
        "<results>/benchmarks/gate.tsv"
    params:
        settings=settings(),
        code=code("gate"),
    script:
        "../scripts/gate.py"
