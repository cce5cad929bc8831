# Every target sets up what it needs: Python 3.11 or 3.12 with venv, and make, are enough.

# PYTHON=/path/to/python chooses one; else the first suitable one is used (.ci/find-python).
PYTHON ?=
# Without .venv, which `export PATH` below puts first.
SYSTEM_PATH := $(PATH)
VENV := .venv
BIN := $(VENV)/bin
# Stamps of what is installed: for studies alone, and with developers' tools.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
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
SOURCES := setup.py src workflow/scripts tests benchmarks tools
SNAKEFILES := Snakefile workflow/Snakefile workflow/rules

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode is cached when a module is first imported; forbidden that, every job would compile anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test test-all programs test-repro test-faults test-slurm test-container test-install \
	check docs format lock clean help

run: $(READY) ## the default study
	snakemake --cores $(CORES) all

demo: $(READY) ## the tiny study, in minutes
	snakemake --cores $(CORES) all --configfile config/tiny.yaml

test: $(READY_DEV) ## all tests but the slow ones
	$(PYTEST) -m "not slow"

test-all: $(READY_DEV) programs ## all tests but test-install, with more examples; skipped tests print the reason
	SNUGNET_EXAMPLES=200 $(PYTEST) -m "not install"

programs: ## what test-all needs, from Debian
	@for program in $(PROGRAMS); do command -v $$program > /dev/null || missing=1; done; \
		test -z "$$missing" \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(DEBIAN); } \
		|| echo "cannot be installed from here: $(DEBIAN); tests that need them are skipped"

test-repro: ## do cold runs agree?
test-faults: ## kills, full disks, damaged files
test-slurm: ## a Slurm cluster of one node (as root)
test-container: ## build and run the image (as root)
test-repro test-faults test-slurm test-container: test-%: $(READY_DEV) programs
	$(ALONE) -m $*

test-install: $(READY_DEV) ## fresh installs with every supported Python found, and those of PYTHONS="PATH ..."
	$(ALONE) -m install

check: $(READY_DEV) ## format, lint, types and layers
	ruff format --check $(SOURCES)
	ruff check $(SOURCES)
	snakefmt --check $(SNAKEFILES)
	mypy
	lint-imports --no-logo
	snakemake --lint

docs: $(READY_DEV) ## the documentation as a site, in site/; links are checked
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

format: $(READY_DEV) ## bring code into form
	ruff format $(SOURCES)
	ruff check --fix $(SOURCES)
	snakefmt $(SNAKEFILES)

# Two locks: the image has no use for developers' tools.
lock: $(READY_DEV) ## renew requirements.txt and requirements-dev.txt from pyproject.toml
	$(COMPILE) $(EXTRAS:%=--extra %) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## remove the environment, not the results
	rm -rf $(VENV)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lock is complete, so pip resolves nothing. The locked pip is installed first: it unpacks faster
# than the one that most Pythons bring. Bytecode is written when a module is first imported, because
# most modules never are. The package itself is installed in place. Only pip's pin is read from
# requirements-dev.txt, so a newer one does not install everything again.
$(READY): requirements.txt pyproject.toml setup.py | requirements-dev.txt
	@export PATH="$(SYSTEM_PATH)"; python=$$(.ci/find-python $(if $(PYTHON),"$(PYTHON)")) && "$$python" -m venv --clear $(VENV)
	awk '/^pip==/,/[^\\]$$/' requirements-dev.txt > $(VENV)/pip.txt
	$(PIP) --require-hashes -r $(VENV)/pip.txt
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-build-isolation -e .
	touch $@

$(READY_DEV): $(READY) requirements-dev.txt
	$(PIP) --require-hashes -r requirements-dev.txt
	touch $@
