"""Adam without denormal numbers: MXNet's weights to the last bit, at one speed."""

import pickle
import platform

import mxnet as mx
import numpy as np
import pytest
from plain_nets import parameters

from vae_gluon import VAE, mnist_iterators, seed, train
from vae_gluon.training import adam, adam_loop
from vae_gluon.training.adam import COMPILE_AFTER, SWEEP_EVERY, Adam

SMALLEST_NORMAL = np.finfo(np.float32).tiny
SETTINGS = [
    {},
    {"learning_rate": 0.1},
    {"beta1": 0.5, "beta2": 0.9},
    {"epsilon": 1e-3},
    {"wd": 0.01},
    {"rescale_grad": 0.01},
]


def run(optimizer, steps, fades_after=3, dtype="float32"):
    """Update a parameter, half of it without a gradient after some steps; return all it holds."""
    rng = np.random.RandomState(0)
    weight = mx.nd.array(rng.normal(0, 0.1, (40, 30)), dtype=dtype)
    updater = mx.optimizer.get_updater(optimizer)
    for step in range(steps):
        gradient = rng.normal(0, 1, weight.shape)
        if step >= fades_after:
            gradient[:20] = 0
        updater(0, mx.nd.array(gradient, dtype=dtype), weight)
    return weight.asnumpy(), updater.states[0]


def test_the_loop_is_given_the_numbers_that_operators_read():
    """Of 0.00005 MXNet reads another number than the nearest of single precision."""
    numbers = [*10 ** np.random.RandomState(1).uniform(-12, 1, 200), 0.0, 1.0, 0.001, 1e-8, 1e-16]
    read = []
    for number in numbers:
        weight, gradient = mx.nd.zeros(1), -mx.nd.ones(1)
        mx.nd.sgd_update(weight, gradient, out=weight, lr=float(number))
        read.append(weight.asscalar())
    assert [adam_loop.as_operators_read(number) for number in numbers] == read
    assert read != [np.float32(number) for number in numbers]


def denormals(array):
    array = np.abs(array.asnumpy())
    return ((array > 0) & (array < SMALLEST_NORMAL)).sum()


@pytest.mark.parametrize(
    "settings",
    [*SETTINGS, {"clip_gradient": 0.5}, {"lazy_update": False}, {"multi_precision": True}],
    ids=str,
)
def test_weights_are_those_of_mxnets_adam_to_the_last_bit(settings):
    dtype = "float16" if "multi_precision" in settings else "float32"
    ours, _ = run(Adam(**settings), 40, dtype=dtype)
    theirs, _ = run(mx.optimizer.Adam(**settings), 40, dtype=dtype)
    assert (ours == theirs).all()


def test_weights_stay_the_same_after_moments_have_faded():
    ours, states = run(Adam(), steps=1200)
    theirs, their_states = run(mx.optimizer.Adam(), steps=1200)
    assert (ours == theirs).all()
    assert denormals(their_states[0]) == 600  # or there would be nothing to prevent
    assert denormals(states[0]) == 0


def test_second_moments_are_swept_too():
    gradients = [mx.nd.array([4900, 6000])] + [mx.nd.zeros((2,))] * (SWEEP_EVERY - 1)
    variances = []
    for optimizer in (Adam(beta2=0.5), mx.optimizer.Adam(beta2=0.5)):
        updater, weight = mx.optimizer.get_updater(optimizer), mx.nd.zeros((2,))
        for gradient in gradients:
            updater(0, gradient, weight)
        variances.append(updater.states[0][1].asnumpy())
    ours, theirs = variances
    assert 1.2e-38 < theirs[0] < 2e-38 < theirs[1]  # the limit is between the two
    assert ours.tolist() == [0, theirs[1]]


# The compiled loop


@pytest.fixture
def calls(monkeypatch):
    """The updates by the compiled loop: the settings of each."""
    pytest.importorskip("numba")
    if platform.machine() != "x86_64":
        pytest.skip("the loop is for x86-64")
    assert adam_loop.compilation().result()
    calls, call = [], adam_loop.AdamLoop.__call__

    def count(loop, **settings):
        calls.append(settings)
        call(loop, **settings)

    monkeypatch.setattr(adam_loop.AdamLoop, "__call__", count)
    return calls


def everything(weight, moments):
    """The bytes of a weight and its moments, which tell 0 from -0."""
    return weight.tobytes() + b"".join(moment.asnumpy().tobytes() for moment in moments)


def without_loop(monkeypatch):
    monkeypatch.setattr(adam, "make_loop", lambda arrays: None)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_loop_gives_the_operators_bits(calls, monkeypatch, settings):
    steps = SWEEP_EVERY + 10
    ours = run(Adam(**settings), steps)
    assert len(calls) == steps - COMPILE_AFTER
    without_loop(monkeypatch)
    assert everything(*ours) == everything(*run(Adam(**settings), steps))


def test_numbers_that_are_not_finite_are_the_operators_too(calls, monkeypatch):
    gradients = [1e30, -1e30, np.inf, np.nan, -0.0, 1e-40, 0, 1]

    def update():
        updater = mx.optimizer.get_updater(Adam(begin_num_update=COMPILE_AFTER))
        weight = mx.nd.arange(8)
        for _ in range(3):
            updater(0, mx.nd.array(gradients), weight)
        return np.stack([weight.asnumpy(), *(moment.asnumpy() for moment in updater.states[0])])

    ours = update()
    assert len(calls) == 3
    without_loop(monkeypatch)
    np.testing.assert_array_equal(ours, update())


@pytest.mark.parametrize(
    ("settings", "shape", "dtype", "stype"),
    [
        ({"clip_gradient": 0.5}, (4, 3), "float32", "default"),
        ({}, (4, 3), "float64", "default"),
        ({}, (4, 3, 2, 2), "float32", "default"),
        ({}, (4, 3), "float32", "row_sparse"),
    ],
)
def test_other_updates_are_left_to_the_operator(calls, settings, shape, dtype, stype):
    updater = mx.optimizer.get_updater(Adam(begin_num_update=COMPILE_AFTER, **settings))
    weight = mx.nd.ones(shape, dtype=dtype)
    updater(0, mx.nd.ones(shape, dtype=dtype).tostype(stype), weight)
    assert calls == []
    step = 0.001 * (1 - 0.999**101) ** 0.5 / (1 - 0.9**101) * 0.1 / 0.001**0.5
    np.testing.assert_allclose(weight.asnumpy(), 1 - step, rtol=1e-3)


def test_a_training_gives_the_same_bits_with_and_without_it(digits, calls, monkeypatch):
    few = {name: array[:120] for name, array in digits.items()}

    def run():
        seed(1)
        net = VAE(n_hidden=16)
        train(net, *mnist_iterators(few, batch_size=1), epochs=1, progress=False)
        return b"".join(array.tobytes() for array in parameters(net))

    ours = run()
    assert len(calls) == (120 - COMPILE_AFTER) * 8
    without_loop(monkeypatch)
    assert run() == ours


def test_arrays_that_are_replaced_are_followed_and_the_optimizer_can_be_pickled(calls):
    updater = mx.optimizer.get_updater(Adam(begin_num_update=COMPILE_AFTER))
    for _ in range(2):
        weight = mx.nd.ones((2, 2))
        updater(0, mx.nd.ones((2, 2)), weight)
        assert (weight < 1).asnumpy().all()
    assert len(calls) == 2
    assert pickle.loads(pickle.dumps(updater.optimizer)).beta1 == updater.optimizer.beta1
