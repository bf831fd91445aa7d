"""Adam without denormal numbers: MXNet's weights to the last bit, at one speed."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon

from vae_gluon.training.adam import SWEEP_EVERY, Adam

SMALLEST_NORMAL = np.finfo(np.float32).tiny


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


def denormals(array):
    array = np.abs(array.asnumpy())
    return ((array > 0) & (array < SMALLEST_NORMAL)).sum()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": 0.1},
        {"beta1": 0.5},
        {"beta2": 0.9},
        {"epsilon": 1e-3},
        {"wd": 0.01},
        {"rescale_grad": 0.01},
        {"clip_gradient": 0.5},
        {"lazy_update": False},
    ],
    ids=str,
)
def test_weights_are_those_of_mxnets_adam_to_the_last_bit(settings):
    ours, _ = run(Adam(**settings), steps=40)
    theirs, _ = run(mx.optimizer.Adam(**settings), steps=40)
    assert (ours == theirs).all()


def test_weights_stay_the_same_after_moments_have_faded():
    ours, states = run(Adam(), steps=1800)
    theirs, their_states = run(mx.optimizer.Adam(), steps=1800)
    assert (ours == theirs).all()
    assert denormals(their_states[0]) == 600  # or there would be nothing to prevent
    assert denormals(states[0]) == 0


def test_no_moment_is_ever_denormal():
    adam = Adam(beta2=0.9)
    weight = mx.nd.ones((1,))
    updater = mx.optimizer.get_updater(adam)
    updater(0, mx.nd.ones((1,)), weight)
    for _ in range(8 * SWEEP_EVERY):
        updater(0, mx.nd.zeros((1,)), weight)
        assert denormals(updater.states[0][0]) == 0


def test_second_moments_are_swept_too():
    gradients = [mx.nd.array([4900, 6000])] + [mx.nd.zeros((2,))] * (SWEEP_EVERY - 1)
    variances = []
    for adam in (Adam(beta2=0.5), mx.optimizer.Adam(beta2=0.5)):
        updater, weight = mx.optimizer.get_updater(adam), mx.nd.zeros((2,))
        for gradient in gradients:
            updater(0, gradient, weight)
        variances.append(updater.states[0][1].asnumpy())
    ours, theirs = variances
    assert 1.2e-38 < theirs[0] < 2e-38 < theirs[1]  # the limit is between the two
    assert ours.tolist() == [0, theirs[1]]


def test_half_precision_keeps_its_master_weights():
    settings = {"multi_precision": True}
    ours, _ = run(Adam(**settings), steps=200, dtype="float16")
    theirs, _ = run(mx.optimizer.Adam(**settings), steps=200, dtype="float16")
    assert (ours == theirs).all()


def test_trainer_takes_it_and_keeps_its_state(tmp_path):
    def make():
        mx.random.seed(1)
        net = gluon.nn.Dense(3, in_units=4)
        net.initialize()
        return net, gluon.Trainer(net.collect_params(), Adam(learning_rate=0.01))

    def step(net, trainer, times):
        for _ in range(times):
            with mx.autograd.record():
                loss = net(mx.nd.ones((5, 4))).square().sum()
            loss.backward()
            trainer.step(5)

    net, trainer = make()
    step(net, trainer, 3)
    trainer.save_states(str(tmp_path / "states"))
    net.save_parameters(str(tmp_path / "params"))
    step(net, trainer, 3)
    again, its_trainer = make()
    again.load_parameters(str(tmp_path / "params"))
    its_trainer.load_states(str(tmp_path / "states"))
    step(again, its_trainer, 3)
    assert (again.weight.data() == net.weight.data()).asnumpy().all()
