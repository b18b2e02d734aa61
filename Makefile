# Development commands; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8082
WORKERS ?= 1
DOCS_PORT ?= 8083

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

$(VENV)/installed-browser: requirements-browser.txt $(VENV)/installed-dev
	@echo "Installing what browser tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	@touch $@

$(VENV)/installed-docs: requirements-docs.txt $(VENV)/installed-dev
	@echo "Installing what the documentation's site needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

tests/browser/node_modules: tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install npm"; exit 1; }
	@npm --prefix tests/browser ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

chromium:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
		{ echo "Chromium is missing: apt-get install chromium"; exit 1; }

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

test-browser: chromium $(VENV)/installed-browser tests/browser/node_modules ## Run the sample site in Chromium, as its visitors do.
	@$(BIN)/python -m pytest tests/browser --numprocesses 2

screenshots: chromium $(VENV)/installed-browser ## Take the README's pictures anew.
	@$(BIN)/python -m tests.browser.screenshots

test-monolith: chromium $(VENV)/installed-browser ## Put the wheel into a fresh site by docs/integration.md, and try it.
	@$(BIN)/python -m pytest tests/monolith --numprocesses 0

# Material's word on MkDocs 2, which has no plugins, at every build: it is why MkDocs is pinned.
docs docs-serve: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/installed-docs ## Build the documentation as a site: site/index.html.
	@$(BIN)/mkdocs build --strict --quiet

test-docs: docs install-dev client/node_modules/.package-lock.json ## Run the documentation's blocks: nginx, promtool, curl, jq, Node.
	@$(BIN)/python -m pytest tests/docs tests/docs/tools --numprocesses 2

test-deploy: install-dev ## Run the files of deploy/: nginx, systemd-analyze, openssl, curl.
	@$(BIN)/python -m pytest tests/deploy --numprocesses 2

docs-serve: $(VENV)/installed-docs ## Show it on port 8083 (HOST, DOCS_PORT), and again after each change.
	@$(BIN)/mkdocs serve --dev-addr $(HOST):$(DOCS_PORT) --watch README.md --watch client/README.md

# FAULTS="cuts redis --clients 100" chooses; see docs/reliability.md.
test-faults: install-dev ## Break PostgreSQL, Redis and servers of its own; nothing may be lost.
	@$(BIN)/python -m tests.faults $(FAULTS)

# ALERTS="RealtimeNodeDown" chooses.
test-alerts: install-dev ## Cause each alert, with a Prometheus of its own, and do as the runbook says.
	@$(BIN)/python -m tests.alerts $(ALERTS)

# BENCH="--out docs/benchmarks" writes the figures of the docs, in about half an hour.
BENCHMARKS := fanout handshakes reconnect messages typing_signals broadcast polls memory growth relay layer admin_lists
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

# Installed again only when the lock file has changed.
client/node_modules/.package-lock.json: client/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer"; exit 1; }
	@npm --prefix client ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

client: client/node_modules/.package-lock.json ## Build the TypeScript client and the file of it that is served.
	@npm --prefix client run --silent build

test-client: install-dev client/node_modules/.package-lock.json ## Check the client: current, types, unit, Angular, real server.
	@npm --prefix client run --silent check
	@npm --prefix client run --silent types
	@npm --prefix client run --silent test
	@npm --prefix client run --silent build
	@npm --prefix client run --silent test:angular
	@npm --prefix client run --silent test:server

schema: install ## Write schema/: OpenAPI, AsyncAPI, JSON Schema, TypeScript.
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py export_schema

.PHONY: help install install-dev chromium serve test test-browser test-monolith screenshots test-faults test-alerts test-client \
	bench lint client schema docs docs-serve test-docs test-deploy
