# Definitions for all rules: the validated configuration, the cells of the study, input functions,
# and the two parameters that every rule tracks. This is the only file that reads `config`. It
# contains no rules.

import logging
import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.exceptions import WorkflowError
from snakemake.logging import get_event, logger
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_snugnet import format_job_name

import snugnet
from snugnet.jobs import (
    checksums,
    fork_server,
    forked_scripts,
    run_records,
    scheduling,
)
from snugnet.core.akida_schemes import AKIDA_RUNTIMES, AKIDA_SCHEMES
from snugnet.datasets.sources import source_files
from snugnet.core.errors import InputError
from snugnet.core.installation import check_python
from snugnet.core.paths import ResultPath
from snugnet.jobs.code_digests import compute_all_digests, compute_code_digests
from snugnet.config.cells import Cell
from snugnet.config.lineage import WITH_QUANTIZERS
from snugnet.config.study import Study
from snugnet.config.targets import REPORTED
from snugnet.core.tflite_schemes import (
    BARE_SCHEME,
    CONVERTED_SCHEMES,
    DERIVED_SCHEMES,
    FULL_INT8,
    FULL_INTEGER,
    NETWORK_SCHEME,
    SCHEMES,
)

# The files of the workflow are next to this one, in a clone and in an installed package. The code
# digests cover the package that the jobs import.
WORKFLOW = Path(workflow.current_basedir).parent
SOURCE = Path(snugnet.__file__).parents[1]
SCRIPTS = WORKFLOW / "scripts"
TEMPLATES = WORKFLOW / "report"

# The packages whose version can change a result.
DECISIVE_PACKAGES = (
    "tensorflow",
    "tf-keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "tflite-micro",
    "quantizeml",
    "cnn2snn",
    "akida",
    "numpy",
    "scipy",
    "scikit-learn",
    "tensorly",
    "neurokit2",
    "wfdb",
    "pandas",
    "h5py",
    "snakemake",
)

try:
    check_python()
except InputError as error:
    raise WorkflowError(str(error))

try:
    STUDY = Study(config)
    RESULTS = STUDY.make_results_dir()
except InputError as error:
    raise WorkflowError(f"configuration: {error}")

# Templates of the paths of results, such as PATHS.model.
PATHS = SimpleNamespace(
    **{path.name.lower(): f"{RESULTS}/{path}" for path in ResultPath}
)

# Architectures of the models that the study builds and trains. Other models come from files.
ARCHITECTURES = {model.architecture for model in STUDY.config.models.values()} - {
    "file"
}

# A job in a container or in another environment may see other files and processes, so it cannot use
# the fork server. On a cluster node, the Snakemake process of that node counts as a main process.
fork_server.announce(
    (workflow.is_main_process or workflow.remote_exec)
    and not workflow.deployment_settings.deployment_method,
    STUDY.config.fork_server,
)
forked_scripts.install()
checksums.announce(
    RESULTS,
    workflow.overwrite_configfiles,
    workflow.config_settings.config_args or [],
)
# In a moved project, these folders may be elsewhere. The outputs do not depend on their location.
run_records.install(
    {
        str(Path(STUDY.config.datasets_dir)): "<datasets_dir>",
        str(TEMPLATES): "<templates>",
    },
    RESULTS,
)


wildcard_constraints:
    dataset=STUDY.pattern("datasets"),
    model=STUDY.pattern("models"),
    variant=STUDY.pattern("variants"),
    scheme=STUDY.pattern("schemes"),


def settings(*names):
    """Create the parameter `settings` of a rule: a function from wildcards to a sorted mapping."""

    def of(wildcards):
        return STUDY.settings.collect(names, dict(wildcards.items()))

    return of


@lru_cache(maxsize=None)
def digests(script, modules, without):
    """Compute the digests of a script and of all modules that it can import."""
    return compute_code_digests(SCRIPTS / f"{script}.py", modules, SOURCE, without)


# This module decides whether a job goes on, not what its outputs are.
REQUEST_CHECK = ("snugnet.compress.requests",)


