# One command each. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := .venv/.demo
# Tests mostly wait, for time-outs without engines and for the engines with them: more workers than two cores.
WORKERS ?= 6
ENGINE_WORKERS ?= 3

# Compiled tests are kept: each process that collects them afterwards does so in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

# The files with tests of a few marks; tests/conftest.py sees to it that none is missed.
files = $$(grep -rlE --include='test_*.py' 'mark\.($(1))' tests)

.DEFAULT_GOAL := help
.PHONY: help demo check static compiled test engines terminals alone safety soak bench pictures manual single clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The demonstration waits for no tool of ours: they come with the first target that needs one, into the same place.
$(DEMO): pyproject.toml
	@echo 'Opsroom installs itself into .venv, once: about half a minute'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[demo]'
	@touch $@

$(STAMP): pyproject.toml
	@echo 'Opsroom installs itself and the tools of its tests into .venv, once: about a minute'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(DEMO) $@

demo: $(DEMO) ## a living system out of real engines, with faults to find
	@$(BIN)/opsroom demo

check: $(STAMP) ## format, lint, types, import rules, and every test that needs no engine and no terminal
	@$(MAKE) --no-print-directory --jobs=2 static compiled
	$(BIN)/pytest -q -n $(WORKERS) -m 'not (engine or docker or systemd or kubernetes or terminal or alone)'

static: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Once, while mypy has the other core, instead of in every worker at once; what fails here says so in the run itself.
compiled: $(STAMP)
	@-$(BIN)/pytest -qq --collect-only > /dev/null 2>&1

test: $(STAMP) ## everything: check, then every test on real engines; all of it, also after a failure
	tests/stack/up
	$(MAKE) --keep-going check engines terminals alone

engines: $(STAMP)
	$(BIN)/pytest -q -n $(ENGINE_WORKERS) --dist loadfile --no-loadscope-reorder --durations=25 \
		-m '(engine or docker or systemd) and not (alone or terminal or kubernetes)'

terminals: $(STAMP)
	$(BIN)/pytest -q -n 2 --dist loadfile -m '(terminal or kubernetes) and not alone' $(call files,terminal|kubernetes)

alone: $(STAMP)
	$(BIN)/pytest -q -m alone --durations=10 $(call files,alone)

safety: $(STAMP) ## the long proofs: forged audits, kills, races, full disks; figures in docs/SAFETY.md
	$(BIN)/python -m tests.safety

soak: $(STAMP) ## the black box alone: a day of two hundred targets, and five hundred deaths
	$(BIN)/python -m tests.safety recording

bench: $(STAMP) ## speed, beside pg_activity, glances and htop in one run; writes bench/RESULTS.md
	$(BIN)/python -m bench

pictures: $(STAMP) ## the README's pictures, from the running demo
	$(BIN)/python -m screenshots.take

manual: $(STAMP) ## docs/manual, out of the code
	@$(BIN)/opsroom manual --write docs/manual

single: $(STAMP) ## dist/opsroom.pyz: everything in one file, for a machine without internet
	@mkdir -p dist
	$(BIN)/shiv --quiet --console-script opsroom --output-file dist/opsroom.pyz '.[web]'

clean: ## remove what was installed and made here
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
