# Every target does its own set-up: python3.11 with venv, and make, are enough.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
CORES ?= all
# Tests in two processes at once; each may take 3 GB.
PYTEST := pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 20
# What some slow tests drive: programs, and Debian's packages of these.
PROGRAMS := chromium munged slurmctld slurmd buildah debootstrap
DEBIAN := chromium munge slurm-wlm buildah debootstrap
# Tests of a kind by themselves, one after the other: each is a machine's work.
ALONE := pytest --numprocesses 0 --capture=tee-sys -rA
# What a user installs; developers' tools are locked apart.
EXTRAS := tflite train akida workflow report
COMPILE := pip-compile --generate-hashes --allow-unsafe --strip-extras --quiet \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
SOURCES := src workflow/scripts tests benchmarks docs
SNAKEFILES := Snakefile workflow/Snakefile workflow/rules

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode is cached when a module is first imported; forbidden that, every job would compile anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test test-all programs test-repro test-faults test-slurm test-container check docs format lock clean

run: $(READY) ## the default study
	snakemake --cores $(CORES) all

demo: $(READY) ## the tiny study and its table, in minutes
	snakemake --cores $(CORES) all --configfile config/tiny.yaml
	@cat results/tiny/report/metrics.md

test: $(READY) ## all tests but the slow ones
	$(PYTEST) -m "not slow"

test-all: $(READY) programs ## all tests, with more examples; those that need what is not here say so
	SNUGNET_EXAMPLES=200 $(PYTEST)

programs: ## what test-all needs, from Debian
	@for program in $(PROGRAMS); do command -v $$program > /dev/null || missing=1; done; \
		test -z "$$missing" \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(DEBIAN); } \
		|| echo "cannot be installed from here: $(DEBIAN); tests that need them are skipped"

test-repro test-faults test-slurm test-container: test-%: $(READY) programs ## cold runs; kills; a cluster; the image
	$(ALONE) -m $*

check: $(READY) ## format, lint and types
	ruff format --check $(SOURCES)
	ruff check $(SOURCES)
	snakefmt --check $(SNAKEFILES)
	mypy
	snakemake --lint

docs: $(READY) ## the documentation as a site, in site/; links are checked
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

format: $(READY) ## bring code into form
	ruff format $(SOURCES)
	ruff check --fix $(SOURCES)
	snakefmt $(SNAKEFILES)

# Two locks: the image has no use for developers' tools.
lock: $(READY) ## renew requirements.txt and requirements-dev.txt from pyproject.toml
	$(COMPILE) $(EXTRAS:%=--extra %) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## forget the environment, not the results
	rm -rf $(VENV)

# The lock has all that is needed, so nothing is resolved; its own pip comes first, because it unpacks faster than most Pythons'.
# Bytecode is made when a module is first imported: most never are. The package itself is installed in place.
$(READY): requirements.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	awk '/^pip==/,/[^\\]$$/' requirements-dev.txt > $(VENV)/pip.txt
	$(PIP) --require-hashes -r $(VENV)/pip.txt
	$(PIP) --require-hashes -r requirements.txt -r requirements-dev.txt
	$(PIP) --no-build-isolation -e .
	touch $@