def code(script, *module_settings, without=()):
    """Create the parameter `code` of a rule: the digests of all code that its script can import.

    A script may import modules that are named in its settings. `module_settings` are the names of
    these settings. `without` are the names of modules that do not affect the outputs.
    """

    def of(wildcards):
        modules = STUDY.settings.collect(module_settings, dict(wildcards.items()))
        return digests(script, tuple(modules.values()), without)

    return of


def dataset_of(path):
    """Create an input function that fills in the dataset of the wildcard `model`."""

    def of(wildcards):
        return path.format(dataset=STUDY.dataset_of(wildcards.model))

    return of


def at(path, **values):
    """Fill in some wildcards of a path; the others remain wildcards."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def source_of(wildcards):
    """Return the existing source files of a dataset.

    `MissingSources` reports missing files; in a container, the job itself does.
    """
    dataset = STUDY.config.datasets[wildcards.dataset]
    files = source_files(dataset, Path(STUDY.config.datasets_dir))
    return [str(path) for path in files if path.is_file()]


def datasets_dir_of(wildcards, output):
    """Return the folder of the source files.

    A parameter function with the argument `output` is not tracked: moving files changes no dataset.
    """
    return STUDY.config.datasets_dir


def model_file(wildcards):
    """Return the file of a model that a user provides, if it exists.

    `MissingSources` reports a missing file; in a container, the job itself does.
    """
    file = getattr(STUDY.config.models[wildcards.model], "file", None)
    return [file] if file is not None and Path(file).exists() else []


def parent_model(wildcards):
    """Return the model of the parent of a variant."""
    parent = STUDY.parent_of(wildcards.variant)
    return PATHS.model.format(model=wildcards.model, variant=parent)


def requests_of(wildcards, output):
    """Return the variants that the study creates from this variant, to check them before training.

    A parameter function with the argument `output` is not tracked, so that a new variant does not
    repeat the training.
    """
    return STUDY.settings.requests(wildcards.model, wildcards.variant)


def explored_layers_of(wildcards, output):
    """Return the layers that the design space of a model covers, for the check of its variants.

    This is not tracked, like `requests_of`.
    """
    return STUDY.settings.explored_layers(wildcards.model)


def prediction_threads(wildcards):
    """Return the threads of a prediction: all cores if it also measures latency."""
    return 1 if STUDY.is_fold(wildcards.model) else workflow.cores


def scored_predictions(cell):
    """Return the predictions that the figures of a cell are computed from.

    With cross-validation, they are those of the models of all folds.
    """
    path = PATHS.pooled if STUDY.fold_models(cell.model) else PATHS.predictions
    return path.format(**cell._asdict())


def own_predictions(wildcards):
    """Return the predictions that the figures of the cell itself are computed from."""
    return scored_predictions(Cell(**wildcards))


def fold_predictions(wildcards):
    """Return the predictions of the models of all folds for a cell."""
    return [
        PATHS.predictions.format(**{**wildcards, "model": model})
        for model in STUDY.fold_models(wildcards.model)
    ]


def parent_predictions(wildcards):
    """Return the predictions of the parent with the same scheme; nothing if there is no parent.

    The search for `mixed` takes too long only for a comparison, so for `mixed` the study must
    contain the cell of the parent.
    """
    parent = STUDY.parent_of(wildcards.variant)
    if parent is None:
        return []
    cell = Cell(**{**wildcards, "variant": parent})
    if cell.scheme == "mixed" and not STUDY.has(cell):
        return []
    return scored_predictions(cell)


def previous_step_predictions(wildcards):
    """Return the predictions of the previous quantization step, if the study contains that cell."""
    previous = STUDY.find_previous_step(Cell(**wildcards))
    return scored_predictions(previous) if previous else []


def akida_model(wildcards):
    """Return the Keras model that is converted for Akida."""
    network = STUDY.network_of(wildcards.variant, wildcards.scheme)
    return PATHS.model.format(model=wildcards.model, variant=network)


def akida_stats(wildcards):
    """Return the size of the Keras model that is converted for Akida."""
    network = STUDY.network_of(wildcards.variant, wildcards.scheme)
    return PATHS.stats.format(model=wildcards.model, variant=network)


def float_predictions(wildcards):
    """Return the predictions of the float32 cell of a cell's network."""
    network = STUDY.network_of(wildcards.variant, wildcards.scheme)
    return scored_predictions(Cell(wildcards.model, network, "float32", "litert"))


