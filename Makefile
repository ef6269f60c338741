# Everything a person types. Needs Python 3.11 or newer and make; Node comes with the virtual environment.

PYTHON ?= python3
PORT ?= 8000
AWS_PORT ?= 0
TICK ?= 5
BIN := $(CURDIR)/.venv/bin
CDK := $(CURDIR)/tools/node_modules/.bin/cdk
UV := $(BIN)/python -m infra.uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes
INSTALL_UV := install --quiet --disable-pip-version-check --require-hashes --requirement requirements-uv.txt
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --no-progress --loglevel=error
PAGE_SOURCES := $(shell find web/src web/public clients/typescript/src -type f)
# An outer make with -j sets the number of jobs for the inner one.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j 3)
export PATH := $(BIN):$(PATH)
# Byte code is kept even where the environment says no: every command starts many processes, which else compile it again.
export PYTHONDONTWRITEBYTECODE :=

# Their limits are those of the feed, so they need the machine as much as the whole feed does.
REAL_TIME := tests/functions/ingest/test_kills.py tests/gateway
# Real time on a busy machine: what fails is tried once more, or twice where all is real time, and named at the end. A failed
# property fails again.
TRY_AGAIN := --reruns 1 --reruns-delay 2
TRY_TWICE_AGAIN := --reruns 2 --reruns-delay 2

.DEFAULT_GOAL := help
.PHONY: help ready setup all-ready all-installed browser run watch trust test web-test reliability lies failover kills soak mutants stack-test parts-test packages prices catalogue-check cost bench bench-cold bench-latency bench-bytes bench-page lint format synth bootstrap deploy destroy backup restore rotate token upgrade-test audit licences sbom lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

# Each stamp is newer than its lock file, so a second run installs nothing.
ready: ## install what runs and deploys the feed into this folder
	@$(MAKE) --no-print-directory $(PARALLEL) all-ready

setup: ## that, and what tests and checks it
	@$(MAKE) --no-print-directory $(PARALLEL) all-installed

all-ready: .venv/.ready .venv/.compiled tools/node_modules/.ready web/dist/index.html
	@:

all-installed: all-ready .venv/.installed tools/node_modules/.installed web/node_modules/.installed
	@:

.venv/.uv: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which one with: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Python: an environment in .venv, and uv into it"
	@python=$$($(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.executable))') && \
	if $$python -c 'import pip' 2>/dev/null; then \
		$$python -m venv --without-pip .venv && $$python -m pip --python $(BIN)/python $(INSTALL_UV); \
	elif $$python -c 'import ensurepip' 2>/dev/null; then \
		$$python -m venv .venv && $(BIN)/python -m pip $(INSTALL_UV); \
	else \
		echo "$$python has neither pip nor ensurepip, which brings it. Debian, Ubuntu: apt install python3-venv"; exit 1; \
	fi
	@touch $@

.venv/.ready: requirements-run.txt clients/python/pyproject.toml .venv/.uv
	@echo "Python: what the feed runs on and is deployed with"
	@$(UV) pip install --require-hashes --requirement requirements-run.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable clients/python
	@touch $@

.venv/.installed: requirements.txt .venv/.ready
	@echo "Python: what tests and checks it"
	@$(UV) pip install --require-hashes --requirement requirements.txt
	@touch $@

# The first import of the CDK compiles byte code, which takes long; here it happens while npm works.
.venv/.compiled: .venv/.ready
	@echo "Python: byte code of the CDK and the local stack"
	@$(BIN)/python -c 'import infra.app, ministack.app, tools.local.__main__'
	@touch $@

tools/node_modules/.ready: tools/package-lock.json | .venv/.ready
	@echo "npm: the CDK CLI into tools/node_modules"
	@cd tools && $(NPM_CI) --omit=dev
	@touch $@

tools/node_modules/.installed: tools/package-lock.json | tools/node_modules/.ready
	@echo "npm: what tests the feed into tools/node_modules"
	@cd tools && $(NPM_CI)
	@touch $(@D)/.ready $@

web/node_modules/.ready: web/package-lock.json | .venv/.ready
	@echo "npm: what builds the page into web/node_modules"
	@cd web && $(NPM_CI) --omit=dev
	@touch $@

web/node_modules/.installed: web/package-lock.json | web/dist/index.html
	@echo "npm: what tests the page into web/node_modules"
	@cd web && $(NPM_CI)
	@touch $(@D)/.ready $@

web/dist/index.html: web/package-lock.json web/index.html web/embed.html web/vite.config.ts web/words.ts web/words/fr-CA.json shared/model/assets.json $(PAGE_SOURCES) | web/node_modules/.ready
	@echo "Vite: the page and the widget into web/dist"
	@cd web && npm run --silent build
	@touch $@

run: ready ## the whole feed on this machine: PORT=8000 AWS_PORT=4566 TICK=5 ARGS='-- --seed 7'
	@$(BIN)/python -m tools.local --port $(or $(PORT),0) --aws-port $(or $(AWS_PORT),0) --tick $(TICK) $(ARGS)

