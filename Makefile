# Development commands; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8082
WORKERS ?= 1

.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# A stamp for each requirements file: installing again only when it has changed.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "The venv module is missing: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "Installing what running needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

install: $(VENV)/installed ## Create .venv and install what running needs.

install-dev: $(VENV)/installed-dev ## Install what tests and checks need, too.

# It is for developing, unless the environment says otherwise.
serve: export DEBUG ?= 1
serve: install ## Migrate, seed a demo, and serve on port 8082 (HOST, PORT, WORKERS).
	@$(BIN)/python manage.py migrate --verbosity 0
	@echo "Open http://$(HOST):$(PORT)/ (the admin is at /admin/). Ctrl-C ends the server."
	@$(BIN)/python manage.py seed_demo --if-embedded
	@exec $(BIN)/python manage.py serve --host $(HOST) --port $(PORT) --workers $(WORKERS)

test: install-dev ## Run the embedded suite: SQLite, nothing else to install.
	@$(BIN)/python -m pytest --ignore=tests/services

# FAULTS="cuts redis --clients 100" chooses; see docs/reliability.md.
test-faults: install-dev ## Break PostgreSQL, Redis and servers of its own; nothing may be lost.
	@$(BIN)/python -m tests.faults $(FAULTS)

# BENCH="--out docs/benchmarks" writes the figures of the docs, in about half an hour.
BENCHMARKS := fanout handshakes reconnect messages typing_signals broadcast polls memory growth relay
bench: install-dev ## Measure against peers; BENCH=--quick only shows that it works.
	@failed=""; for name in $(BENCHMARKS); do \
		echo "--- $$name"; $(BIN)/python -m benchmarks.$$name $(BENCH) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "A goal was missed, or not measured:$$failed"; exit 1; }

lint: install-dev ## Check style, types, import rules and migrations.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations --check --dry-run

schema: install ## Write schema/: OpenAPI, AsyncAPI, JSON Schema, TypeScript.
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py export_schema

.PHONY: help install install-dev serve test test-faults bench lint schema
