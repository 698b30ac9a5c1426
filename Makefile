# Every command of the workshop. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip

# `uv` itself comes from a hash-locked file through pip; it then installs the rest in seconds.
$(VENV)/.installed: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Nexus needs Python 3.11 to 3.13, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "making the environment in $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(UV) install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help setup up down test long conformance soak bench check lint types sql parity docs browser lock clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(VENV)/.installed  ## make the environment (every other command does it when needed)

up: setup  ## start everything; the first time, make the demo company and build its warehouse
	@$(BIN)/nexus up

down: setup  ## stop everything that runs from this folder
	@$(BIN)/nexus down

test: setup  ## all tests but those that look at each dashboard, and the long ones
	@$(BIN)/python -m pytest -q -n 2 --no-loadscope-reorder -m "not slow and not long and not browser"
	@$(BIN)/python -m pytest -q -n 2 --no-loadscope-reorder -m "browser and not slow"

long: setup  ## the tests that take longer: scaffolding, an upgrade, PostgreSQL killed, a full disk (minutes)
	@$(BIN)/python -m pytest -q -n 2 --no-loadscope-reorder -m "long and not slow and not browser"

conformance: setup  ## every endpoint of the running Nexus fuzzed, its metrics read; or: make conformance ARGS="--url … --token …"
	@$(BIN)/python -m tests.conformance $(ARGS)

bench: setup  ## speed beside what it is promised against; some of it: make bench ROWS="land_jsonl --rows 100000"
	@$(BIN)/python -m bench $(ROWS)

soak: setup  ## the long tests: sweeps of kill points, whole builds that are killed, real records (an hour)
	@$(BIN)/python -m pytest -q -m "(slow or long) and not browser"

browser: setup  ## the tests that look at the dashboards in Debian's Chromium
	@$(BIN)/python -m pytest -q -m "browser and slow"

check: lint types  ## what CI runs before the tests

lint: setup  ## style of Python
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

sql: setup  ## style of SQL (a minute or two: every model is compiled)
	@cd transforms/dbt && ../../$(BIN)/sqlfluff lint --disable-progress-bar models

types: setup  ## static types
	@$(BIN)/mypy

parity: setup  ## every mart equal, row by row, on DuckDB and Postgres
	@$(BIN)/nexus parity

docs: setup  ## dbt's documentation of every relation, as one static page
	@$(BIN)/nexus docs

lock: setup  ## renew requirements.lock from pyproject.toml
	@$(UV) compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock

clean:  ## remove the environment; data in .nexus stays
	@rm -rf $(VENV)
