.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-mock test-wire test-faults lint types format bench openapi image check clean

PYTHON ?= python3
BIN := .venv/bin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[embedded,dev]'
	@touch $@

run: .venv/installed ## Serve on http://127.0.0.1:8000 with an embedded database, and print an API key
	@exec $(BIN)/leads serve

# Half of what the tests do is waiting, so more processes than cores pay.
TOGETHER := --numprocesses 4 --dist worksteal

# Kills leave transactions open, which the embedded server is slow with; on a busy machine its answers come too late.
KILLS := tests/wire/test_kill.py

test: .venv/installed ## Run every test, those of the real server on both drivers
	$(BIN)/pytest $(TOGETHER) --ignore $(KILLS)
	$(BIN)/pytest --numprocesses 2 $(KILLS)
	$(BIN)/pytest $(TOGETHER) tests/wire/leads tests/wire/catalog tests/wire/files tests/wire/mail tests/faults \
		tests/wire/test_shutdown_of_batches.py --driver pymongo

test-unit: .venv/installed ## Run the tests that need no store
	$(BIN)/pytest tests/unit

test-mock: .venv/installed ## Run the API tests in process, on mongomock
	$(BIN)/pytest $(TOGETHER) tests/api --store mock

test-wire: .venv/installed ## Run the API tests, races and crashes on a real server
	$(BIN)/pytest $(TOGETHER) tests/api tests/wire --store wire

test-faults: .venv/installed ## Run the tests that take the database away
	$(BIN)/pytest tests/faults

lint: .venv/installed ## Check style, import directions and configuration files
	$(BIN)/ruff check app tests bench
	$(BIN)/ruff format --check app tests bench
	$(BIN)/lint-imports

types: .venv/installed ## Check types
	$(BIN)/mypy

format: .venv/installed ## Format the code
	$(BIN)/ruff check --fix app tests bench
	$(BIN)/ruff format app tests bench

bench: .venv/installed ## Measure the service beside its peers; options in BENCH="--operations get ..."
	$(BIN)/python -m bench.run $(BENCH)

openapi: .venv/installed ## Write docs/openapi.json anew
	$(BIN)/leads openapi > docs/openapi.json

image: ## Build the container image
	docker build --file deploy/Dockerfile --build-arg REVISION=$$(git rev-parse HEAD) --tag leads .

check: test lint types ## Run all that CI runs

clean: ## Remove what can be made again; not the data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
