# Each target installs what it needs into .venv; only python3 (3.11 or newer, with venv) is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Empty files that record what was installed. Each set includes the smaller ones.
TO_RUN := $(VENV)/.to-run
TO_TEST := $(VENV)/.to-test
TO_STRESS := $(VENV)/.to-stress
TO_DEVELOP := $(VENV)/.to-develop
TYPES := build/types

.PHONY: demo test test-stress test-slurm-new check house bench screenshots format clean

# Ignores the user's configuration, which is in the home folder and in environment variables.
WITHOUT_SETTINGS = unset $$(env | sed -nE 's/^((DASK|DASKTOP|TEXTUAL|XDG)[A-Z0-9_]*)=.*/\1/p') PYTEST_ADDOPTS; \
	mkdir -p $(VENV)/home; export HOME=$(CURDIR)/$(VENV)/home;

demo: $(TO_RUN) ## run the screen on a real dask cluster on an embedded SLURM
	@$(WITHOUT_SETTINGS) $(BIN)/dasktop demo

# The tests isolate themselves from all other settings.
test: $(TO_TEST) ## run all tests that can run here; without SLURM's programs, some are skipped
	@unset PYTEST_ADDOPTS; $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(PYTEST_ARGS)

test-stress: $(TO_STRESS) ## run the tests three times in random order, beside busy loops
	@unset PYTEST_ADDOPTS; $(BIN)/python -m tests.stress $(PYTEST_ARGS)

test-slurm-new: ## run the tests marked slurm on a newer SLURM in a chroot; needs root; SUITE=trixie selects a release
	@tests/slurm/chroot.sh $(or $(SUITE),sid) $(PYTEST_ARGS)

check: $(TO_DEVELOP) ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@# Folder names differ from package names; mypy sees the packages through links.
	@mkdir -p $(TYPES)/dasktop
	@ln -sfn $(CURDIR)/collectors $(TYPES)/dasktop/collectors
	@ln -sfn $(CURDIR)/tui $(TYPES)/dasktop/tui
	cd $(TYPES) && MYPYPATH=. $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p dasktop.collectors -p dasktop.tui
	$(BIN)/lint-imports --no-cache

house: $(TO_RUN) ## print metrics of the code structure: file sizes, imports, cycles
	@$(BIN)/python -m tests.house

bench: $(TO_TEST) ## print what dasktop costs in large clusters, one line of JSON a row; BENCH="poll screen" selects some
	@$(WITHOUT_SETTINGS) $(BIN)/python -m tests.benchmarks $(BENCH)

screenshots: $(TO_DEVELOP) ## draw the pictures of the README (SVG and PNG) from a recorded run
	@$(BIN)/python -m tests.screenshots

format: $(TO_DEVELOP) ## format the code and fix lint errors
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
new_venv = test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)

$(TO_RUN): pyproject.toml
	@echo "installing dasktop and its dependencies into $(VENV)"
	@$(new_venv)
	@$(install) .
	@touch $@

$(TO_TEST): pyproject.toml
	@echo "installing dasktop, pytest and its plugins into $(VENV)"
	@$(new_venv)
	@$(install) '.[test]'
	@touch $(TO_RUN) $@

$(TO_STRESS): pyproject.toml
	@echo "installing dasktop, pytest and its plugins, also for random order, into $(VENV)"
	@$(new_venv)
	@$(install) '.[stress]'
	@touch $(TO_RUN) $(TO_TEST) $@

$(TO_DEVELOP): pyproject.toml
	@echo "installing dasktop, pytest, ruff, mypy and import-linter into $(VENV)"
	@$(new_venv)
	@$(install) '.[dev]'
	@touch $(TO_RUN) $(TO_TEST) $@

clean: ## remove everything that make and the tests have created
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
