"""The convolutional pair drops into the same VAE, and everything else stays."""

import copy
import pickle

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd
from mxnet.gluon import nn
from scipy.signal import convolve2d, correlate2d

from vae_gluon import VAE, conv_decoder, conv_encoder


@pytest.fixture
def net():
    net = VAE(n_latent=3, encoder=conv_encoder(3, 16), decoder=conv_decoder(3, 16))
    net.initialize(mx.init.Xavier())
    return net


@pytest.mark.parametrize(("n", "hybridized"), [(1, False), (12, True)])
def test_shapes_are_those_of_any_vae_and_every_parameter_is_trained(net, images, n, hybridized):
    net.hybridize(hybridized)
    with autograd.record():
        loss = net(images[:n])
    loss.backward()
    assert loss.shape == net.kl_loss.shape == (n,)
    assert net.mu.shape == (n, 3)
    assert net.output.shape == (n, 784)
    assert [array.shape for array in net.encode(images[:n])] == [(n, 3)] * 2
    assert net.decode(net.mu).shape == net.decoder(net.mu).shape == (n, 784)
    for parameter in net.collect_params().values():
        assert abs(parameter.grad().asnumpy()).max() > 0, parameter.name


def weights(layer):
    return (array.data().asnumpy().astype(float) for array in (layer.weight, layer.bias))


def dense(layer, h):
    weight, bias = weights(layer)
    return weight @ h.ravel() + bias


def convolved(layer, h, stride):
    """A convolution of kernel 3 and padding 1, by SciPy: (C, H, W) -> (filters, _, _)."""
    weight, bias = weights(layer)
    maps = [
        sum(map(correlate2d, np.pad(h, ((0, 0), (1, 1), (1, 1))), kernels, ["valid"] * len(h)))
        for kernels in weight
    ]
    return np.stack(maps)[:, ::stride, ::stride] + bias[:, None, None]


def transposed(layer, h):
    """The transpose of one of kernel 4, stride 2 and padding 1: each pixel leaves a kernel."""
    weight, bias = weights(layer)
    apart = np.zeros((len(h), 2 * h.shape[1] - 1, 2 * h.shape[2] - 1))
    apart[:, ::2, ::2] = h
    maps = [sum(map(convolve2d, apart, kernels)) for kernels in weight.transpose(1, 0, 2, 3)]
    return np.stack(maps)[:, 1:-1, 1:-1] + bias[:, None, None]


def test_the_layers_are_those_that_scipy_computes(net, images):
    def relu(h):
        return np.maximum(h, 0)

    for parameter in net.collect_params(".*bias").values():
        parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    x = images[:1].asnumpy().astype(float)
    _, first, second, hidden, codes = net.encoder
    h = relu(convolved(second, relu(convolved(first, x.reshape(1, 28, 28), 2)), 2))
    expected = dense(codes, relu(dense(hidden, h)))
    np.testing.assert_allclose(net.encoder(images[:1]).asnumpy()[0], expected, atol=1e-5)

    z = mx.nd.array([[0.5, -1, 2]])
    hidden, wide, _, inner, outer, joined, _ = net.decoder
    h = relu(dense(wide, relu(dense(hidden, z.asnumpy().astype(float))))).reshape(64, 7, 7)
    h = convolved(joined, relu(transposed(outer, relu(transposed(inner, h)))), 1)
    np.testing.assert_allclose(net.decoder.logits(z).asnumpy()[0], h.ravel(), atol=1e-5)


def test_one_half_can_be_given_alone_and_needs_logits(images):
    net = VAE(n_hidden=8, n_latent=3, encoder=conv_encoder(3, 16))
    net.initialize()
    assert net(images).shape == (12,)
    net = VAE(n_hidden=8, decoder=nn.HybridSequential())
    net.initialize()
    with pytest.raises(AttributeError, match="'HybridSequential' object has no attribute 'logits'"):
        net(images)


def test_copies_of_the_net_do_what_it_does(net, images):
    expected = net.decode(net.encode(images)[0]).asnumpy()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.decode(other.encode(images)[0]).asnumpy(), expected)
