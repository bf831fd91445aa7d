"""mxnet can be imported on every Python, in whatever order, and without a warning."""

import subprocess
import sys

import numpy as np
import pytest

from vae_gluon import numpy_aliases

TRAIN = """
from vae_gluon import VAE, make_digits, mnist_iterators, train
history = train(VAE(16), *mnist_iterators(make_digits(200, 100)), epochs=1, progress=False)
assert 0 < history.val[0] < 600
"""
HALF = """
import sys, types
sys.modules["mxnet.base"] = types.ModuleType("mxnet.base")  # as an import that failed leaves it
"""
TRY = """
try:
    import mxnet
except AttributeError as error:
    assert "numpy" in str(error)
"""


def python(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("first", ["", TRY, HALF, "import vae_gluon, mxnet, numpy"])
def test_training_works_whatever_was_imported_first(first):
    done = python(first + TRAIN)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    if first != TRY:  # numpy itself warns of a name that mxnet asks for
        assert done.stderr == ""


def test_importing_warns_of_nothing_even_where_warnings_are_errors(strict):
    done = python("import vae_gluon, vae_gluon.plotting, vae_gluon.cli", *strict)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_are_put_back_where_they_are_missing(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 12))
    monkeypatch.delitem(vars(np), "int", raising=False)
    monkeypatch.setitem(vars(np), "bool", "its own")
    numpy_aliases.put_back()
    assert vars(np)["int"] is int
    assert vars(np)["bool"] == "its own"


def test_older_pythons_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11))
    monkeypatch.delitem(vars(np), "int", raising=False)
    numpy_aliases.put_back()
    assert "int" not in vars(np)
