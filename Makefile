# One target per check; `make test` is all of them, and what .ci/run calls.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test lint types layers tests system policies combinations ray bench page clean build docs

help:
	@echo "make run       the gateway in front of a small real generator: three exchanges, then it serves"
	@echo "make test      lint, types, layers, tests, policies"
	@echo "make combinations  10,000 generated ways to smuggle a phrase past the gateway, some minutes (COUNT=, SEED=)"
	@echo "make ray       models and an audit on a local cluster of two nodes (installs the extra)"
	@echo "make page      one HTML page of all benchmark results"
	@echo "make bench     benchmarks (python -m benchmarks --help)"

# The light environment of a user: no test tools.
$(VENV)/.run: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# The same environment with every extra.
$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[audio,hf,guard-llm,toxicity,zero-shot,envoy,hsm,ocr,provenance,train,bench,dev]"
	@touch $@

run: $(VENV)/.run
	$(BIN)/guard demo --serve --listen 127.0.0.1:8080 --admin 127.0.0.1:8081

test: lint types layers policies tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

policies: $(VENV)/.dev
	$(BIN)/guard policy lint
	$(BIN)/guard policy test

tests: $(VENV)/.dev system
	$(BIN)/pytest -n 2 --dist loadfile

# What tests ask besides: the web server nginx, and SoftHSM, which holds keys. Installed where missing, if that can be.
system:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null && command -v softhsm2-util >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq nginx-light softhsm2; }

COUNT ?= 10000
SEED ?= 1
combinations: $(VENV)/.dev
	$(BIN)/python -m tests.acceptance.combinations --count $(COUNT) --seed $(SEED)

# A cluster of two nodes on loopback, the placement ray and an audit on it: some minutes.
ray: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[ray]"
	$(BIN)/python -m tests.placement.on_ray
	$(BIN)/python -m tests.corpus.on_ray

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks gateway

page: $(VENV)/.dev
	$(BIN)/python -m benchmarks page

build: $(VENV)/.dev
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

docs: $(VENV)/.dev
	COLUMNS=80 $(BIN)/python docs/generate.py
