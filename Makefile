# Two commands on a fresh machine: `make run` and `make test`. `make` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev
WORKERS_OF_TESTS := $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) * 2, 9))')
# Where Python is told to write no bytecode, each run would rewrite every assert of every test anew, in each process.
KEPT := PYTHONDONTWRITEBYTECODE=
SEED ?= 1
RUNS ?= 300

.DEFAULT_GOAL := help
.PHONY: help run setup sdk test test-all lint lock bench torture

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: $(STAMP) ## start everything here: web, worker, clock, and a sandbox for the channels without keys
	@exec $(BIN)/python run.py

setup: $(STAMP) ## the same without starting: packages, database, shipped modules, first admin
	@$(BIN)/python run.py --setup

sdk: $(STAMP) sdk/dist/.built ## build the wheel for bot authors, which the service offers at /bots/sdk/
	@ls sdk/dist

sdk/dist/.built: sdk/pyproject.toml $(wildcard sdk/src/maru/*.py)
	@rm -rf sdk/dist && $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir sdk/dist ./sdk
	@touch $@

test: $(DEV_STAMP) ## all tests on SQLite, the promises on PostgreSQL too (some 4 minutes on two cores)
	@$(KEPT) $(BIN)/python -m pytest -n $(WORKERS_OF_TESTS) --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: $(DEV_STAMP) ## everything on both databases (some 15 minutes)
	@$(KEPT) $(BIN)/python -m pytest -n $(WORKERS_OF_TESTS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(DEV_STAMP) ## ruff, format, mypy strict, known vulnerabilities of packages
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/python .ci/audit.py

lock: $(STAMP) ## write requirements.lock anew: after every change of requirements.txt or constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--only-binary :all: --constraints constraints.txt requirements.txt --output-file requirements.lock

bench: $(DEV_STAMP) ## measure: webhook to first message, 300 customers at once, kills
	@$(BIN)/python -m tests.bench $(ARGS)

torture: $(DEV_STAMP) ## break everything by seed, and judge: RUNS on SQLite, a third of them on PostgreSQL (under an hour)
	@$(BIN)/python -m tests.torture --seed $(SEED) --runs $(RUNS) $(ARGS)

$(STAMP): requirements.txt constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing pinned packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(MAKE) --no-print-directory --silent sdk/dist/.built || echo "the SDK for bot authors was not built; make sdk tries again"
	@$(BIN)/python -m compileall -q . -x '\.venv/|node_modules/' || true
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
