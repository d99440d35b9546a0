# `make run` starts the product, `make test` proves it. Everything else here serves those two.
.DEFAULT_GOAL := help
.PHONY: help run setup web test test-all check secrets lock clean
SHELL := /bin/bash

PORT ?= 8000
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
# More than two cores need: many tests wait for processes that they have started.
TEST_PROCESSES ?= 3
# The first of these that runs and is 3.11 or 3.12. `make PYTHON=/path/to/python3.12 run` overrides it.
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && { echo $$python; break; }; done)
SUPPORTED_NODE := const [major, minor] = process.versions.node.split(".").map(Number); \
	process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)
WITH_NODE = node --eval '$(SUPPORTED_NODE)' 2>/dev/null || { \
	echo "No Node 20.19 or later: the residents' app is left out. All else works without it." >&2; exit 0; };
BIN := .venv/bin
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand --tabs=20

run: setup web ## start server, worker and schedule together (PORT=8000)
	@$(BIN)/wastelens run --port $(PORT)

setup: .venv/train.installed ## install what `make run` needs into .venv

# Without Node all else runs; the server says at /app/ what is missing.
web: ## build the residents' app into web/dist (Node 20.19 or later)
	@$(WITH_NODE) $(MAKE) --no-print-directory web/dist/index.html

test: .venv/dev.installed web ## run the tests (WASTELENS_TEST_DATA=DIR adds those on real photos)
	@$(WITH_NODE) npm --prefix web run --silent test
	@$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist worksteal $(ARGS)

test-all: .venv/dev.installed web ## run the tests, also the slow ones
	@$(WITH_NODE) npm --prefix web run --silent test
	@$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist worksteal --slow $(ARGS)

check: .venv/dev.installed ## ruff, mypy --strict and the import rules; for the app tsc, eslint and prettier
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(WITH_NODE) $(MAKE) --no-print-directory web/node_modules/.installed && npm --prefix web run --silent check

# The folder is closed to others; the files in it are mounted into containers that run as another user.
secrets: ## write random production secrets for docker-compose.yml, once
	@test ! -e secrets || { echo "secrets/ exists already; nothing was changed." >&2; exit 1; }
	@umask 077 && mkdir secrets && cd secrets && random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } && \
		random > database_password && random > administrator_password && : > s3_secret_access_key && \
		printf 'postgresql+psycopg://wastelens:%s@database/wastelens' "$$(cat database_password)" > database_url && chmod 0644 *
	@echo "Wrote secrets/. The first administrator's password is in secrets/administrator_password."

lock: ## compile the hashed requirement files anew (needs uv)
	@for set in "dev --extra train --group build --group dev" \
		"train --extra train --group build -c requirements/dev.txt" \
		"server --group build -c requirements/dev.txt" \
		"gpu --extra gpu --group build -c requirements/server.txt"; do \
		set -- $$set; name=$$1; shift; \
		uv pip compile pyproject.toml "$$@" --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
			--output-file requirements/$$name.txt || exit 1; done

clean: ## remove the virtual environment and caches, never data
	rm -rf .venv web/node_modules web/dist web/build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Wastelens needs Python 3.11 or 3.12, and none is on the PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { echo "$(PYTHON) is not Python 3.11 or 3.12, which Wastelens needs." \
		"Name another one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

.venv/%.installed: requirements/%.txt pyproject.toml | .venv/bin/python
	@echo "Installing requirements/$*.txt (TensorFlow is large: this takes a minute or two, once)"
	@$(PIP_INSTALL) --require-hashes --requirement requirements/$*.txt
	@$(PIP_INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

WEB_SOURCES = $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/build -prune \
	-o -type f -not -name '*.test.ts' -print) $(wildcard mobile_models/bin_symbols/*.svg)

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	@npm --prefix web run --silent build
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	@echo "Installing what builds the residents' app"
	@npm --prefix web ci --silent
	@touch $@

# What tests need includes all that training needs, in the same versions.
.venv/train.installed: | .venv/bin/python
ifneq ($(wildcard .venv/dev.installed),)
.venv/train.installed: .venv/dev.installed
	@touch $@
endif
