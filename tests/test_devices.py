"""Training on several devices is training on one: two CPU contexts stand for two GPUs."""

import re

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd

import vae_gluon
from vae_gluon import (
    VAE,
    Checkpoint,
    GaussianSampler,
    conv_decoder,
    conv_encoder,
    load_checkpoint,
    mnist_iterators,
    train,
)
from vae_gluon.model import contexts_of, read_contexts
from vae_gluon.training.seeds import seed_epoch

TWO = [mx.cpu(0), mx.cpu(1)]


class Repeatable(GaussianSampler):
    """Samples with a noise that each image brings with it, wherever it is computed."""

    def hybrid_forward(self, F, mu, lv):
        return mu + F.exp(0.5 * lv) * F.sin(3 * mu)


def make(arch="mlp"):
    vae_gluon.seed(1)
    blocks = {"encoder": conv_encoder(2, 16), "decoder": conv_decoder(2, 16)}
    net = VAE(n_hidden=16, n_latent=2, **(blocks if arch == "conv" else {}))
    net.sampler = Repeatable()
    net.initialize(mx.init.Xavier(), ctx=mx.cpu())
    return net


@pytest.mark.parametrize(("arch", "hybridized"), [("mlp", True), ("conv", False)])
def test_two_devices_take_the_steps_of_one(digits, arch, hybridized):
    nets, histories = [], []
    digits = {name: array[:100] for name, array in digits.items()}
    for ctx in (mx.cpu(), TWO):
        net = make(arch)
        if hybridized:
            net.hybridize(static_alloc=True, static_shape=True)
        iterators = mnist_iterators(digits, 32)
        histories.append(train(net, *iterators, epochs=2, progress=False, ctx=ctx))
        nets.append(net)
    assert contexts_of(nets[1]) == TWO
    for kind in ("train", "val", "train_kl", "val_kl"):
        one, two = (getattr(history, kind) for history in histories)
        np.testing.assert_allclose(two, one, rtol=1e-4)
    for alone, shared in zip(*(net.collect_params().values() for net in nets)):
        first, second = (array.asnumpy() for array in shared.list_data())
        np.testing.assert_array_equal(second, first)  # bit for bit
        np.testing.assert_allclose(first, alone.data().asnumpy(), atol=2e-3, err_msg=alone.name)


def test_batches_smaller_than_the_devices_are_many_train(digits):
    few = {name: array[:10] for name, array in digits.items()}
    one, four = (
        train(make(), *mnist_iterators(few, 7), epochs=2, progress=False, ctx=ctx)
        for ctx in (mx.cpu(), [mx.cpu(i) for i in range(4)])
    )
    np.testing.assert_allclose(four.train, one.train, rtol=1e-4)
    np.testing.assert_allclose(four.val, one.val, rtol=1e-4)


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [(None, mx.cpu(1), [mx.cpu(1)]), (None, TWO, TWO), (mx.cpu(), TWO, TWO), (TWO, None, TWO)],
)
def test_a_net_is_trained_where_it_is_asked_for_or_where_it_is(digits, before, asked, after):
    net = VAE(n_hidden=16)
    if before:
        net.initialize(ctx=before)
    train(net, *mnist_iterators(digits), epochs=1, progress=False, ctx=asked)
    assert contexts_of(net) == after
    assert vae_gluon.encode(net, digits["test_data"])[0].shape == (200, 2)


def test_a_checkpoint_goes_on_on_other_devices(digits, tmp_path):
    path = tmp_path / "run.npz"

    def go(epochs, ctx, resume=False):
        net = make()
        start = load_checkpoint(path, net)[0] if resume else None
        keep = {"seed": 1, "start": start, "callbacks": [Checkpoint(path)]}
        return train(net, *mnist_iterators(digits), epochs, progress=False, ctx=ctx, **keep).train

    whole = go(2, TWO)
    go(1, TWO)
    saved = path.read_bytes()
    assert go(2, TWO, resume=True) == whole  # on the same devices bit for bit
    path.write_bytes(saved)
    np.testing.assert_allclose(go(2, mx.cpu(), resume=True), whole, rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "contexts"), [("cpu", [mx.cpu()]), (" cpu(1) , cpu(2) ", [mx.cpu(1), mx.cpu(2)])]
)
def test_contexts_are_read_as_mxnet_writes_them(words, contexts):
    assert read_contexts(words) == contexts
    assert read_contexts(",".join(map(str, contexts))) == contexts


def test_each_worker_draws_noise_of_its_own_from_the_first_epoch_on():
    drawn = []
    for rank in (0, 1, 2):
        vae_gluon.seed(1)
        seed_epoch(1, 0, rank)
        drawn.append((nd.random.normal().asscalar(), np.random.random()))
    vae_gluon.seed(1)
    assert drawn[0] == (nd.random.normal().asscalar(), np.random.random())  # the tutorial's
    assert len({number for pair in drawn for number in pair}) == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected contexts like cpu or gpu(0),gpu(1), got ''"),
        ("cpu(-1)", "expected contexts like cpu or gpu(0),gpu(1), got 'cpu(-1)'"),
        ("cpu;gpu", "expected contexts like cpu or gpu(0),gpu(1), got 'cpu;gpu'"),
        ("gpu(99)", "MXNet cannot compute on gpu(99) here"),
    ],
)
def test_what_is_no_context_is_refused(words, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_contexts(words)
