# make demo: renders sample data and runs all steps on it
# make test: runs every test          make lint: style and types
# PYTHON=python3.12 make ...: with another Python, 3.11 or newer

PYTHON ?= python3
RUN := .venv/bin/python

.PHONY: demo test lint clean
.DELETE_ON_ERROR:

demo: .venv/demo
	$(RUN) -m signs.demo

test: .venv/test
	$(RUN) -m pytest

lint: .venv/test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: requirements.txt | .venv/bin/python
	$(RUN) -m pip install --quiet -r requirements.txt
	touch $@

.venv/test: requirements.txt requirements-dev.txt | .venv/bin/python
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	touch $@
