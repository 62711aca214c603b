# Every target works from a fresh clone with make and one of Python 3.11, 3.12 or 3.13; `make` alone prints help.
# Written for GNU make 3.81 (macOS ships it) and newer.

# Name an interpreter to use that one and no other: make install PYTHON=/usr/bin/python3.12
PYTHON ?=
# How many pytest processes share the machine: twice its two processors, since much of a test is waiting.
JOBS ?= 4
# make test ARGS="-k lease" narrows a run.
ARGS ?=

BIN := .venv/bin
STAMP := .venv/.installed
PYTEST := $(BIN)/python -m pytest -n $(JOBS)
# Rooms whose tests speak to the database: all but the slow ones, which add no statement, run again on the oldest
# PostgreSQL we support.
DATABASE_TESTS := $(wildcard tests/store tests/book tests/rules tests/policy tests/planning tests/dispatch tests/audit \
  tests/responses)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test test-18 test-16 check lint bench oracle soak citus format docs lock named-python

help: ## show this list
	@echo "Duecourse: make TARGET"
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)$$/  \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

install: $(STAMP) ## make .venv with the pinned packages and .venv/bin/duecourse

# With PYTHON named, always look whether .venv is made with it.
$(STAMP): requirements.lock pyproject.toml tools/make-venv $(if $(PYTHON),named-python)
	@PYTHON="$(PYTHON)" tools/make-venv .venv
	@echo "Installing the pinned dependencies into .venv (about half a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Installed: $(BIN)/duecourse"

demo: install ## live through a week of simulated due days, on this machine alone
	@$(BIN)/duecourse demo

test: test-18 test-16 ## run the tests on PostgreSQL 18, then those of the database again on 16

test-18: install
	DUECOURSE_TEST_POSTGRES=18 $(PYTEST) $(ARGS)

test-16: install
	DUECOURSE_TEST_POSTGRES=16 $(PYTEST) $(DATABASE_TESTS) -m "not slow" $(ARGS)

check: lint test ## everything a change must pass: format, lint, types, import contract, tests, docs

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/python docs/compare_schedules.py --check

bench: install ## measure planning, dispatch, import, a delivery and memory on this machine (ARGS="--size full plan")
	$(BIN)/python -m bench $(ARGS)

oracle: install ## judge 10,000 random scenarios in SQL and minute by minute in Python; ARGS="COUNT SEED" narrows
	@PYTHONPATH=tests $(BIN)/python tests/rule_agreement.py $(ARGS)

soak: install ## let providers, workers, database, disk and network fail, then audit (ARGS="--kills 200 --seed 1")
	$(BIN)/python -m soak $(ARGS)
	PYTHONPATH=tests:. $(BIN)/python tests/lifecycle_model.py
	DUECOURSE_TEST_MESSAGES=10000 $(BIN)/python -m pytest -n 0 tests/dispatch/test_dying_provider.py
	DUECOURSE_TEST_EXAMPLES=200 $(PYTEST) tests/dispatch/test_properties.py tests/dispatch/test_merging_faults.py \
	  tests/dispatch/test_lifecycle_model.py tests/responses/test_any_order.py

citus: install ## compare a cluster with a single server; DUECOURSE_CITUS_URL names its coordinator (ARGS="-k move")
	@test -n "$$DUECOURSE_CITUS_URL" || \
	  { echo "make citus: set DUECOURSE_CITUS_URL to a database of a Citus coordinator that has its nodes added" >&2; exit 2; }
	$(BIN)/python -m pytest -n 0 tests/citus $(ARGS)

format: install ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install ## write docs/reference/commands.md and settings.md anew from the code
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/compare_schedules.py

# uv resolves once for every supported Python and platform, which pip cannot. Users never need it.
# UPGRADE=1 takes the newest versions that pyproject.toml allows; without it only what changed is resolved.
lock: ## resolve pyproject.toml anew into requirements.lock (UPGRADE=1 for the newest)
	@PYTHON="$(PYTHON)" tools/make-venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --annotation-style line --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) \
	  --group dev --group build --output-file requirements.lock pyproject.toml
