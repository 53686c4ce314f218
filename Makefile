# Two commands: `make demo` shows Halo at work, `make test` proves it. Everything lands in .venv and the user's cache.
.DEFAULT_GOAL := help
.PHONY: help setup dev demo test mutation lint format lock chromium python
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MUTATION := $(VENV)/mutation
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST_ARGS ?=
PYTEST_PROCESSES ?= 2
MUTATION_ARGS ?=

help:  ## Say what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(VENV)/.setup  ## Make .venv with the `halo` command, and fetch Kafka
demo: setup  ## A made-up ward on this machine; HALO_DEMO_SECONDS=60 ends by itself
	@$(BIN)/halo demo
dev: $(VENV)/.dev
test: dev chromium lint  ## Everything: lint, types, imports and all tests
	@$(BIN)/python -m pytest -n $(PYTEST_PROCESSES) $(PYTEST_ARGS)
mutation: dev $(VENV)/.mutation  ## About an hour, never in CI: which changes of the rules no test notices (docs/mutation.md)
	@$(MUTATION)/bin/python -m tests.mutation $(MUTATION_ARGS)
lint: dev  ## Style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
format: dev  ## Write the code as `lint` wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

python:
	@command -v $(PYTHON) >/dev/null || { echo "Halo needs Python 3.11 or newer, called $(PYTHON); install it or name yours: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Halo needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }

$(BIN)/python: | python
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.setup: requirements/base.txt pyproject.toml infra/embedded/kafka.lock | $(BIN)/python
	@echo "installing the locked packages (a minute or two the first time)"
	@$(PIP) --require-hashes --only-binary :all: -r requirements/base.txt
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@$(BIN)/python -m infra.embedded.kafka_jars
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.setup
	@echo "installing the locked packages for tests"
	@$(PIP) --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

$(VENV)/.mutation: requirements/mutation.txt $(VENV)/.dev
	@echo "installing the locked packages for the mutation check"
	@$(PYTHON) -m venv $(MUTATION)
	@$(MUTATION)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: -r requirements/mutation.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	  "$$($(MUTATION)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/halo.pth"
	@touch $@

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "installing chromium" && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || \
	  { echo "the browser tests need Debian's chromium, and only root may install it: apt-get install chromium"; exit 1; }

lock: $(BIN)/python  ## Resolve all dependencies anew (hashed, naming no index)
	@$(PIP) uv
	@for extra in "base" "dev --extra dev"; do set -- $$extra; name=$$1; shift; \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --no-annotate "$$@" pyproject.toml requirements/build.in -o requirements/$$name.txt; done
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --no-annotate requirements/mutation.in -o requirements/mutation.txt
