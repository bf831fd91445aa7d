"""The context is found by itself, and seeds make runs repeat."""

import mxnet as mx
import numpy as np
import pytest

import vae_gluon
from vae_gluon.model import contexts_of, default_context, gpu_exists


def test_context_is_the_gpu_if_there_is_one():
    assert default_context() == (mx.gpu(0) if mx.context.num_gpus() else mx.cpu())
    assert gpu_exists() == (default_context().device_type == "gpu")


def test_gpu_that_cannot_be_used_does_not_count(monkeypatch):
    class Late:
        def wait_to_read(self):
            raise mx.base.MXNetError("CUDA: out of memory")

    def fail(*args, **kwargs):
        raise mx.base.MXNetError("CUDA: no kernel image is available")

    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    for zeros in (fail, lambda shape, ctx: Late()):  # at once, or when its result is awaited
        monkeypatch.setattr(mx.nd, "zeros", zeros)
        assert not gpu_exists()
    monkeypatch.setattr(mx.nd, "zeros", lambda shape, ctx: {mx.gpu(0): mx.nd.ones(shape)}[ctx])
    assert default_context() == mx.gpu(0)
    monkeypatch.setattr(mx.context, "num_gpus", fail)
    assert default_context() == mx.cpu()


def test_contexts_of_a_net_are_where_its_parameters_are(net):
    assert contexts_of(net) == [mx.cpu()]
    net.collect_params().reset_ctx([mx.cpu(1), mx.cpu(0)])
    assert contexts_of(net) == [mx.cpu(1), mx.cpu(0)]
    with pytest.raises(ValueError, match="HybridSequential has no parameters yet"):
        contexts_of(mx.gluon.nn.HybridSequential())


def draw(seed):
    vae_gluon.seed(seed)
    return mx.nd.random.normal(shape=(5,)).asnumpy().tolist(), np.random.rand(5).tolist()


def test_seed_repeats_both_generators():
    first, other = draw(3), draw(4)
    assert draw(3) == draw(np.int64(3)) == first
    assert other[0] != first[0]
    assert other[1] != first[1]


@pytest.mark.parametrize("number", [-1, 2**31, 1.5, None, True])
def test_seeds_that_mxnet_cannot_take_are_refused(number):
    with pytest.raises(ValueError, match=f"expected .*(least 0|below 2147483648), got {number}"):
        vae_gluon.seed(number)


def test_integers_of_numpy_are_integers():
    assert vae_gluon.VAE(n_hidden=np.int32(5), n_latent=np.uint8(2)).n_latent == 2
    train_iter, _ = vae_gluon.mnist_iterators(vae_gluon.make_digits(10, 10), np.int64(5))
    assert train_iter.batch_size == 5
