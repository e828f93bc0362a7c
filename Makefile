# make demo   a failover on two real nodes, before your eyes (root; installs what is missing)
# make benchmark   the shell recipe beside kachecks, in one run; benchmark-check, -failover and
#                  -scale: what a check costs, failovers, and how their times grow
# make test   lint, types, unit tests, and the lab on both server families (root)
# make unit   lint, types and unit tests alone (any user, a minute or two)
# make packages   wheel, sdist, .deb and .rpm
# make site       the documents as a site, in build/site

SHELL := /bin/sh
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV ?= .venv
IN_VENV := $(VENV)/bin

.PHONY: demo test unit lint lab lab-tests clusters screenshots benchmark clean

demo: lab-ready
	$(IN_VENV)/python -m tests.lab.demo.failover --picture demo.svg $(DEMO)

test: lab-ready unit lab-tests

unit: lint
	$(IN_VENV)/pytest -q -n 3 --dist loadfile tests/unit
	$(IN_VENV)/pytest -q -n 2 tests/schedules

# Scenarios mostly wait, so two cores bear four pairs of nodes at a time.
LAB_JOBS ?= 4
lab-tests: lab-ready machines-ready
	$(IN_VENV)/pytest -n $(LAB_JOBS) --dist worksteal -m "not clusters" tests/lab

# Three nodes of Galera and of Group Replication; one cluster at a time, that most tests share. By
# hand, as `test` must stay below 45 minutes.
# What they run is unpacked where it is not there yet, a minute for each of two Debian releases.
clusters: lab-ready
	$(IN_VENV)/pytest -n 0 -m clusters tests/lab

# What runs on machines with systemd, for the Debian releases of RELEASES.
RELEASES ?= bookworm
.PHONY: machines machines-ready
machines: lab-ready machines-ready
	LAB_RELEASES="$(RELEASES)" $(IN_VENV)/pytest -n 0 tests/lab/tests/test_machines.py tests/lab/tests/test_machine_pair.py

# Where that cannot be had, the tests say so and are skipped, but fail in CI.
machines-ready: $(VENV)/installed
	-@$(IN_VENV)/python -m tests.lab.machines.tree $(RELEASES)

# The rows of the failure matrix that lab-tests leaves out; more than an hour.
.PHONY: rows
rows: lab-ready
	$(IN_VENV)/python -m tests.lab.matrix.rows by-hand --flavour both

# What reads strangers' bytes, fed with broken ones: FUZZ="--seconds 600 marks packets".
.PHONY: fuzz
fuzz: $(VENV)/installed
	$(IN_VENV)/python -m tests.fuzz $(FUZZ)

lint: $(VENV)/installed
	$(IN_VENV)/ruff check .
	$(IN_VENV)/ruff format --check .
	$(IN_VENV)/mypy
	$(IN_VENV)/lint-imports
	$(IN_VENV)/vulture

lab: lab-ready
	$(IN_VENV)/python -m tests.lab $(LAB)

# The terminals in docs/.
screenshots: lab-ready
	$(IN_VENV)/python -m tests.lab.demo.screenshots

benchmark: lab-ready
	$(IN_VENV)/python -m benchmarks.sequence --flavour both $(BENCHMARK)
	$(IN_VENV)/python -m benchmarks.sequence --flavour both --lag 5 $(BENCHMARK)

# One table each. Options in BENCHMARK, such as BENCHMARK="--flavour mysql --times 5 --json FILE".
.PHONY: benchmark-check benchmark-failover benchmark-scale
benchmark-check: lab-ready
	$(IN_VENV)/python -m benchmarks.check_cost $(BENCHMARK)

# More than an hour. Draws the typical runs: that of SIGKILL on MySQL is in the README.
benchmark-failover: lab-ready
	$(IN_VENV)/python -m benchmarks.failover --pictures docs $(BENCHMARK)

benchmark-scale: lab-ready
	$(IN_VENV)/python -m benchmarks.scale $(BENCHMARK)

# Into dist/. The .deb and the .rpm hold an environment of their own, for the Python that PYTHON is.
# RELEASE=2 and so on for another package of the same version.
.PHONY: packages
packages: $(VENV)/installed
	rm -rf build dist
	$(IN_VENV)/python -m build --no-isolation --outdir dist
	$(IN_VENV)/twine check --strict dist/*
	$(IN_VENV)/python packages/make.py dist/*.whl build/packages
	! command -v lintian >/dev/null || lintian --fail-on=error,warning dist/*.deb
	rm -rf build
	ls -l dist

# The documents as a site, in build/site. Each link and anchor must lead somewhere.
.PHONY: site
site: $(VENV)/site
	rm -rf build/pages build/site
	mkdir -p build/pages
	cp -r *.md LICENSE docs keepalived-snippets build/pages
	NO_MKDOCS_2_WARNING=1 $(IN_VENV)/mkdocs build --strict

$(VENV)/site: $(VENV)/dependencies setup.cfg
	$(IN_VENV)/pip install --quiet --no-build-isolation '.[site]'
	rm -rf build
	touch $@

# What the lab needs: root, namespaces, Debian's keepalived and MariaDB, and a MySQL.
.PHONY: lab-ready
lab-ready: $(VENV)/installed
	@$(IN_VENV)/python -m tests.lab.prepare

# The package is installed as a user would install it, not run from the checkout.
$(VENV)/installed: $(VENV)/dependencies $(shell find kachecks manual keepalived-snippets -name "*.py" -o -path "*/programs/*" -o -path "keepalived-snippets/*") setup.cfg
	rm -rf build
	$(IN_VENV)/pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	rm -rf build
	touch $@

$(VENV)/dependencies: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  test "$$(id -u)" = 0 || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(IN_VENV)/pip install --quiet 'setuptools>=64' wheel
	$(IN_VENV)/pip install --quiet --no-build-isolation '.[dev]'
	rm -rf build
	touch $@

clean:
	rm -rf $(VENV) build dist demo.svg *.egg-info .import_linter_cache .mypy_cache .ruff_cache .pytest_cache
