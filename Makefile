# Each target installs what it needs. It needs only make and Python 3.11 or 3.12 with venv.

# Set PYTHON=/path/to/python to choose a Python. The default is the first suitable one (.ci/find-python).
PYTHON ?=
# The PATH without .venv; `export PATH` below puts .venv first.
SYSTEM_PATH := $(PATH)
VENV := .venv
VENV_PATH := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))
BIN := $(VENV)/bin
# Stamp files: the packages of studies are installed; the tools for developers are installed.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
CORES ?= all
# Run the tests in two processes. Each can take 3 GB.
PYTEST := pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 20
# Programs that some slow tests run, and the Debian packages that contain them.
PROGRAMS := chromium munged slurmctld slurmd buildah debootstrap arm-none-eabi-gcc qemu-system-arm
DEBIAN := chromium munge slurm-wlm buildah debootstrap gcc-arm-none-eabi libnewlib-arm-none-eabi \
	qemu-system-arm
# Run these tests alone, because each needs the whole machine. If all of them are skipped, the target
# fails.
ALONE := pytest --numprocesses 0 --capture=tee-sys -rA --must-run
# The extras that users install. The tools for developers have their own lock file.
EXTRAS := tflite train akida workflow report
COMPILE := pip-compile --generate-hashes --allow-unsafe --strip-extras --quiet \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
SOURCES := setup.py src workflow/scripts tests benchmarks tools
SNAKEFILES := Snakefile workflow/Snakefile workflow/rules

# Another Python gets another environment, although the stamp files exist.
IDENTITY := import sys; print(sys.hexversion, sys.base_prefix)
ifneq ($(PYTHON),)
ifneq ($(shell $(BIN)/python -c "$(IDENTITY)" 2> /dev/null),$(shell $(PYTHON) -c "$(IDENTITY)" 2> /dev/null))
$(shell rm -f $(READY) $(READY_DEV))
endif
endif

# The scripts of an environment start the Python at the path where it was created. In a copied or moved
# clone, they would run the code of the original.
MOVED :=
ifneq ($(wildcard $(BIN)/pip),)
ifeq ($(shell head -n 2 $(BIN)/pip | grep -F -e '!$(VENV_PATH)/' -e '"$(VENV_PATH)/' -e ' $(VENV_PATH)/'),)
MOVED := echo "$(VENV) was created in another folder. Making a new environment." && rm -rf $(VENV) &&
$(shell rm -f $(READY) $(READY_DEV))
endif
endif

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Python caches bytecode at the first import. If that is forbidden, every job compiles all modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test test-all programs test-repro test-faults test-slurm test-container \
	test-firmware test-install check docs format lock clean help

run: $(READY) ## Run the default study.
	snakemake --cores $(CORES) all

demo: $(READY) ## Run the tiny study; it takes minutes.
	snakemake --cores $(CORES) all --configfile config/tiny.yaml

test: $(READY_DEV) ## Run all tests except the slow ones.
	$(PYTEST) -m "not slow"

test-all: $(READY_DEV) programs ## Run all tests except test-install, with more examples. Skipped tests print the reason.
	SNUGNET_EXAMPLES=200 $(PYTEST) -m "not install"

programs: ## Install the Debian packages for test-all.
	@for program in $(PROGRAMS); do command -v $$program > /dev/null || missing=1; done; \
		test -z "$$missing" \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(DEBIAN); } \
		|| echo "Cannot install all of: $(DEBIAN). Tests that need them are skipped." >&2

test-repro: ## Compare the results of runs from nothing.
test-faults: ## Test kills, full disks and damaged files.
test-slurm: ## Test a Slurm cluster of one node (as root).
test-container: ## Build and test the image (as root).
test-firmware: ## Compile and emulate C code for microcontrollers.
test-repro test-faults test-slurm test-container test-firmware: test-%: $(READY_DEV) programs
	$(ALONE) -m $*

test-install: $(READY_DEV) ## Install from nothing with every supported Python, and with those of PYTHONS="PATH ...".
	$(ALONE) -m install

check: $(READY_DEV) ## Check format, lint, types and layers.
	ruff format --check $(SOURCES)
	ruff check $(SOURCES)
	snakefmt --check $(SNAKEFILES)
	mypy
	lint-imports --no-logo
	snakemake --lint

docs: $(READY_DEV) ## Build the documentation in site/, and check its links.
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

format: $(READY_DEV) ## Format the code.
	ruff format $(SOURCES)
	ruff check --fix $(SOURCES)
	snakefmt $(SNAKEFILES)

# There are two lock files, because the image does not need the tools for developers. They are resolved
# for one Python. It must be 3.11, which needs some packages that 3.12 does not need.
lock: $(READY_DEV) ## Renew requirements.txt and requirements-dev.txt from pyproject.toml.
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "make lock needs Python 3.11, because the lock files must contain all packages that 3.11 needs." \
			"Run: make clean, then make lock PYTHON=python3.11" >&2; exit 1; }
	$(COMPILE) $(EXTRAS:%=--extra %) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean: ## Remove the environment, but not the results.
	rm -rf $(VENV)

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lock is complete, so pip resolves nothing. The locked pip is installed first: it unpacks faster
# than the one that most Pythons bring. Bytecode is written when a module is first imported, because
# most modules never are. The package itself is installed in place. Only pip's pin is read from
# requirements-dev.txt, so a newer one does not install everything again. An environment of the same
# Python is kept, unless the clone was copied or moved: a study may be running in it.
$(READY): requirements.txt pyproject.toml setup.py | requirements-dev.txt
	@export PATH="$(SYSTEM_PATH)"; python=$$(.ci/find-python $(if $(PYTHON),"$(PYTHON)")) \
		&& $(MOVED) { $(BIN)/python -c 'import pip; $(IDENTITY)' 2> /dev/null \
		| grep -qxF "$$("$$python" -c '$(IDENTITY)')" || "$$python" -m venv --clear $(VENV); }
	awk '/^pip==/,/[^\\]$$/' requirements-dev.txt > $(VENV)/pip.txt
	$(PIP) --require-hashes -r $(VENV)/pip.txt
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-build-isolation -e .
	touch $@

$(READY_DEV): $(READY) requirements-dev.txt
	$(PIP) --require-hashes -r requirements-dev.txt
	touch $@