def designs_of(wildcards):
    """Return the design space of the parent, if the variant is a point of it."""
    variant = STUDY.settings.variant(wildcards.model, wildcards.variant)
    if variant.get("point") is None:
        return []
    return PATHS.design_space.format(model=wildcards.model, variant=variant["parent"])


def network_file(wildcards):
    """Return the fiq_float32 file from which a file is derived; nothing for converted files."""
    if STUDY.shares_network(wildcards.model, wildcards.variant, wildcards.scheme):
        return PATHS.tflite.format(**{**wildcards, "scheme": NETWORK_SCHEME})
    return []


def unless_derived(path):
    """Create an input function that returns the path, or nothing if the file is derived."""

    def of(wildcards):
        return [] if network_file(wildcards) else path.format(**wildcards)

    return of


def calibration_of(wildcards):
    """Return the calib split if a file is converted with it; nothing for other files."""
    if SCHEMES[wildcards.scheme].calibrated and not network_file(wildcards):
        return PATHS.calib.format(dataset=STUDY.dataset_of(wildcards.model))
    return []


def certificate_of(wildcards):
    """Return the certificate of a full-integer cell; nothing for other cells."""
    if wildcards.scheme not in FULL_INTEGER:
        return []
    return PATHS.certificate.format(**wildcards)


def footprint_of(wildcards):
    """Return what the C code of a cell costs; nothing if the study generates none."""
    if not STUDY.targets.has_firmware(wildcards.scheme):
        return []
    return PATHS.footprint.format(**wildcards)


@lru_cache(maxsize=None)
def installed_tools():
    """Return the versions of the programs that compile and emulate C code."""
    from snugnet.firmware.tools import describe_tools

    return describe_tools()


def firmware_tools(wildcards):
    """Return the versions of the programs, so that jobs run again when one is installed."""
    return installed_tools()


def bare_network(wildcards):
    """Return the file that contains only the int8 network."""
    return PATHS.tflite.format(**{**wildcards, "scheme": BARE_SCHEME})


def certified_network(wildcards):
    """Return the certified int8 network of a file that shares it; nothing for other files."""
    model, variant, scheme = wildcards.model, wildcards.variant, wildcards.scheme
    shared = {NETWORK_SCHEME} | {
        name for name in DERIVED_SCHEMES if STUDY.shares_network(model, variant, name)
    }
    if scheme not in shared or BARE_SCHEME not in shared:
        return []
    return PATHS.network.format(**wildcards)


def akida_page(wildcards):
    """Return the page about Akida if the study has Akida cells."""
    return PATHS.akida_page if STUDY.targets.files("akida_metrics") else []


def preflight_page(wildcards):
    """Return the page about the pre-flight checks if the study has Akida cells."""
    return PATHS.preflight_page if STUDY.targets.files("preflights") else []


