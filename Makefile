.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-mock test-wire test-mongodb test-browser test-faults faults attacks soak test-other-python lint types \
	format bench openapi commands reference docs image lock check clean for-run for-dev

# make run PYTHON=python3.13 takes that one; else a fitting one is found.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

for-run:
	@scripts/set-up "$(VENV)" run "$(PYTHON)"

for-dev:
	@scripts/set-up "$(VENV)" dev "$(PYTHON)"

run: for-run ## Serve on http://127.0.0.1:8000 (or PORT=) with an embedded database, and print an API key
	@exec $(BIN)/leads serve $(if $(PORT),--port $(PORT))

# Half of what the tests do is waiting, so more processes than cores pay.
export TOGETHER := --numprocesses 4 --dist worksteal

# The parts of the tests; all run, also if one fails. PARTS="main kills" runs some.
PARTS ?= main browser kills pymongo

test: for-dev ## Run every test, those of the real server on both drivers
	@scripts/test "$(BIN)" $(PARTS)

OTHER_PYTHON ?= 3.13

test-other-python: ## Run the tests of the API, on mongomock, and of the processes under Python 3.13 (or OTHER_PYTHON=)
	@python=$$(scripts/find-python $(OTHER_PYTHON)) || { echo "Python $(OTHER_PYTHON) was not found: install it." >&2; exit 1; }; \
	$(MAKE) test PARTS=once VENV=.venv-$(OTHER_PYTHON) PYTHON="$$python"

test-unit: for-dev ## Run the tests that need no store
	$(BIN)/pytest tests/unit

test-mock: for-dev ## Run the API tests in process, on mongomock
	$(BIN)/pytest $(TOGETHER) tests/api --store mock

test-wire: for-dev ## Run the API tests, races and crashes on a real server
	$(BIN)/pytest $(TOGETHER) tests/api tests/wire --store wire

MONGODB ?= 7.0 8.0

test-mongodb: for-dev ## Run the tests of the database on MongoDB 7.0 and 8.0 (or MONGODB="8.0"), with Docker
	@scripts/test-mongodb "$(BIN)" $(MONGODB)

test-browser: for-dev ## Use the documentation page in Chromium, which must be installed
	$(BIN)/pytest tests/browser

test-faults: for-dev ## Run the tests that kill, cut off and disturb service and database, bounded as `make test` does
	$(BIN)/pytest $(TOGETHER) tests/faults

IN_FULL := LEADS_TEST_FAULTS=full $(BIN)/pytest --capture no -o faulthandler_timeout=4000
TRANSFER := tests/wire/test_cli_import.py::test_leads_are_equal_field_by_field_though_import_and_export_are_killed_twice

# Apart: to drop the 100 000 leads of the transfer keeps the database server of a run busy for minutes.
faults: for-dev ## Run all of them in full, an hour or more long, and print their figures
	$(IN_FULL) tests/faults tests/api/leads/test_lives.py
	$(IN_FULL) $(TRANSFER)

attacks: for-dev ## Run the tests that attack the service; those of gateways need nginx and haproxy
	$(BIN)/pytest $(TOGETHER) tests/attacks

lint: for-dev ## Check style, import directions and configuration files
	$(BIN)/ruff check app tests bench deploy examples website
	$(BIN)/ruff format --check app tests bench deploy examples website
	$(BIN)/lint-imports

types: for-dev ## Check types
	$(BIN)/mypy

format: for-dev ## Format the code
	$(BIN)/ruff check --fix app tests bench deploy examples website
	$(BIN)/ruff format app tests bench deploy examples website

bench: for-dev ## Measure the service beside its peers; options in BENCH="--operations get ..."
	$(BIN)/python -m bench.run $(BENCH)

soak: for-dev ## Load the service for 15 minutes, then with three times its peak; options in SOAK="--minutes 3 ..."
	$(BIN)/python -m bench.soak $(SOAK)

openapi: for-run ## Write docs/openapi.json anew
	$(BIN)/leads openapi > docs/openapi.json

commands: for-run ## Write docs/commands.md anew
	$(BIN)/python -m leads_api.cli.reference > docs/commands.md

reference: openapi commands ## Write all pages that come from the code anew
	$(BIN)/python -m website.settings
	$(BIN)/python -m website.endpoints > docs/endpoints.md
	$(BIN)/python -m website.plots

# The warning is about the plans of MkDocs' maintainers; decision 31 knows of them.
docs: for-dev ## Build the documentation site into build/site; open its index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build && echo "Open file://$(CURDIR)/build/site/index.html"

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

image: ## Build the container image
	docker build --file deploy/Dockerfile --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) --tag leads .

lock: for-dev ## Write the hashes of the image's packages anew, after a change of constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt uv
	scripts/lock $(BIN)/uv

check: test lint types docs test-other-python ## Run all that CI runs

clean: ## Remove what can be made again; not the data
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache app/*.egg-info build \
		tests/generated_clients/.installed
