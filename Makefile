# make demo       install into .venv, train for 10 epochs, draw the pictures: runs/demo
# make test       install into .venv, run the tests
# make cluster    train by two workers and MXNet's parameter server: runs/cluster
# make test-all   run the tests on each Python from 3.9 to 3.12 that is installed, by tox
# make test-slow  the long checks: the Chinese notebook, 50 epochs on MNIST (minutes)
# make soak       kill a training 50 times, and check that nothing is lost (five minutes)
# make bench      install PyTorch and JAX as well, compare: benchmarks/results.md (half an hour)
# make notebook   install Jupyter as well, open the notebook
# make lint       install into .venv, run ruff and mypy
# make clean      remove what the others made; of runs/, only demo and cluster
#
# PYTHON=/path/to/python names the interpreter that .venv is made with.

PYTHON ?= python3.11 python3.10 python3.9 python3.12 python3
VENV := .venv
BIN := $(VENV)/bin

# MXNet 1.9.1 needs a numpy below 2, and Python 3.13 has none.
FITS := import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))

# pyenv keeps Pythons that are not on the PATH.
PYENV := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin/python3)

# Containers often set it. Each process would then compile MXNet, NumPy and SciPy again, for over a
# second; so what is imported is compiled once, and not what is only installed (--no-compile).
unexport PYTHONDONTWRITEBYTECODE

# In compat mode the package is found from any folder, including the one above the clone, which has
# its name.
PIP_OPTIONS := --quiet --disable-pip-version-check --no-compile
EDITABLE := --config-settings editable_mode=compat -e

.PHONY: demo cluster test test-all test-slow soak bench notebook lint clean
.NOTPARALLEL:

demo: $(VENV)/installed
	rm -rf runs/demo
	$(BIN)/vae-gluon train --epochs 10 --out runs/demo

cluster: $(VENV)/installed
	rm -rf runs/cluster
	$(BIN)/vae-gluon cluster train --epochs 10 --batch-size 50 --out runs/cluster

# One process for each core, computing on that core alone.
test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-all: $(VENV)/installed-test-all
	$(BIN)/tox run $(if $(PYENV),--discover $(PYENV))

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow

soak: $(VENV)/installed-test
	$(BIN)/python -m pytest -m soak -s

bench: $(VENV)/installed-bench $(VENV)/jax/installed
	$(BIN)/python -m benchmarks --python JAX=$(VENV)/jax/bin/python

notebook: $(VENV)/installed-notebook
	$(BIN)/jupyter lab notebooks/vae_gluon.ipynb

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .tox runs/demo runs/cluster build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies, out of date when pyproject.toml has changed.
$(VENV)/installed: pyproject.toml | $(BIN)/pip
	@echo "Installing vae_gluon into $(VENV) (a minute or so, the first time)"
	@$(BIN)/pip install $(PIP_OPTIONS) $(EDITABLE) .
	@touch $@

$(VENV)/installed-%: pyproject.toml | $(BIN)/pip
	@echo "Installing vae_gluon[$*] into $(VENV) (a minute or so, the first time)"
	@$(BIN)/pip install $(PIP_OPTIONS) $(EDITABLE) '.[$*]'
	@touch $@

# Today's JAX needs a newer NumPy than MXNet, and so an environment of its own.
$(VENV)/jax/installed: | $(BIN)/pip
	@echo "Installing JAX into $(VENV)/jax"
	@$(BIN)/python -m venv $(VENV)/jax
	@$(VENV)/jax/bin/pip install $(PIP_OPTIONS) jax optax
	@touch $@

# A python on the PATH may be a shim that only prints an error, so each is tried.
$(BIN)/pip:
	@for python in $(PYTHON); do \
	    if $$python -c '$(FITS)' >/dev/null 2>&1; then \
	        $$python -m venv $(VENV) && exit; \
	        rm -rf $(VENV); \
	        found="$$found $$python cannot make a virtual environment: install its venv module"; \
	        found="$$found (on Debian and Ubuntu the package python3-venv)."; \
	    else \
	        version=$$($$python --version 2>/dev/null) && found="$$found $$python is $$version."; \
	    fi; \
	done; \
	echo "vae_gluon needs Python 3.9, 3.10, 3.11 or 3.12: MXNet 1.9.1 has no numpy to run on" \
	    "with any other.$${found:- Not found: $(PYTHON).} Install one of the four, or name it:" \
	    "make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
	exit 1
