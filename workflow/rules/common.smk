# What rules share: the checked configuration, the cells of the study, and the two parameters that
# every rule tracks. The only file that reads `config`. It holds no rules.

import logging
import os
import platform
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
from snugnet.jobs import checksums, fork_server, run_records
from snugnet.core.akida_schemes import AKIDA_RUNTIMES, AKIDA_SCHEMES
from snugnet.datasets.sources import source_files
from snugnet.core.errors import InputError
from snugnet.core.installation import check_python
from snugnet.jobs.code_digests import all_digests, code_digests
from snugnet.config.paths import ResultPath
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
DECISIVE = (
    *(
        "tensorflow",
        "tf-keras",
        "tensorflow-model-optimization",
        "ai-edge-litert",
        "tflite-micro",
    ),
    *("quantizeml", "cnn2snn", "akida", "numpy", "scipy", "scikit-learn", "tensorly"),
    *("neurokit2", "wfdb", "pandas", "h5py", "snakemake"),
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

# The paths of results as templates, such as PATHS.model.
PATHS = SimpleNamespace(
    **{path.name.lower(): f"{RESULTS}/{path}" for path in ResultPath}
)

# Of models that are built and trained here; others come in a file.
ARCHITECTURES = {model.architecture for model in STUDY.config.models.values()} - {
    "file"
}

# A job in a container or in another environment sees other files, perhaps other processes. What runs
# on a cluster's node by order of another Snakemake has that node to itself.
fork_server.announce(
    (workflow.is_main_process or workflow.remote_exec)
    and not workflow.deployment_settings.deployment_method,
    STUDY.config.warm,
)
checksums.announce(
    workflow.overwrite_configfiles, workflow.config_settings.config_args or []
)
# These may lie elsewhere in a moved project; what is made from their files is the same.
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
    """Make a rule's tracked settings: a function from wildcards to one mapping with sorted keys."""

    def of(wildcards):
        return STUDY.settings.collect(names, dict(wildcards.items()))

    return of


@lru_cache(maxsize=None)
def digests(script, modules):
    return code_digests(SCRIPTS / f"{script}.py", modules, SOURCE)


def code(script, *module_settings):
    """Make a rule's tracked code: digests of everything that its script can import.

    A script may import modules that its settings name; `module_settings` are those settings.
    """

    def of(wildcards):
        modules = STUDY.settings.collect(module_settings, dict(wildcards.items()))
        return digests(script, tuple(modules.values()))

    return of


def dataset_of(path):
    """Make an input function: a path with the dataset that the wildcard `model` is bound to."""

    def of(wildcards):
        return path.format(dataset=STUDY.dataset_of(wildcards.model))

    return of


def at(path, **values):
    """Fill in some wildcards of a path; the others stay wildcards."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def source_of(wildcards):
    """Give a dataset's source files as far as they are there; the job itself names missing ones."""
    files = source_files(STUDY.settings.dataset_with_folder(wildcards.dataset))
    return [str(path) for path in files if path.is_file()]


def datasets_dir_of(wildcards, output):
    """Give the folder of the source files.

    A parameter that takes `output` is not tracked: files that only moved change no dataset.
    """
    return STUDY.config.datasets_dir


def model_file(wildcards):
    """Give the file that a model comes in, if it does and is there; the job names a missing one."""
    file = getattr(STUDY.config.models[wildcards.model], "file", None)
    return [file] if file is not None and Path(file).exists() else []


def parent_model(wildcards):
    parent = STUDY.parent_of(wildcards.variant)
    return PATHS.model.format(model=wildcards.model, variant=parent)


def requests_of(wildcards, output):
    """Tell what the study makes from a variant of a model, to be checked before it is made.

    A parameter that takes `output` is not tracked, so that a new request trains nothing again.
    """
    return STUDY.settings.requests(wildcards.model, wildcards.variant)


def parent_predictions(wildcards):
    """Give what a variant's parent predicts in the same scheme; nothing if no parent does.

    A search is too long for a comparison alone: for `mixed` the study must ask for both.
    """
    parent = STUDY.parent_of(wildcards.variant)
    if parent is None:
        return []
    cell = Cell(**{**wildcards, "variant": parent})
    if cell.scheme == "mixed" and not STUDY.has(cell):
        return []
    return PATHS.predictions.format(**cell._asdict())


def previous_step_predictions(wildcards):
    """Give what the scheme one rung below predicts, if the study asks for it."""
    previous = STUDY.find_previous_step(Cell(**wildcards))
    return PATHS.predictions.format(**previous._asdict()) if previous else []


def akida_model(wildcards):
    network = STUDY.akida_network(wildcards.variant)
    return PATHS.model.format(model=wildcards.model, variant=network)


def akida_stats(wildcards):
    network = STUDY.akida_network(wildcards.variant)
    return PATHS.stats.format(model=wildcards.model, variant=network)


def float_predictions(wildcards):
    network = STUDY.akida_network(wildcards.variant)
    cell = Cell(wildcards.model, network, "float32", "litert")
    return PATHS.predictions.format(**cell._asdict())


def designs_of(wildcards):
    """Give the parent's design space to a variant that takes a point of it."""
    variant = STUDY.settings.variant(wildcards.model, wildcards.variant)
    if variant.get("point") is None:
        return []
    return PATHS.design_space.format(model=wildcards.model, variant=variant["parent"])


def network_file(wildcards):
    """Give the fiq_float32 file that a cell's file is derived from; nothing if it is converted."""
    if STUDY.shares_network(wildcards.model, wildcards.variant, wildcards.scheme):
        return PATHS.tflite.format(**{**wildcards, "scheme": NETWORK_SCHEME})
    return []


def unless_derived(path):
    """Make an input function: a path with wildcards, or nothing where the file is derived."""

    def of(wildcards):
        return [] if network_file(wildcards) else path.format(**wildcards)

    return of


def calibration_of(wildcards):
    """Give the calib split to the files that are converted with it, and nothing to the others."""
    if SCHEMES[wildcards.scheme].calibrated and not network_file(wildcards):
        return PATHS.calib.format(dataset=STUDY.dataset_of(wildcards.model))
    return []


def certificate_of(wildcards):
    """Give the certificate of a full-integer cell, and nothing for the others."""
    if wildcards.scheme not in FULL_INTEGER:
        return []
    return PATHS.certificate.format(**wildcards)


def bare_network(wildcards):
    """Give the file that holds the int8 network and nothing else."""
    return PATHS.tflite.format(**{**wildcards, "scheme": BARE_SCHEME})


def certified_network(wildcards):
    """Give the certified int8 network that a cell's file shares, and nothing for other files."""
    model, variant, scheme = wildcards.model, wildcards.variant, wildcards.scheme
    shared = {NETWORK_SCHEME} | {
        name for name in DERIVED_SCHEMES if STUDY.shares_network(model, variant, name)
    }
    if scheme not in shared or BARE_SCHEME not in shared:
        return []
    return PATHS.network.format(**wildcards)


def akida_page(wildcards):
    """Give the page about Akida to a study that has Akida cells."""
    return PATHS.akida_page if STUDY.targets.files("akida_metrics") else []


def preflight_page(wildcards):
    """Give the page about pre-flight to a study that has Akida cells."""
    return PATHS.preflight_page if STUDY.targets.files("preflights") else []


def version_of(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None  # nothing of the study needs it


def made_with(wildcards):
    """Give what all results depend on: the digests of all code, and versions of what it stands on.

    A function, so that only the one job that needs this looks at all code.
    """
    versions = {name: version_of(name) for name in DECISIVE}
    return {
        "code": all_digests(SOURCE / "snugnet", SCRIPTS),
        "versions": {"python": platform.python_version(), **versions},
    }


def study_files(stage):
    """List the files of a stage that the study asks for.

    Programs are folders, whose content Snakemake does not compare; see akida.smk.
    """
    paths = [f"{RESULTS}/{path}" for path in STUDY.targets.files(stage)]
    return list(map(ancient, paths)) if stage == "programs" else paths


def deliverables(wildcards):
    """List all files that the study exists for: a missing one is made again."""
    return [f"{RESULTS}/{path}" for path in STUDY.targets.deliverables()]


def report_evidence(wildcards):
    """List what the report shows beside the table; what the study lacks, the page leaves out."""
    return [path for stage in REPORTED for path in study_files(stage)]


def failed_jobs(rule_names):
    """List the failed jobs of some rules as (name, logs).

    Snakemake does not report which jobs of a group failed: those without all outputs, or any.
    """
    jobs = []
    for failed in workflow.scheduler.failed:
        if failed.is_group():
            lacking = [
                job for job in failed if not all(map(os.path.exists, job.output))
            ]
            jobs += lacking or list(failed)
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
    ) as error:  # files of another version, for one
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
    # If `gate` did not run, gate.json may be of an earlier run.
    summary = read_summary() if failed_jobs({"gate"}) else None
    checks_failed = summary is not None and bool(summary.failures)
    if checks_failed:
        rules.remove("gate")
    if jobs := [FailedJob(name, logs) for name, logs in failed_jobs(rules)]:
        logger.error(describe_failed_jobs(jobs))
    if checks_failed:
        logger.error(describe_study(summary))


class NothingToBeDone(logging.Handler):
    """Print the summary when there is nothing to be done: Snakemake then calls no hook."""

    def emit(self, record):
        if record.msg == NOTHING_TO_BE_DONE_MSG and not workflow.dryrun:
            print_summary()


class MissingRecords(logging.Handler):
    """Warn of files without a record, once the jobs to run are known."""

    def emit(self, record):
        if get_event(record) == LogEvent.RUN_INFO:
            if warning := workflow.persistence.take_warning():
                logger.warning(warning)


if workflow.is_main_process:
    logger.addHandler(NothingToBeDone())
    logger.addHandler(MissingRecords())
