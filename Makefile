# make demo       install into .venv, train for 10 epochs, draw the pictures and a film: runs/demo
# make test       install into .venv, run the tests (90 seconds on two cores)
# make cluster    train with two workers and MXNet's parameter server: runs/cluster
# make test-all   run the tests on each Python from 3.9 to 3.13 that is installed, with the oldest
#                 NumPy and the newest, by tox
# make test-slow  the long checks: the notebooks, 50 epochs on MNIST, more jobs of several workers,
#                 a race of the benchmarks (minutes)
# make soak       kill a training run 50 times, check that nothing is lost (five minutes)
# make mxnet-tests OLD=/path/to/python3.8 TESTS=/path/to/mxnet/tests/python/unittest
#                 run MXNet's own tests in an old environment and in .venv, compare (hours);
#                 see tests/mxnets_own.py
# make bench      install PyTorch and JAX too, compare: benchmarks/results.md (half an hour)
# make notebook   install Jupyter too, open the notebook; make notebook-zh the Chinese one
# make docs       install MkDocs too, build the pages of docs/: site/index.html
# make lint       install into .venv, run ruff and mypy
# make clean      remove what the others made; in runs/, only demo and cluster
#
# PYTHON=/path/to/python names the interpreter for .venv.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9
VENV := .venv
BIN := $(VENV)/bin

# MXNet's metadata requires numpy below 2, which pip would install or compile. MXNet no longer needs
# it (see vae_gluon/mxnet_today), and so is installed without its dependencies.
MXNET := --no-deps mxnet==1.9.1

# Reports what the system lacks to load MXNet; on ARM, makes links next to it.
LIBRARIES := vae_gluon/mxnet_today/libraries.py

# Exits with 10 for a tested Python, 20 for a newer one, 30 for an older one.
AGE := import sys; v = sys.version_info[:2]; sys.exit(30 if v < (3, 9) else 20 if v > (3, 14) else 10)

# Jupyter refuses to run as root, the user in most containers, without this option.
JUPYTER = $(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

# pyenv keeps Pythons that are not on the PATH.
PYENV := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/*/bin/python3)

# Containers often set it. Each process would then compile MXNet, NumPy and SciPy again, for over a
# second. Modules are compiled when first imported, not when installed (--no-compile).
unexport PYTHONDONTWRITEBYTECODE

# In compat mode the package is found from any folder, even the clone's parent, where the clone
# would hide it.
PIP_OPTIONS := --quiet --disable-pip-version-check --no-compile
EDITABLE := --config-settings editable_mode=compat -e

.PHONY: demo cluster test test-all test-slow soak mxnet-tests bench notebook notebook-zh docs lint clean
.NOTPARALLEL:

demo: $(VENV)/installed
	rm -rf runs/demo
	$(BIN)/vae-gluon train --epochs 10 --film --out runs/demo
	@echo
	@echo "Look at runs/demo/overview.png and at runs/demo/film.gif, the latent plane epoch by epoch."
	@echo "Next:"
	@echo "  $(BIN)/vae-gluon explore runs/demo    # an interactive page: runs/demo/explorer.html"
	@echo "  $(BIN)/vae-gluon train --resume --epochs 50 --out runs/demo    # as long as the tutorial"
	@echo "  make notebook                        # the theory, in a notebook"
	@echo "Another make demo deletes runs/demo and trains anew."

cluster: $(VENV)/installed
	rm -rf runs/cluster
	$(BIN)/vae-gluon cluster train --epochs 10 --batch-size 50 --out runs/cluster

# One single-threaded process for each core. A file's tests run in one process and share fixtures.
test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test-all: $(VENV)/installed-test-all
	$(BIN)/tox run $(if $(PYENV),--discover $(PYENV))

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow

soak: $(VENV)/installed-test
	$(BIN)/python -m pytest -m soak -s

mxnet-tests: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/mxnets_own.py $(OPTIONS) $(OLD) $(TESTS) $(FILES)

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks

# A notebook that is not trusted shows neither the sliders nor the page that are stored in it.
notebook: $(VENV)/installed-notebook
	@echo "make notebook-zh opens the Chinese one"
	$(BIN)/jupyter trust notebooks/vae_gluon.ipynb
	$(JUPYTER) notebooks/vae_gluon.ipynb

notebook-zh: $(VENV)/installed-notebook
	$(BIN)/jupyter trust notebooks/vae_gluon.zh.ipynb
	$(JUPYTER) notebooks/vae_gluon.zh.ipynb

docs: $(VENV)/installed-docs
	$(BIN)/mkdocs build --strict

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .tox runs/demo runs/cluster build site *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies, out of date when pyproject.toml changes. MXNet comes last:
# otherwise pip would complain about its numpy whenever it installs a numpy. After that, mxnet can be
# imported without vae_gluon: see docs/mxnet.md.
define install
	@echo "Installing vae_gluon$(1) into $(VENV), with $$($(BIN)/python --version) (a minute or so)"
	@$(BIN)/pip install $(PIP_OPTIONS) $(EDITABLE) '.$(1)'
	@$(BIN)/pip install $(PIP_OPTIONS) $(MXNET)
	@$(BIN)/python $(LIBRARIES)
	@$(BIN)/python -m vae_gluon.mxnet_today enable
	@touch $@
endef

$(VENV)/installed: pyproject.toml | $(BIN)/pip
	$(call install,[fast])

$(VENV)/installed-%: pyproject.toml | $(BIN)/pip
	$(call install,[$*])

# The first tested Python, or else the first newer one. A python on the PATH may be a shim that only
# prints an error, so each is run.
$(BIN)/pip:
	@for age in 10 20; do for python in $(PYTHON); do \
	    $$python -c '$(AGE)' >/dev/null 2>&1; \
	    [ $$? = $$age ] || continue; \
	    $$python $(LIBRARIES) || exit; \
	    [ $$age = 10 ] || echo "$$($$python --version) is newer than those that vae_gluon is" \
	        "tested with, 3.9 to 3.14: trying it"; \
	    $$python -m venv $(VENV) && exit; \
	    rm -rf $(VENV); \
	    found="$$found $$python cannot make a virtual environment: install its venv module (on"; \
	    found="$$found Debian and Ubuntu the package python3-venv)."; \
	done; done; \
	for python in $(PYTHON); do \
	    version=$$($$python --version 2>/dev/null) && found="$$found $$python is $$version."; \
	done; \
	echo "vae_gluon needs Python 3.9 or newer.$${found:- Not found: $(PYTHON).} Install one, or" \
	    "name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	exit 1
