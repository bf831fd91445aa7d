"""What runs MXNet's own tests tells what becomes of each, also of one that ends its process."""

import sys

import pytest
from mxnets_own import run_file

TESTS = """
import os, unittest
import numpy as np
from distutils.version import LooseVersion
from nose.tools import assert_raises, ok_, raises

def test_passes():
    ok_(np.float(1) == 1 and LooseVersion("1.9") < LooseVersion("1.10"))

def test_fails():
    assert 1 == 2

def test_ends_the_process():
    os._exit(3)

@raises(ValueError)
def test_raises():
    assert_raises(TypeError, len, 1)
    raise ValueError

def test_is_skipped():
    raise unittest.SkipTest("not here")
"""


@pytest.mark.slow
def test_each_test_has_its_outcome(tmp_path):
    path = tmp_path / "test_file.py"
    path.write_text(TESTS)
    command = [sys.executable, "-m", "vae_gluon.mxnet_today", "-m"]
    outcomes = run_file(command, path, every=1, limit=300)
    assert outcomes.pop("test_file.py::test_is_skipped").startswith("skipped: ")
    assert {name.partition("::test_")[2]: outcome for name, outcome in outcomes.items()} == {
        "passes": "passed",
        "fails": "failed: E       assert 1 == 2",
        "ends_the_process": "ended the process with code 3",
        "raises": "passed",
    }
    assert list(run_file(command, path, every=4, limit=300)) == [
        "test_file.py::test_passes",
        "test_file.py::test_is_skipped",
    ]
