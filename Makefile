# Every command works from a bare clone: what it needs, it installs into .venv first.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
CHECKS := $(VENV)/.checks
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
AXE := axe-playwright-python==0.1.8 # for the axe-core in it alone: without a second browser driver
WORKERS ?= 4

.DEFAULT_GOAL := help
# What waits for a local AWS, a browser or minutes.
WAIT := world simulator page simulation/test_simulation.py simulation/test_mutants.py
.PHONY: help install demo story test quick check bench soak simulate mutants privilege docs clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(READY) ## a local AWS, a real deployment, and a page that shows it; Ctrl-C cleans up
	@$(PY) -m simulator

install: $(READY) ## what deploying takes, into .venv; `make test` and `make check` install the rest

story: $(READY) ## plays the whole journey once, on a local AWS, and says what it saw
	@$(PY) -m simulator.story

test: $(CHECKS) ## every test; four files at a time, for most of it is waiting; WORKERS=0: one by one
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered
	@$(PY) -m tests.covered

quick: $(CHECKS) ## the tests that need neither a local AWS nor a browser; a minute at most
	@$(PY) -m pytest -q -n $(WORKERS) --dist loadfile -m "not world and not slow" -k "not phone_and_a_laptop" \
		$(addprefix --ignore=tests/,$(WAIT))

check: $(CHECKS) ## format, lint, types, imports, docs, known vulnerabilities
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m tools docs --check
	@$(PY) -m tools audit

simulate: $(CHECKS) ## random lives of the protocol, then every interleaving; SEEDS=n: so many lives; SEED=n: tells one
ifdef SEED
	@$(PY) -m tests.simulation replay --seed $(SEED)
else
	@$(PY) -m tests.simulation run --seeds $(or $(SEEDS),20000)
ifndef SEEDS
	@$(PY) -m tests.simulation explore --faults 3
endif
endif

mutants: $(CHECKS) ## plants each fault of the protocol and shows what finds it
	@$(PY) -m tests.simulation mutants

privilege: $(CHECKS) ## takes each permission away in turn, and shows that it is missed
	$(PY) -m pytest -m "slow or not slow" tests/world/test_privilege.py --timeout 900

soak: $(READY) ## many sessions on a local AWS while everything fails, judged from outside; MINUTES=n SEED=n
	@$(PY) -m simulator.soak --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

bench: $(CHECKS) ## the figures, with how they were taken
	@$(PY) -m tools bench

docs: $(CHECKS) ## makes again what of the documents is made from the code
	@$(PY) -m tools docs

clean: ## removes what was installed and left behind
	rm -rf $(VENV) .local .chalice/deployed .chalice/deployments .pytest_cache .mypy_cache .ruff_cache

$(READY): requirements.txt requirements-demo.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Break Glass needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(PY) || { echo "making $(VENV), where everything is installed …"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what Break Glass itself needs: the AWS SDK, Slack's, templates …"
	@$(PIP) -r requirements.txt
	@echo "installing chalice and the local AWS …"
	@$(PIP) -r requirements-demo.txt
	@touch $(READY)

$(CHECKS): $(READY) requirements-dev.txt
	@echo "installing what the checks and tests need: linters, types, a test runner …"
	@$(PIP) -r requirements-dev.txt
	@$(PIP) --no-deps $(AXE)
	@touch $(CHECKS)
