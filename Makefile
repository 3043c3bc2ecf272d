# Needs: make and Python 3.11 or newer. Everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := $(VENV)/bin
PYTEST_ARGS ?=
COUNT ?= 2000
SEED ?= 1

.PHONY: run test lint audit format bench differential conformance lock clean

run: $(VENV)/.runtime
	$(BIN)/python -m app serve --host $(HOST) --port $(PORT)

# One process a core; the tests of a file stay together, as they share a browser, a server or a QEMU.
test: $(VENV)/.dev
	.ci/packages
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/secrets
	$(BIN)/python .ci/audit

# Known vulnerabilities of what is pinned. Where the service that knows cannot be reached, it says so and fails nothing.
audit: $(VENV)/.dev
	$(BIN)/python .ci/audit

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# COUNT random scenarios, from seed SEED on, on our model of QEMU and on a real one.
differential: $(VENV)/.dev
	$(BIN)/python -m bench.differential --count $(COUNT) --seed $(SEED)

# Checks everything and writes the report that /conformance shows.
conformance: $(VENV)/.dev
	$(BIN)/python -m bench.conformance $(PYTEST_ARGS)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "giclab needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The lock files carry hashes: what is installed is what was tested.
$(VENV)/.runtime: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock:
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
