# `make demo` is the way in; `make test` and `make lint` are what a change must pass (.ci/run runs them all).
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
UV := build/tools/bin/uv

.PHONY: setup demo test lint bench lock clean

setup: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name it: make PYTHON=/path/to/python")'
	@echo "Installing what requirements.lock pins into .venv; the first time takes a few minutes."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/basestone run digits

test: setup  # one process a core, as small models do not fill two; the tests of a file stay together
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

lint: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: .venv/.installed-bench
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file; done

.venv/.installed-bench: .venv/.installed benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.lock
	@touch $@

COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header

lock: $(UV)
	$(COMPILE) --extra all --extra dev -c constraints.txt -o requirements.lock pyproject.toml requirements-build.in
	$(COMPILE) --extra all --extra dev --extra bench -c requirements.lock -o benchmarks/requirements.lock \
		pyproject.toml requirements-build.in

$(UV):
	$(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet --disable-pip-version-check uv

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
