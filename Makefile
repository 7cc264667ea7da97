# Everything a newcomer or CI calls. Each target stands for itself; `make setup` is their shared first step.
PYTHON ?= python3
EXAMPLE ?= readiness
WORKERS ?= 3
VENV := .venv/bin

.PHONY: setup demo tour test check bench lock docs clean

setup: .venv/.ready

.venv/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Portcullis needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(VENV)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(VENV)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	$(VENV)/python -m examples.demo --example $(EXAMPLE)

tour: setup
	$(VENV)/python -m examples.tour --example $(EXAMPLE)

test: setup
	scripts/test-tools.sh
	$(VENV)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: setup
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	scripts/lock.sh --check

bench: setup
	$(VENV)/python -m bench

docs: setup
	$(VENV)/python scripts/policy_reference.py

lock: setup
	scripts/lock.sh

clean:
	rm -rf .venv var
