"""mxnet can be imported beside any NumPy, in whatever order, and nobody else sees how."""

import inspect
import subprocess
import sys

import mxnet as mx
import numpy as np
import pytest
import scipy.sparse

from vae_gluon.mxnet_today import old_names
from vae_gluon.mxnet_today.old_names import OLD_NAMES

# After an import of mxnet that failed halfway, where NumPy is too new for it.
IMPORT = """
import sys, types, warnings, numpy, pandas
def look():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that this numpy still has
        return [name for name in NAMES if hasattr(numpy, name)]
before = look()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NumPy warns of names that mxnet asks for
    try:
        import mxnet
    except (AttributeError, ImportError):
        sys.modules["mxnet.base"] = types.ModuleType("mxnet.base")
import vae_gluon, vae_gluon.command.cli
assert look() == before  # by its names others tell numpy's versions apart
assert sys.version_info < (3, 12) or "distutils" not in sys.modules
assert "plotting" in dir(vae_gluon) and "matplotlib" not in sys.modules  # it takes its time
assert vae_gluon.plotting.plot_elbo and "matplotlib" in sys.modules
from vae_gluon import VAE, make_digits, mnist_iterators, train
history = train(VAE(16), *mnist_iterators(make_digits(200, 100)), epochs=1, progress=False)
assert 0 < history.val[0] < 600
"""


def test_training_works_whatever_was_imported_first_and_nothing_is_said_or_seen(strict):
    code = f"NAMES = {sorted(OLD_NAMES)}{IMPORT}"
    done = subprocess.run([sys.executable, *strict, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr


# Code of MXNet's, as far as NumPy can tell.
ask = eval("lambda numpy, name: getattr(numpy, name)", {"__name__": "mxnet.test_utils"})


def test_mxnet_finds_each_name_and_no_other():
    assert all(ask(np, name) is not None for name in OLD_NAMES)
    with pytest.raises(AttributeError, match="module 'numpy' has no attribute 'no_such_name'"):
        ask(np, "no_such_name")


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("alltrue", ([[1, 0], [1, 1]], 0), [True, False]),
        ("sometrue", ([[1, 0], [0, 0]], 1), [True, False]),
        ("product", ([2, 3],), 6),
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
    array = mx.nd.sparse.array(scipy.sparse.csr_matrix(np.eye(3, dtype="float32")))
    assert array.stype == "csr"
    np.testing.assert_array_equal(array.asnumpy(), np.eye(3))


@pytest.mark.parametrize(("lower", "higher"), [("1.6.0", "1.21.0"), ("1.17", "2.5.5")])
def test_versions_compare_as_those_of_distutils_do(lower, higher):
    assert old_names._version(lower) < old_names._version(higher)
    assert old_names._version(lower) >= old_names._version(lower)
