# Everything runs in an environment of its own, made once. Another Python: make PYTHON=python3.12; another place: make VENV=DIR.

VENV ?= .venv
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ifndef PYTHON
PYTHON := $(shell for each in python3 python3.11 python3.12 python3.13; do \
	$$each -c '$(SUPPORTED)' 2>/dev/null && echo $$each && break; done)
endif
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/seed_network_keras

.PHONY: setup demo golden test lint types clean

setup: $(READY)

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "porter needs Python 3.11, 3.12 or 3.13: none was found; name one with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

golden: $(READY)
	$(BIN)/python tests/update_golden.py

demo: $(READY)
	$(BIN)/porter convert fixtures/seed_network/model.ckpt -o $(DEMO) --force
	$(BIN)/porter verify $(DEMO) --tolerance 1e-5
	@echo && echo "$(DEMO)/model.py:" && echo && cat $(DEMO)/model.py

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist loadfile  # a file's tests share what is slow to set up

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build
