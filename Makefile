# Two commands matter: `make demo` and `make test`. Both need Python 3.11 or newer and make, nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test prove bench docs messages lint clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The first of these that runs, is new enough and can make virtual environments (pyenv's shims may exist and fail).
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3
# A worker for each core, with a database of its own; the tests of one file stay together.
PARALLEL := --numprocesses auto --dist loadfile
# Where a grant is decided no branch goes untested.
ROOMS := services/* webhook.py prepared.py receivers.py client/webhooks.py binding.py values.py policy.py models/* querysets.py digests.py sessions.py client/connections.py client/sending.py client/signature.py client/transport.py
EMPTY :=
COMMA := ,
FULLY_COVERED := $(subst $(EMPTY) $(EMPTY),$(COMMA),$(addprefix */django_authsignal/,$(ROOMS)))

help:
	@echo "make demo      run the example bank and the sandbox (PORT=8000 SANDBOX_PORT=8001)"
	@echo "make test      run all tests (SQLite, then PostgreSQL), then the linters"
	@echo "make prove     run the races, crashes, faults, state machine and fuzz at full length, and print their figures"
	@echo "make bench     measure the package beside its peers, and print one table (about ten minutes)"
	@echo "make docs      build the documentation into docs/_build"
	@echo "make messages  bring the catalogues up to date with the source, and compile them (needs GNU gettext)"
	@echo "make lint      run the linters only"
	@echo "make clean     remove the virtual environment, caches and the demo's database"

demo: $(VENV)/.demo
	@$(BIN)/python manage.py demo $(if $(PORT),--port $(PORT)) $(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT))

test: $(VENV)/.test
	$(BIN)/python -m pytest -rfEs $(PARALLEL) --cov --cov-report=
	AUTHSIGNAL_TEST_DATABASE=postgresql $(BIN)/python -m pytest -rfEs $(PARALLEL) -m "not browser"
	$(BIN)/coverage report --skip-covered --fail-under=100 --include='$(FULLY_COVERED)'
	@$(MAKE) --no-print-directory lint

prove: $(VENV)/.test
	@$(BIN)/python -m tests.prove $(PROOFS)

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build
	@echo "docs/_build/index.html"

messages: $(VENV)/.demo
	cd django_authsignal && "$(CURDIR)/$(BIN)/django-admin" makemessages --all --no-wrap --no-obsolete --add-location file
	sed -i '/^"POT-Creation-Date/d' django_authsignal/locale/*/LC_MESSAGES/django.po
	cd django_authsignal && "$(CURDIR)/$(BIN)/django-admin" compilemessages

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

clean:
	rm -rf $(VENV) .tox build dist docs/_build htmlcov .coverage* .*_cache *.egg-info example_project/*.sqlite3
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/.demo: setup.cfg $(BIN)/python
	@echo "Installing the package into $(VENV) …"
	@$(PIP) install --editable '.[demo]'
	@touch $@

$(VENV)/.test: setup.cfg $(BIN)/python
	@echo "Installing the package, its test tools and linters into $(VENV) (once, about a minute) …"
	@$(PIP) install --editable '.[test,lint]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: setup.cfg $(BIN)/python
	@echo "Installing the package, its test tools and its peers into $(VENV) …"
	@$(PIP) install --editable '.[test,bench]'
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: setup.cfg $(BIN)/python
	@echo "Installing the package and Sphinx into $(VENV) …"
	@$(PIP) install --editable '.[demo,docs]'
	@touch $@

$(BIN)/python:
	@rm -rf $(VENV); found=; \
	for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found="$$python"; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
		echo "Making $(VENV) with $$("$$python" --version) …"; \
		"$$python" -m venv $(VENV) && exit 0; \
		rm -rf $(VENV); \
	done; \
	if [ -n "$$found" ]; then \
		echo "$$("$$found" --version) is here, but cannot make virtual environments."; \
		echo "On Debian or Ubuntu install python3-venv; elsewhere a Python with venv and ensurepip."; \
	else \
		echo "No Python 3.11 or newer was found. Install one (on Debian or Ubuntu: python3 and python3-venv),"; \
		echo "or name yours: make PYTHON=/path/to/python3"; \
	fi >&2; exit 1
