# Each target does its own set-up in .venv; only python3 (3.11 or newer, with venv) is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TYPES := build/types

.PHONY: demo test test-slurm-new check screenshots format clean

demo: $(READY) ## the screen on a real dask cluster, on a SLURM small enough to embed
	@$(BIN)/dasktop demo

test: $(READY) ## all that can run here; with SLURM's programs installed, everything
	@$(BIN)/python -m pytest --numprocesses=4 --dist=loadfile $(PYTEST_ARGS)

test-slurm-new: ## the tests marked slurm on a newer SLURM, in a chroot; needs root; SUITE=trixie for another release
	@tests/slurm/chroot.sh $(or $(SUITE),sid) $(PYTEST_ARGS)

check: $(READY) ## lint, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@# The folders' names differ from the packages'; mypy sees the packages through links.
	@mkdir -p $(TYPES)/dasktop
	@ln -sfn $(CURDIR)/collectors $(TYPES)/dasktop/collectors
	@ln -sfn $(CURDIR)/tui $(TYPES)/dasktop/tui
	cd $(TYPES) && MYPYPATH=. $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p dasktop.collectors -p dasktop.tui
	$(BIN)/lint-imports --no-cache

screenshots: $(READY) ## the README's pictures, SVG and PNG, from a recorded run
	@$(BIN)/python -m tests.screenshots

format: $(READY) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml
	@echo "setting up $(VENV), once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean: ## back to a fresh checkout
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