watch: ready ## a live table in the terminal: URL=wss://... ARGS=--json
	@$(BIN)/python -m tools.watch $(if $(URL),--url $(URL)) $(ARGS)

trust: ready ## make the local certificate and tell how to trust it
	@$(BIN)/python -m tools.local --trust

browser: setup ## for the tests: npm's Chromium, where this machine has neither Chrome nor Chromium
	@node tools/browser/install.mjs

test: export CADFEED_SKIPPED := $(CURDIR)/.local/skipped
test: export CADFEED_TRIED_AGAIN := $(CURDIR)/.local/tried-again
# One after the other: beside tests of the parts, those of real time come too late on two cores.
test: setup browser ## every check and every test
	@mkdir -p .local && : > $(CADFEED_SKIPPED) && : > $(CADFEED_TRIED_AGAIN)
	@failed=; for part in "lint web-test" parts-test stack-test; do \
		$(MAKE) --no-print-directory -j 2 $$part || failed="$$failed [$$part]"; \
	done; \
	if [ -s $(CADFEED_SKIPPED) ]; then echo "Skipped:"; sort $(CADFEED_SKIPPED); fi; \
	if [ -s $(CADFEED_TRIED_AGAIN) ]; then echo "Failed at the first try:"; sort $(CADFEED_TRIED_AGAIN); fi; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed"; exit 1; fi

stack-test: setup browser ## the tests of the whole feed and of real time, which mostly wait for ticks
	@$(BIN)/python -m pytest tests/e2e $(REAL_TIME) $(TRY_TWICE_AGAIN) -n 3 --dist loadfile --no-loadscope-reorder

parts-test: setup ## the tests of its parts
	@$(BIN)/python -m pytest --ignore=tests/e2e $(REAL_TIME:%=--ignore=%) $(TRY_AGAIN) -n 2 --dist loadfile --no-loadscope-reorder

reliability: setup ## every fault of docs/reliability.md on the local stack, and its table: SEED=1 FAULTS='publish is'
	@CADFEED_FAULTS=all $(if $(FAULTS),CADFEED_FAULTS_LIKE='$(FAULTS)') $(if $(SEED),CADFEED_SEED=$(SEED)) \
		$(BIN)/python -m pytest -q -s tests/e2e/test_reliability.py \
		$(if $(FAULTS),,tests/e2e/test_schedule.py::test_starts_119_s_apart_leave_no_silence)

lies: setup ## every source lies in every way, on the local stack: the table of docs/prices.md
	@CADFEED_FAULTS=all $(BIN)/python -m pytest -q -s tests/e2e/test_lies.py

failover: setup ## every source fails in every way, on the local stack: the table of docs/ARCHITECTURE.md
	@CADFEED_FAULTS=all $(BIN)/python -m pytest -q -s tests/e2e/test_failover.py

kills: setup ## the ingest killed at random moments while clients listen: KILLS=50 CLIENTS=10 SEED=1
	@CADFEED_KILLS=$(or $(KILLS),50) CADFEED_KILLS_CLIENTS=$(or $(CLIENTS),10) $(if $(SEED),CADFEED_SEED=$(SEED)) \
		$(BIN)/python -m pytest -q -s tests/e2e/test_kills.py

soak: setup ## clients that come and go while everything fails at random: MINUTES=10 CLIENTS=200 SEED=1
	@CADFEED_SOAK_SECONDS=$$(( 60 * $(or $(MINUTES),10) )) CADFEED_SOAK_CLIENTS=$(or $(CLIENTS),200) \
		CADFEED_SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/e2e/test_soak.py -q -s

mutants: setup .venv/.mutants ## small changes of the core, each of which a test has to notice: ONLY=shared/pricing AGAIN=1
	@nice -n 10 $(BIN)/python -m tools.mutants $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again) $(ARGS)

.venv/.mutants: tools/mutants/requirements.txt .venv/.installed
	@echo "Python: mutmut"
	@$(UV) pip install --require-hashes --requirement tools/mutants/requirements.txt
	@touch $@

web-test: setup browser ## the types and the tests of the page and its client
	@cd web && npm run --silent check && npm run --silent test

packages: setup ## both clients as packages, into clients/*/dist: a wheel and a tarball
	@$(BIN)/python -m tools.packages

prices: ready ## one tick as a table, from the simulated market: ARGS=--live
	@$(BIN)/python -m tools.prices $(ARGS)

catalogue-check: ready ## the catalogue against the exchanges' own lists: ARGS=--simulated
	@$(BIN)/python -m tools.catalogue_check $(ARGS)

cost: ready ## what it costs a month on AWS: CONNECTIONS=1000 TICK=5 CHANNEL=rates_compact ARGS=--json
	@$(BIN)/python -m tools.cost --tick $(TICK) $(if $(CONNECTIONS),--connections $(CONNECTIONS)) \
		$(if $(CHANNEL),--channel $(CHANNEL)) $(ARGS)

