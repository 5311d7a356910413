# tieout: `make run` closes the sample month, `make test` runs all tests. Everything else is below.
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.ready
PURE  := core audit focus rating rules allocation reconciliation ledger close reports

.PHONY: help run next-month test tools spark soak sim bench cover up down check lint types contracts house golden docs lock clean

help:
	@echo "make run     set up, then sync and close the sample month 2026-10 through Airflow"
	@echo "make next-month  after it: close 2026-11, with a rule change, a credit note and an invoice that is missing"
	@echo "make test    set up, then run all tests (emulators that cannot be installed here are skipped by name)"
	@echo "make spark   the same ledger on a Spark cluster of this machine, to the bit (Java 17)"
	@echo "make soak    the long versions of the fault tests, and each law on thirty times as many cases"
	@echo "make sim     10,000 simulated months with crashes, late and repeated facts: one ledger in the end"
	@echo "make bench   the benchmarks of docs/reference/performance.md"
	@echo "make up      Airflow and the finance pages on 127.0.0.1 over what make run made; make down stops what is left"
	@echo "make check   lint, types, import contracts, house and docs rules"
	@echo "make cover   branch coverage of the pure packages: 100 % or it fails"
	@echo "make golden  rewrite the expected files under tests/golden (review the diff)"
	@echo "make docs    rewrite docs/reference/commands.md from the commands themselves"
	@echo "make lock    refresh the locked requirements"
	@echo "make clean   forget the sample month (database, lake, logs); keeps the installed packages"

run: $(STAMP)
	@$(BIN)/python -m demo.run

next-month: $(STAMP)
	@$(BIN)/python -m demo.run --period 2026-11

up: $(STAMP)
	@$(BIN)/python -m demo.up

down: $(STAMP)
	@$(BIN)/python -m demo.down

test: $(STAMP) tools
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -p no:logging

tools:  # emulators, the FOCUS validator, a browser; what cannot be installed is named
	@sh demo/tools.sh .tools

spark: $(STAMP)  # the same ledger on a Spark cluster of this machine, to the bit (needs Java 17)
	@sh demo/tools.sh .tools spark
	@TIEOUT_SOAK=1 $(BIN)/python -m pytest -p no:logging tests/engine/test_spark_cluster.py

soak: $(STAMP) tools spark
	@TIEOUT_SOAK=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -p no:logging \
	  tests/faults tests/dags/test_month_through_airflow.py tests/publish/test_focus_export.py \
	  $(PURE:%=tests/%) tests/engine tests/lake tests/sources

sim: $(STAMP)  # 10,000 simulated months, each with facts of its own
	@TIEOUT_SOAK=1 $(BIN)/python -m pytest -n 2 --dist load -p no:logging tests/sim

bench: $(STAMP)
	@$(BIN)/python -m bench.bench_normalise
	@$(BIN)/python -m bench.bench_reapply
	@$(BIN)/python -m bench.bench_preview
	@$(BIN)/python -m bench.bench_match
	@$(BIN)/python -m bench.bench_post
	@$(BIN)/python -m bench.bench_verify

check: lint types contracts house

cover: $(STAMP)  # the pure packages: every branch
	@$(BIN)/python -m pytest -n 2 -p no:logging $(PURE:%=tests/%) $(PURE:%=--cov=tieout.%) --cov-branch \
	  --cov-report=term-missing:skip-covered --cov-fail-under=100

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .

types: $(STAMP)
	@$(BIN)/mypy include tests demo bench dags plugins

contracts: $(STAMP)
	@$(BIN)/lint-imports --no-logo

house: $(STAMP)
	@$(BIN)/python -m pytest tests/house

golden: $(STAMP)
	@TIEOUT_REWRITE_GOLDEN=1 $(BIN)/python -m pytest tests/sources/test_golden.py tests/publish/test_erp_golden.py

docs: $(STAMP)
	@PYTHONPATH=include $(BIN)/python -m tieout.cli.reference > docs/reference/commands.md

lock: $(STAMP)
	@sh demo/lock.sh

clean: $(STAMP)
	@$(BIN)/python -m demo.down --forget

$(STAMP): requirements-dev.txt requirements-uv.txt pyproject.toml demo/bootstrap.sh
	@sh demo/bootstrap.sh $(VENV)
	@touch $@
