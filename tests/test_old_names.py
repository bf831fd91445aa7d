"""mxnet can be imported beside any NumPy, in whatever order, and nobody else sees how."""

import inspect
import subprocess
import sys
from importlib.util import find_spec

import mxnet as mx
import numpy as np
import pytest
import scipy.sparse

from vae_gluon.mxnet_today import old_names
from vae_gluon.mxnet_today.old_names import OLD_NAMES

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
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NumPy warns of names that mxnet asks for
    try:
        import mxnet
    except (AttributeError, ImportError):
        pass
"""


def python(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("first", ["", TRY, HALF, "import vae_gluon, mxnet, numpy"])
def test_training_works_whatever_was_imported_first(first, strict):
    done = python(first + TRAIN, *strict)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr


@pytest.mark.parametrize("other", ["pandas", "torch"])
@pytest.mark.parametrize("order", ["import {}" + TRAIN, TRAIN + "import {}"])
def test_other_packages_can_be_imported_before_and_after(order, other):
    if not find_spec(other):  # it is not needed for anything else
        pytest.skip(f"needs {other}")
    done = python(order.format(other))
    assert done.returncode == 0, done.stderr


def test_importing_warns_of_nothing_even_where_warnings_are_errors(strict):
    done = python("import vae_gluon, vae_gluon.plotting, vae_gluon.command.cli", *strict)
    assert (done.returncode, done.stderr) == (0, "")


def test_others_see_numpy_as_it_is():
    """By its names they tell its versions apart."""
    code = f"""
import sys, warnings, numpy
warnings.simplefilter("ignore")  # of names that this numpy still has
def look():
    return [name for name in {sorted(OLD_NAMES)} if hasattr(numpy, name)]
before = look()
import vae_gluon
assert look() == before
assert sys.version_info < (3, 12) or "distutils" not in sys.modules
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


# Code of MXNet's, as far as NumPy can tell.
ask = eval("lambda numpy, name: getattr(numpy, name)", {"__name__": "mxnet.test_utils"})


@pytest.mark.parametrize("name", sorted(OLD_NAMES))
def test_mxnet_finds_each_name(name):
    assert ask(np, name) is not None


def test_what_nobody_has_is_missing_for_mxnet_as_well():
    with pytest.raises(AttributeError, match="module 'numpy' has no attribute 'no_such_name'"):
        ask(np, "no_such_name")


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("alltrue", ([[1, 0], [1, 1]], 0), [True, False]),
        ("sometrue", ([[1, 0], [0, 0]], 1), [True, False]),
        ("product", ([2, 3],), 6),
        ("round_", (2.46, 1), 2.5),
        ("row_stack", (([1, 2], [3, 4]),), [[1, 2], [3, 4]]),
        ("msort", ([[3, 1], [2, 5]],), [[2, 1], [3, 5]]),
        ("in1d", ([[1, 2], [3, 4]], [2, 3]), [False, True, True, False]),
        ("trapz", ([1, 2, 3],), 4),
    ],
)
def test_functions_do_what_those_of_the_old_names_did(name, arguments, result):
    np.testing.assert_array_equal(OLD_NAMES[name](*arguments), result)


def test_functions_are_not_those_of_the_new_names():
    """MXNet's table of NumPy's functions would give both names one entry, the wrong one."""
    values = [value for value in OLD_NAMES.values() if inspect.isfunction(value)]
    assert not {id(value) for value in values} & {id(value) for value in vars(np).values()}
    array = mx.np.array([[0.0, 1.0]])
    assert isinstance(np.any(array), mx.np.ndarray)


def test_mxnets_functions_that_need_old_names_work():
    padded = mx.np.pad(mx.np.ones((1, 1)), ((0, 0), (1, 1)), mode="constant")  # compat.basestring
    np.testing.assert_array_equal(padded.asnumpy(), [[0, 1, 0]])
    handler = mx.gluon.contrib.estimator.EarlyStoppingHandler(mx.metric.Loss(), mode="min")
    handler.train_begin(None)
    assert handler.best == np.inf  # Inf
    assert (mx.np.array([1.0]) > 0).dtype == np.bool_  # bool


def test_a_sparse_matrix_of_scipys_is_taken_without_a_warning():
    matrix = scipy.sparse.csr_matrix(np.eye(3, dtype="float32"))
    array = mx.nd.sparse.array(matrix)
    assert array.stype == "csr"
    np.testing.assert_array_equal(array.asnumpy(), np.eye(3))


@pytest.mark.parametrize(
    ("lower", "higher"),
    [("1.6.0", "1.21.0"), ("1.17", "1.26.4"), ("1.17", "2.5.5"), ("1.9", "1.10")],
)
def test_versions_compare_as_those_of_distutils_do(lower, higher):
    assert old_names._Version(lower) < old_names._Version(higher)
    assert old_names._Version(lower) >= old_names._Version(lower)
    assert old_names._Version("1.21.0rc1") >= old_names._Version("1.21")