bench: setup ## the posting client beside boto3 and others: ROUNDS=3 SECONDS=3 CANDIDATES=1 SINK=https://... CA=file ARGS=--write
	@$(BIN)/python -m tools.bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(POSTS),--posts $(POSTS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(CANDIDATES),--candidates) $(if $(SINK),--sink $(SINK)) \
		$(if $(CA),--ca $(CA)) $(ARGS)

bench-cold: setup ## how long each Lambda takes to import, against boto3 alone, and the ingest's first tick: ARGS=--explain
	@$(BIN)/python -m tools.bench.import_time $(ARGS)

bench-latency: setup ## from the write of a tick to its arrival, on the local stack: ARGS=--write
	@$(BIN)/python -m tools.bench.latency $(ARGS)

bench-bytes: ready ## the bytes that a client gets a minute on each channel, on the simulated market: ARGS='--tick 1'
	@$(BIN)/python -m tools.bench.frame_bytes $(ARGS)

bench-page: setup browser ## the page in Chromium: first price, script per tick, heap with a chart open: ARGS=--write
	@$(BIN)/python -m tools.bench.page $(ARGS)

lint: setup ## ruff, mypy, the layers of imports, the prose, and Biome for TypeScript, JavaScript and CSS
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.prose
	@cd web && npm run --silent lint

format: setup ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@cd web && npm run --silent format

synth: setup ## the CloudFormation template into cdk.out, without an account
	@$(CDK) synth --quiet
	@$(BIN)/cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json  # W3005: CDK's own DependsOn beside a GetAtt

bootstrap: ready ## once per account and Region, before the first deploy
	@$(BIN)/python -m tools.account bootstrap
	@$(CDK) bootstrap $(ARGS)

deploy: ready ## into your AWS account, after showing which: ARGS='-c tick_seconds=2'
	@$(BIN)/python -m tools.account deploy
	@$(CDK) deploy $(ARGS)

destroy: ready ## take the stack out of your AWS account, after naming what stays: STACK=Cadfeed
	@$(BIN)/python -m tools.destroy $(if $(STACK),--stack $(STACK)) -- $(ARGS)

backup: ready ## the candles and settings of a deployment to a file: STACK=Cadfeed FILE=backups/x.jsonl.gz
	@$(BIN)/python -m tools.backup save $(if $(STACK),--stack $(STACK)) $(if $(FILE),--file $(FILE)) $(ARGS)

restore: ready ## the candles of a file into a deployment that lacks them: FILE=backups/x.jsonl.gz STACK=Cadfeed
	@$(BIN)/python -m tools.backup restore $(if $(STACK),--stack $(STACK)) $(if $(FILE),--file $(FILE)) $(ARGS)

rotate: ready ## a new secret for the edge, or key for tokens, without downtime: STACK=Cadfeed ARGS='--secret tokens'
	@$(BIN)/python -m tools.rotate $(if $(STACK),--stack $(STACK)) $(ARGS)

token: ready ## a token for a client of a feed with auth=token: SUBJECT=alice CHANNELS=rates_batch MINUTES=60 STACK=Cadfeed
	@$(BIN)/python -m tools.sign_token --subject '$(SUBJECT)' $(if $(CHANNELS),--channels $(CHANNELS)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(STACK),--stack $(STACK)) $(ARGS)

upgrade-test: setup ## an upgrade and a change of shards under clients, and back: CLIENTS=200 TICK=5
	@CADFEED_UPGRADE_CLIENTS=$(or $(CLIENTS),200) CADFEED_UPGRADE_TICK=$(TICK) \
		$(BIN)/python -m pytest -s tests/e2e/test_upgrade.py tests/e2e/test_change_of_shards.py

audit: setup ## known faults of all pinned packages, where an advisory service answers
	@$(BIN)/python -m tools.supply.audit

licences: setup ## the licences of all packages, held against tools/supply/licences.toml
	@$(BIN)/python -m tools.supply.licences

sbom: setup ## bills of materials in CycloneDX, into .local/sbom
	@$(BIN)/python -m tools.supply.bills .local/sbom

lock: setup ## every file of pins and hashes from the dependency groups in pyproject.toml
	@$(LOCK) --group uv --output-file requirements-uv.txt
	@$(LOCK) --group dev --output-file requirements.txt
	@$(LOCK) --group run --constraint requirements.txt --output-file requirements-run.txt
	@$(LOCK) --group bench --output-file tools/bench/requirements.txt
	@$(LOCK) --group mutants --constraint requirements.txt --output-file tools/mutants/requirements.txt
	@$(LOCK) --group checkov --output-file tools/checkov/requirements.txt
	@$(LOCK) --group documents --output-file tools/documents/requirements.txt
	@$(LOCK) --group supply --output-file tools/supply/requirements.txt

clean: ## all that was installed or made here
	rm -rf .venv .local cdk.out tools/node_modules tools/browser/node_modules web/node_modules web/dist \
		clients/*/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
