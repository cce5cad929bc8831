# Write the table of all results, the report and the figures, and check the requirements.


rule tabulate:
    input:
        metrics=study_files("metrics"),
    output:
        csv=report(
            PATHS.table,
            caption="../report/table.rst",
            category="Tables",
        ),
        seeds=PATHS.seeds,
        groups=PATHS.groups,
        markdown=PATHS.markdown,
    log:
        "<results>/logs/tabulate.log",
    benchmark:
        "<results>/benchmarks/tabulate.tsv"
    params:
        settings=settings("cells", "statistics"),
        code=code("tabulate"),
    script:
        "../scripts/tabulate.py"


# Adjusted p-values are read from the table of all results, so that this page and the report agree.
rule tabulate_akida:
    input:
        metrics=study_files("akida_metrics"),
        table=PATHS.table,
    output:
        page=PATHS.akida_page,
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
        page=PATHS.preflight_page,
    log:
        "<results>/logs/tabulate_preflight.log",
    benchmark:
        "<results>/benchmarks/tabulate_preflight.tsv"
    params:
        settings=settings("cells"),
        code=code("tabulate_preflight"),
    script:
        "../scripts/tabulate_preflight.py"


rule evaluate_gate:
    input:
        metrics=study_files("metrics"),
    output:
        gate=PATHS.gate,
    log:
        "<results>/logs/evaluate_gate.log",
    benchmark:
        "<results>/benchmarks/evaluate_gate.tsv"
    params:
        settings=settings("cells", "gates"),
        code=code("evaluate_gate"),
    script:
        "../scripts/evaluate_gate.py"


# Bundle the chart library of the page. This takes seconds and depends on no results.
rule bundle_vega:
    output:
        vega=PATHS.vega,
    log:
        "<results>/logs/bundle_vega.log",
    benchmark:
        "<results>/benchmarks/bundle_vega.tsv"
    params:
        settings=settings(),
        code=code("bundle_vega"),
    script:
        "../scripts/bundle_vega.py"


rule write_report:
    input:
        table=PATHS.table,
        gate=PATHS.gate,
        seeds=PATHS.seeds,
        evidence=report_evidence,
        vega=PATHS.vega,
        template=TEMPLATES / "index.html.j2",
        style=TEMPLATES / "style.css",
        script=TEMPLATES / "page.js",
    output:
        page=report(
            PATHS.page,
            caption="../report/page.rst",
            category="Report",
        ),
    log:
        "<results>/logs/write_report.log",
    benchmark:
        "<results>/benchmarks/write_report.tsv"
    params:
        settings=settings("recipes", "statistics"),
        code=code("write_report"),
    script:
        "../scripts/write_report.py"


# The page draws its own charts, so only the rule `gate` needs these files.
rule draw_figures:
    input:
        table=PATHS.table,
        seeds=PATHS.seeds,
        evidence=report_evidence,
    output:
        figures=report(
            directory(PATHS.figures),
            patterns=["{figure}.svg"],
            caption="../report/figure.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/draw_figures.log",
    benchmark:
        "<results>/benchmarks/draw_figures.tsv"
    params:
        settings=settings("recipes", "statistics"),
        code=code("draw_figures"),
    script:
        "../scripts/draw_figures.py"


# Write the digests of all results. Two runs of the same study must have equal manifests.
rule write_manifest:
    input:
        study_files("data"),
        study_files("models"),
        study_files("stats"),
        study_files("tflite"),
        study_files("contracts"),
        study_files("certificates"),
        study_files("firmware"),
        study_files("footprints"),
        study_files("conversions"),
        study_files("programs"),
        study_files("metrics"),
    output:
        manifest=PATHS.manifest,
    log:
        "<results>/logs/write_manifest.log",
    benchmark:
        "<results>/benchmarks/write_manifest.tsv"
    params:
        settings=settings(),
        code=code("write_manifest"),
        made_with=made_with,
    script:
        "../scripts/write_manifest.py"


# Snakemake deletes the outputs of a failed job. Therefore `evaluate_gate` writes gate.json and
# succeeds even if a check fails. This rule fails instead; its output is only an empty file.
rule gate:
    input:
        gate=PATHS.gate,
        table=PATHS.markdown,
        page=PATHS.page,
        figures=ancient(PATHS.figures),
        akida=akida_page,
        manifest=PATHS.manifest,
    output:
        passed=touch(PATHS.passed),
    log:
        "<results>/logs/gate.log",
    benchmark:
        "<results>/benchmarks/gate.tsv"
    params:
        settings=settings(),
        code=code("gate"),
    script:
        "../scripts/gate.py"
