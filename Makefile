# Everything a person types. Needs Python 3.11 or newer and make; Node comes with the virtual environment.

PYTHON ?= python3
PORT ?= 8000
TICK ?= 5
BIN := $(CURDIR)/.venv/bin
CDK := $(CURDIR)/tools/node_modules/.bin/cdk
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run watch trust test web-test stack-test parts-test prices catalogue-check cost bench bench-cold bench-latency bench-page lint format synth bootstrap deploy destroy lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: .venv/.installed tools/node_modules/.installed web/dist/index.html ## install all that is needed into this folder

.venv/.installed: requirements.txt clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which one with: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "installing Python packages into .venv (a minute or two, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --editable clients/python
	@touch $@

tools/node_modules/.installed: tools/package-lock.json .venv/.installed
	@echo "installing the CDK CLI into tools/node_modules"
	@cd tools && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

web/node_modules/.installed: web/package-lock.json .venv/.installed
	@echo "installing what builds the page into web/node_modules"
	@cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.installed web/index.html web/vite.config.ts shared/model/assets.json $(shell find web/src clients/typescript/src -type f)
	@cd web && npm run --silent build
	@touch $@

run: setup ## the whole feed on this machine: PORT=8000 TICK=5 ARGS='-- --seed 7'
	@$(BIN)/python -m tools.local --port $(PORT) --tick $(TICK) $(ARGS)

watch: setup ## a live table in the terminal: URL=wss://... ARGS=--json
	@$(BIN)/python -m tools.watch $(if $(URL),--url $(URL)) $(ARGS)

trust: setup ## make the local certificate and tell how to trust it
	@$(BIN)/python -m tools.local --trust

test: setup ## every check and every test
	@$(MAKE) --no-print-directory -j 2 lint web-test
	@$(MAKE) --no-print-directory -j 2 stack-test parts-test

stack-test: setup ## the tests of the whole feed, which mostly wait for ticks
	@$(BIN)/python -m pytest tests/e2e -n 3 --dist loadfile --no-loadscope-reorder

parts-test: setup ## the tests of its parts, with what the others leave of the machine
	@nice -n 19 $(BIN)/python -m pytest --ignore=tests/e2e -n 2 --dist loadfile --no-loadscope-reorder

web-test: setup ## the types and the tests of the page and its client
	@cd web && npm run --silent check && npm run --silent test

prices: setup ## one tick as a table, from the simulated market: ARGS=--live
	@$(BIN)/python -m tools.prices $(ARGS)

catalogue-check: setup ## the catalogue against the exchanges' own lists: ARGS=--simulated
	@$(BIN)/python -m tools.catalogue_check $(ARGS)

cost: setup ## what it costs a month on AWS: CONNECTIONS=1000 TICK=5 CHANNEL=rates_batch ARGS=--json
	@$(BIN)/python -m tools.cost --tick $(TICK) $(if $(CONNECTIONS),--connections $(CONNECTIONS)) \
		$(if $(CHANNEL),--channel $(CHANNEL)) $(ARGS)

bench: setup ## the posting client beside boto3 and others: ROUNDS=3 SECONDS=3 CANDIDATES=1 SINK=https://... CA=file ARGS=--write
	@$(BIN)/python -m tools.bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(POSTS),--posts $(POSTS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(CANDIDATES),--candidates) $(if $(SINK),--sink $(SINK)) \
		$(if $(CA),--ca $(CA)) $(ARGS)

bench-cold: setup ## how long each Lambda takes to import, against boto3 alone: ARGS=--explain
	@$(BIN)/python -m tools.bench.import_time $(ARGS)

bench-latency: setup ## from the write of a tick to its arrival, on the local stack: ARGS=--write
	@$(BIN)/python -m tools.bench.latency $(ARGS)

bench-page: setup ## the page in Chromium: first price, script per tick, heap with a chart open: ARGS=--write
	@$(BIN)/python -m tools.bench.page $(ARGS)

lint: setup ## ruff, mypy and the layers of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

synth: setup ## the CloudFormation template into cdk.out, without an account
	@$(CDK) synth --quiet
	@$(BIN)/cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json  # W3005: CDK's own DependsOn beside a GetAtt

bootstrap: setup ## once per account and Region, before the first deploy
	@$(BIN)/python -m tools.account bootstrap
	@$(CDK) bootstrap $(ARGS)

deploy: setup ## into your AWS account, after showing which: ARGS='-c tick_seconds=2'
	@$(BIN)/python -m tools.account deploy
	@$(CDK) deploy $(ARGS)

destroy: setup ## take the stack out of your AWS account, after showing which; the tables are kept
	@$(BIN)/python -m tools.account destroy
	@$(CDK) destroy --force $(ARGS)

lock: setup ## both requirements.txt from the dependency groups in pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --group dev --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --group bench \
		--output-file tools/bench/requirements.txt

clean: ## all that was installed or made here
	rm -rf .venv .local cdk.out tools/node_modules web/node_modules web/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
