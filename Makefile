# Likeness. `make` lists the targets; each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := app schema resolvers executor generators store tests training bench
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help run test test-web test-long check format lint types sdl settings migrate bench clean

help:  ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Likeness needs Python 3.11 or newer, this is ' + sys.version"
	$(PYTHON) -m venv $(VENV)

# torch comes first and by its exact number: a later release would pull gigabytes of CUDA packages.
$(INSTALLED): $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet torch==2.13.0
	$(PIP) install --quiet --constraint constraints.txt .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP) install --quiet --constraint constraints.txt '.[dev]'
	@touch $@

run: $(INSTALLED)  ## Serve on http://127.0.0.1:8000 (HOST, PORT, DATA_DIR)
	@$(BIN)/python -m app serve

test: $(INSTALLED_DEV)  ## Python tests: two workers, no Node, no browser, no GPU
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-web: $(INSTALLED_DEV)  ## Browser, interop and audits (skips with a reason where Node or Chromium is missing)
	$(BIN)/python -m pytest -m web

test-long: $(INSTALLED_DEV)  ## 100 kills, trainings, fuzzing
	$(BIN)/python -m pytest -m long -n 2 --dist loadfile

check: lint types sdl-check test test-web test-long  ## The one gate

format: $(INSTALLED_DEV)  ## Format and mend what can be mended
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix --quiet $(SOURCES)

lint: $(INSTALLED_DEV)  ## Format, lint, import contracts, settings table, migrations
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m app docs --check
	$(BIN)/python -m tests.alembic_check

types: $(INSTALLED_DEV)  ## mypy strict
	$(BIN)/mypy

.PHONY: sdl-check
sdl-check: $(INSTALLED_DEV)
	$(BIN)/python -m app sdl --check

sdl: $(INSTALLED)  ## Write schema/schema.graphql
	$(BIN)/python -m app sdl

settings: $(INSTALLED)  ## Write docs/settings.md
	$(BIN)/python -m app docs

migrate: $(INSTALLED)  ## Bring the database to the newest revision
	$(BIN)/python -m app migrate

bench: $(INSTALLED_DEV)  ## Run the benches and print their figures
	$(BIN)/python -m bench

clean:  ## Remove the environment and caches, never data/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
