# make demo: renders sample data and runs all steps on it
# make app: opens the page to film, train and try own signs
# make test: runs the tests           make lint: style, types, order of rooms
# make test-all: the slow ones, too: faults, JAX and torch, Ray, fresh installs
# make faults: kills, fills disks and damages files, again and again (longer
#   with CAMPAIGN=50)
# make cluster-test: tests of Ray and of several devices (5 minutes);
#   make scaling: measures them
# make platforms: resolves the requirements for all systems that README names
# make bench: measures every step beside other ways to do it (15 minutes)
# make study: compares recipes (docs/transfer-study.md); three hours
# PYTHON=python3.12 make ...: with another Python, 3.11 or newer

PYTHON ?= python3
RUN := .venv/bin/python
CAMPAIGN ?= 10

.PHONY: demo app test test-all lint platforms faults cluster-test scaling bench study clean
.DELETE_ON_ERROR:

demo: .venv/demo
	$(RUN) -m signs.synthetic.demo

app: .venv/app
	$(RUN) app.py

test: .venv/test
	$(RUN) -m pytest --numprocesses 2 --dist loadfile \
		--no-loadscope-reorder

test-all: .venv/test cluster-test
	$(RUN) -m pytest -m "" --numprocesses 2 --dist loadfile \
		--no-loadscope-reorder

lint: .venv/test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

platforms: .venv/test
	.ci/platforms

faults: .venv/test
	$(RUN) -m pytest -m "" tests/faults --campaign $(CAMPAIGN)

cluster-test: .venv-cluster/done
	.venv-cluster/bin/python -m pytest -m "" tests/test_cluster.py \
		tests/test_cluster_start.py tests/test_devices.py

scaling: .venv-cluster/done
	.venv-cluster/bin/python -m benchmarks.scaling

bench: .venv-bench/done
	.venv-bench/bin/python -m benchmarks.run

study: .venv/demo
	$(RUN) -m studies.run

clean:
	rm -rf .venv .venv-bench .venv-cluster .pytest_cache .ruff_cache .mypy_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: requirements.txt | .venv/bin/python
	$(RUN) -m pip install --quiet -r requirements.txt
	touch $@

.venv/app: requirements.txt requirements-app.txt | .venv/bin/python
	$(RUN) -m pip install --quiet -r requirements-app.txt
	touch $@

.venv-bench/done: requirements.txt benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	touch $@

.venv-cluster/done: requirements.txt requirements-dev.txt \
		requirements-cluster.txt
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/python -m pip install --quiet \
		-r requirements-dev.txt -r requirements-cluster.txt
	touch $@

.venv/test: requirements.txt requirements-dev.txt requirements-app.txt \
		requirements-landmarks.txt | .venv/bin/python
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	touch $@
