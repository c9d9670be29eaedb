# `make help` lists what can be made. Everything happens in .venv, from the hashed lock file.

SHELL := /bin/bash
.SHELLFLAGS := -euc
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start hundreds of processes: each would compile the whole project again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
RECENT := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help run test lint types walls docs bench bench-cycle bench-api fuzz-api walks kill past properties hostile matrix power flips daemons revocation timing delivery billing-kills billing-orders prove score schedules credits retention growth clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

run: $(READY) ## Start the keyless demo: stratumd run stratumd.example.yaml
	@# On a terminal the daemon gets its own foreground group: Ctrl-C reaches it alone, and make sees its exit code.
	@if [ -t 0 ]; then set -m; fi; $(BIN)/stratumd run stratumd.example.yaml; exit $$?

test: $(READY) ## Run the whole suite on SQLite and on a real PostgreSQL
	@exec $(BIN)/pytest -q -n 3 --dist worksteal

lint: $(READY) ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Check types, strictly
	@$(BIN)/mypy --strict stratumd plugins/*/stratumd_*

walls: $(READY) ## Check who may import whom
	@$(BIN)/pytest -q tests/unit/test_walls.py

docs: $(READY) ## Write the generated reference and check the documentation
	@$(BIN)/python docs/reference.py
	@$(BIN)/pytest -q tests/docs

bench: $(READY) ## Measure the speed of replay and of closing lines
	@$(BIN)/python -m tests.benchmarks.replay
	@$(BIN)/python -m tests.benchmarks.closing

bench-cycle: $(READY) ## Measure a poll from bytes to committed signals beside the baseline (needs redis-server)
	@$(BIN)/python -m tests.benchmarks.cycle

bench-api: $(READY) ## Measure the partner API beside a bare route (uses wrk where it is installed)
	@ulimit -n 8192; $(BIN)/python -m tests.benchmarks.api

# make fuzz-api CASES=20 is quicker.
CASES ?= 500

fuzz-api: $(READY) ## Let schemathesis ask the partner API more than twenty thousand things
	@mkdir -p .hypothesis; rm -f .hypothesis/fuzz-api.txt; STRATUMD_FUZZ_CASES=$(CASES) STRATUMD_FUZZ_PHASES=coverage,fuzzing,stateful \
	  STRATUMD_FUZZ_FIGURES=.hypothesis/fuzz-api.txt $(BIN)/pytest -q tests/integration/partner_api/test_fuzz.py; grep -E 'generated,|cases' .hypothesis/fuzz-api.txt

# make walks WALKS=100 is quicker.
WALKS ?= 10000

walks: $(READY) ## Walk through pages ten thousand times while others write, and tamper with cursors
	@STRATUMD_WALKS=$(WALKS) STRATUMD_TAMPERED=100000 $(BIN)/pytest -q tests/integration/partner_api/test_walks.py

# make kill KILLS=200 is quicker.
KILLS ?= 10000
POSTGRES_KILLS ?= 2000
COMMITS ?= 1000
JOBS ?= 2
CUTS ?= 200

past: $(READY) ## Fetch a recorded season of the past, killed twenty times, and replay it
	@STRATUMD_KILLS=20 $(BIN)/pytest -q tests/acceptance/test_backfill.py

# make properties EXAMPLES=200 is quicker.
EXAMPLES ?= 2000

properties: $(READY) ## Try the properties on two thousand cases each (the suite tries thirty)
	@STRATUMD_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -n 2 -m hypothesis

kill: $(READY) ## Kill at every failpoint, cut off commits, kill the daemon; check what is left
	@$(BIN)/python -m tests.faults.kills --kills $(KILLS) --jobs $(JOBS)
	@$(BIN)/python -m tests.faults.kills --kills $(POSTGRES_KILLS) --jobs $(JOBS) --database postgresql
	@$(BIN)/python -m tests.faults.unknown --commits $(COMMITS)
	@STRATUMD_KILLS=20 $(BIN)/pytest -q tests/acceptance/test_kill.py

power: $(READY) ## Cut the power and fill the disk of a store (root, loop devices)
	@$(BIN)/python -m tests.faults.power --cuts $(CUTS)
	@$(BIN)/python -m tests.faults.full

flips: $(READY) ## Turn bits over in a thousand copies of a SQLite file, and read them
	@$(BIN)/python -m tests.faults.flips

daemons: $(READY) ## Kill and freeze four daemons on one PostgreSQL for ten minutes (DAEMONS_SECONDS=60 is quicker)
	@$(BIN)/python -m tests.faults.daemons

revocation: $(READY) ## Measure how long two daemons still accept a revoked key
	@$(BIN)/python -m tests.faults.revocation

timing: $(READY) ## Test whether the time of a refused login tells who has an account (Welch's t)
	@$(BIN)/python -m tests.hostile.login

delivery: $(READY) ## Let a receiver of webhooks be down for a day, in virtual time
	@$(BIN)/python -m tests.faults.day

matrix: $(READY) ## Ask every endpoint as everybody for everybody's ids, on both databases: who gets what is not theirs
	@STRATUMD_MATRIX=full $(BIN)/pytest -q tests/integration/admin/test_matrix.py

billing-kills: $(READY) ## Kill a billed daemon under load (KILLS=1000 times), and compare what was served and billed
	@$(BIN)/python -m tests.faults.billing --kills $(if $(filter file,$(origin KILLS)),1000,$(KILLS))

billing-orders: $(READY) ## Try all 720 orders of six events of Stripe's over HTTP, each three times
	@STRATUMD_ORDERS=720 $(BIN)/pytest -q -s tests/integration/billing/test_orders.py

hostile: $(READY) ## Measure what hostile answers and hostile plugins can do
	@exec $(BIN)/python -m tests.hostile

prove: $(READY) ## Certify a run with many kills, and backtest on 900 simulated games
	@STRATUMD_KILLS=20 STRATUMD_MARKETS=60 $(BIN)/pytest -q -s tests/acceptance/test_certify.py tests/acceptance/test_backtest.py

score: $(READY) ## Score the detectors against the simulator's labels
	@$(BIN)/python -m stratumd_demo.score

schedules: $(READY) ## Check cron around every change of every zone's clock, 2020 to 2037
	@$(BIN)/python -m tests.simulations.zones

credits: $(READY) ## Simulate a week of each cadence, a day of the token bucket, and steam under two budgets
	@$(BIN)/python -m tests.simulations.week
	@$(BIN)/python -m tests.simulations.bucket
	@$(BIN)/python -m tests.simulations.steam

# make retention ROWS=1000000 is quicker, and so is make growth.
ROWS ?= 10000000

retention: $(READY) ## Measure how long a cycle waits while ten million old changes are deleted
	@$(BIN)/python -m tests.benchmarks.retention --rows $(ROWS)

growth: $(READY) ## Measure a cycle and a start with ten million stored changes beside those with none
	@$(BIN)/python -m tests.benchmarks.growth --rows $(ROWS)

clean: ## Remove the environment and all caches
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A rule of its own, so that the second time is instant.
$(READY): requirements.lock pyproject.toml
	@found=; for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c '$(RECENT)' 2>/dev/null; then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "error: stratumd needs Python 3.11 or newer; install it, or put it on PATH as python3" >&2; exit 1; fi; \
	if ! $(BIN)/python -c '$(RECENT)' 2>/dev/null; then \
	  echo "creating .venv with $$($$found --version)"; $$found -m venv --clear .venv; fi
	@echo "installing what requirements.lock names"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
