# Snugnet: config.yaml describes the study, workflow/Snakefile defines its targets.


configfile: "config.yaml"


include: "workflow/Snakefile"


# An included file cannot choose the default target.
workflow.default_target = "all"
