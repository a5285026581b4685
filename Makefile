# One command each. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo check test bench pictures clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## a living system out of real engines, with faults to find
	@$(BIN)/opsroom demo

check: $(STAMP) ## format, lint, types, import rules, and every test that needs no engine and no terminal
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 -m 'not engine and not docker and not systemd and not terminal'

test: $(STAMP) ## everything: check, then every test on real engines
	tests/stack/up
	$(MAKE) check
	$(BIN)/pytest -q -m 'engine or docker or systemd or terminal'

bench: $(STAMP) ## speed, beside pg_activity, glances and htop in one run; writes bench/RESULTS.md
	$(BIN)/python -m bench

pictures: $(STAMP) ## the README's pictures, from the running demo
	$(BIN)/python -m screenshots.take

clean: ## remove what was installed and made here
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