def version_of(package):
    """Return the version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None  # the study does not need the package


def made_with(wildcards):
    """Return the digests of all code and the versions of all packages that can change a result.

    This is a function, so that the digests are computed only for the job that needs them.
    """
    versions = {name: version_of(name) for name in DECISIVE_PACKAGES}
    return {
        "code": compute_all_digests(SOURCE / "snugnet", SCRIPTS),
        "versions": {"python": platform.python_version(), **versions},
    }


def study_files(stage):
    """List the files of a stage of the study.

    Akida programs are folders. Snakemake does not compare their content; see akida.smk.
    """
    paths = [f"{RESULTS}/{path}" for path in STUDY.targets.files(stage)]
    return list(map(ancient, paths)) if stage in ("programs", "firmware") else paths


def deliverables(wildcards):
    """List all results of the study, so that a missing file is created again."""
    return [f"{RESULTS}/{path}" for path in STUDY.targets.deliverables()]


def report_evidence(wildcards):
    """List the files that the report shows in addition to the table, if the study has them."""
    return [path for stage in REPORTED for path in study_files(stage)]


def failed_jobs(rule_names):
    """List the failed jobs of some rules as (name, logs).

    Snakemake does not report which jobs of a group failed. The jobs with missing outputs count as
    failed; if there are none, all jobs of the group.
    """
    jobs = []
    for failed in workflow.scheduler.failed:
        if failed.is_group():
            incomplete = [
                job for job in failed if not all(map(os.path.exists, job.output))
            ]
            jobs += incomplete or list(failed)
        else:
            jobs.append(failed)
    return sorted(
        (format_job_name(job.rule.name, job.wildcards_dict), list(map(str, job.log)))
        for job in jobs
        if job.rule.name in rule_names
    )


def read_summary():
    """Read the summary of the study if the targets include the report; None if there is none."""
    from snugnet.report.run_summary import summarize

    if not any(job.rule.name == "write_report" for job in workflow.dag.jobs):
        return None
    try:
        return summarize(RESULTS, STUDY.config.statistics.confidence)
    except (
        InputError,
        KeyError,
        ValueError,
    ) as error:  # for example, files of another version
        logger.warning(f"No summary of the study: {error}")
        return None


def print_summary():
    """Print verdict, recommended models and the report, if the targets include the report."""
    from snugnet.report.run_summary import describe_study

    if summary := read_summary():
        logger.info(describe_study(summary))


def print_failure():
    """Print the failed jobs with their logs, then the failed checks if they are known."""
    from snugnet.report.run_summary import (
        FailedJob,
        describe_failed_jobs,
        describe_study,
    )

    rules = {rule.name for rule in workflow.rules}
    # If `gate` did not run, gate.json may come from an earlier run.
    summary = read_summary() if failed_jobs({"gate"}) else None
    checks_failed = summary is not None and bool(summary.failures)
    if checks_failed:
        rules.remove("gate")
    if jobs := [FailedJob(name, logs) for name, logs in failed_jobs(rules)]:
        logger.error(describe_failed_jobs(jobs))
    if checks_failed:
        logger.error(describe_study(summary))


class NothingToBeDone(logging.Handler):
    """Print the summary if there is nothing to be done: Snakemake then calls no `on...` hook."""

    def emit(self, record):
        if record.msg == NOTHING_TO_BE_DONE_MSG and not workflow.dryrun:
            print_summary()


class MissingRecords(logging.Handler):
    """Warn of files without a record when the jobs to run are known."""

    def emit(self, record):
        if get_event(record) == LogEvent.RUN_INFO:
            if warning := workflow.persistence.take_warning():
                logger.warning(warning)


class MissingSources(logging.Handler):
    """Stop if files of the user are missing, when the jobs that read them are known.

    Snakemake has no hook that also runs before a dry run. Files of finished datasets may be
    deleted, and a job in a container may see other files.
    """

    def emit(self, record):
        if get_event(record) != LogEvent.RUN_INFO or workflow.touch:
            return
        if workflow.deployment_settings.deployment_method:
            return

        def names(rules, wildcard):
            jobs = workflow.dag.needrun_jobs()
            return sorted(
                job.wildcards[wildcard] for job in jobs if job.rule.name in rules
            )

        datasets = names(["prepare_dataset"], "dataset")
        models = names(["adopt", "preflight_akida"], "model")
        try:
            STUDY.check_sources(datasets, models)
        except InputError as error:
            # Snakemake would print a WorkflowError with the calls of `logging`.
            logger.error(f"configuration: {error}")
            sys.exit(1)


if workflow.is_main_process:
    logger.addHandler(NothingToBeDone())
    logger.addHandler(MissingRecords())
    logger.addHandler(MissingSources())
