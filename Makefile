# make lab | test | book | bench | results | notebooks | lock: every target sets up what it needs; running it again is quick.
PYTHON ?= python3
BIN := .venv/bin
PEERS := .venv/bench/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --constraint
PIP := $(BIN)/python $(INSTALL) constraints.txt
SEEDS ?= 10
SETUP := pyproject.toml constraints.txt jupyterlab_settings.json

.PHONY: help lab test book bench results notebooks lock clean
help:
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

lab: .venv/.lab  ## open the course in JupyterLab
	$(BIN)/jupyter lab $(LAB_ARGS) --LabApp.default_url=/lab/tree/chapters/index.md

test: .venv/.test .venv/.chromium  ## run every test, the chapters included
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --nbval-lax chapters

book: .venv/.book  ## build the site into _build/book
	$(BIN)/python -m npg_lab.book site myst

bench: .venv/.chromium .venv/.bench  ## measure the widgets in a browser, and the agents beside other libraries (an hour)
	$(BIN)/python -m benchmarks.widgets
	$(PEERS)/python -m benchmarks.products
	$(PEERS)/python -m benchmarks.agents --seeds $(SEEDS)

results: .venv/.lab  ## train all agents with ten seeds again and store their learning curves (half an hour)
	$(BIN)/python -m npg_lab.results

notebooks: .venv/.book  ## run the chapters and store their outputs
	$(BIN)/python -m npg_lab.book refresh

FREEZE := -m pip freeze --exclude-editable --exclude pip --exclude setuptools --exclude wheel | sed -E 's/\+cpu$$//'
lock: .venv/.test .venv/.bench  ## write the versions in use to constraints.txt and benchmarks/constraints.txt
	$(BIN)/python $(FREEZE) > constraints.txt
	$(PEERS)/python $(FREEZE) > benchmarks/constraints.txt

clean:  ## remove what the other targets made
	rm -rf .venv _build

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "npg-lab needs Python 3.11 or newer, got " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv

.venv/.lab: .venv/bin/python $(SETUP)
	$(PIP) --editable .
	mkdir -p .venv/share/jupyter/lab/settings
	cp jupyterlab_settings.json .venv/share/jupyter/lab/settings/overrides.json
	@touch $@

.venv/.book: .venv/.lab
	$(PIP) --editable .[book]
	@touch $@

.venv/.test: .venv/.book
	$(PIP) --editable .[book,test]
	@touch $@

# The peers have an environment of their own: Tianshou's virtualenv wants filelock < 4, the course has a newer one.
.venv/.bench: .venv/bin/python pyproject.toml benchmarks/constraints.txt
	$(BIN)/python -m venv .venv/bench
	$(PEERS)/python $(INSTALL) benchmarks/constraints.txt --editable .[bench]
	@touch $@

# A browser for the widget tests: the system's, Debian's, or else the one that Playwright brings.
.venv/.chromium: .venv/.test
	@command -v chromium || command -v google-chrome \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update -qq && apt-get install -y -qq chromium; } \
	  || $(BIN)/python -m playwright install chromium
	@touch $@
