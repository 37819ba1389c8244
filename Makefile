# Two commands for a newcomer: `make demo` and `make test`. `make` alone lists the rest.
# Needs: make, a Python >= 3.11 with venv, CA certificates; deploy/setup.sh names what is missing.

# one more than two cores: some tests wait, for a lease or for a placer
PYTEST_WORKERS ?= 3
TESTS ?= tests
ARGS ?=
EMITTED ?=
BIN := .venv/bin
# a file's tests stay together, so that what they share is made once; the files begin in their order
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder
SETUP := deploy/setup.sh
SOURCES := fhir_mappings service tests

# Set in many containers; each of the programs that we start would compile all its modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo dev test lint interop chaos bench clean lock lock-check
.DEFAULT_GOAL := help

help:  ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/.setup-run  ## the whole loop in a minute: two servers, a worker, a story; ends by itself
	$(BIN)/tpi demo

dev: .venv/.setup-run  ## the same, and it stays up
	$(BIN)/tpi demo --stay

test: .venv/.setup-run .venv/.setup-test  ## every test but interop (TESTS=tests/store for some)
	$(PYTEST) -m "not interop" $(ARGS) $(TESTS)

lint: .venv/.setup-run .venv/.setup-test .venv/.setup-lint  ## format, rules, types, import contracts, dependencies, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/deptry .
	@later=$$(ls service/store/migrations/*.sql | tail -n +2); [ -z "$$later" ] || \
	  $(BIN)/squawk --exclude prefer-bigint-over-int,prefer-bigint-over-smallint $$later

# HAPI's validator judges what the stories emit, and beside it what tests made our service emit, one
# body of each shape: those that `make test ARGS='--emitted build/emitted'` kept when EMITTED says so,
# else those of the doors and the write-back, which are run for it.
interop: .venv/.setup-run .venv/.setup-test .venv/.setup-lint  ## the loop with Medplum and HAPI; its validator judges what we emit (Node, JDK 17, Maven)
	[ -n "$(EMITTED)" ] || { rm -rf build/emitted && $(PYTEST) -q --emitted build/emitted \
	  tests/http tests/flows/test_deliver_write_back.py tests/flows/test_deliver_task_update.py; }
	$(BIN)/python -m pytest -m interop --emitted $(or $(EMITTED),build/emitted) tests/interop

chaos: .venv/.setup-run .venv/.setup-test  ## whole referrals while everything is killed, cut off and lied to (ARGS='--strikes N --seed S')
	$(BIN)/python -m tests.chaos $(ARGS)

bench: .venv/.setup-run .venv/.setup-test  ## how fast it is, as ratios: docs/reference/performance.md (ARGS='--only search')
	$(BIN)/python -m tests.bench $(ARGS)

clean:  ## stop this checkout's private PostgreSQL, delete its data and what was built
	@[ ! -x $(BIN)/python ] || $(BIN)/python -c 'from service.settings import read_settings; \
	  from service.store.embedded import remove; remove(read_settings())'
	rm -rf build dist tests/interop/hapi/target .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

lock: .venv/.setup-build  ## compile requirements/*.txt again, with hashes
	deploy/lock.sh

lock-check: .venv/.setup-build  ## say whether requirements/*.txt are what pyproject.toml asks for
	deploy/lock.sh --check

.venv/.setup-run: requirements/run.txt pyproject.toml
.venv/.setup-%: requirements/%.txt requirements/build.txt $(SETUP)
	@$(SETUP) $*
