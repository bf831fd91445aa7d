"""The VAE: the tutorial's numbers, any batch size, hybridized or not."""

import re

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from tutorial import TutorialVAE

from vae_gluon import VAE, Decoder, seed

SIZES = {"n_hidden": 32, "n_latent": 3, "n_layers": 2, "n_output": 784}

both_ways = pytest.mark.parametrize("hybridize", [False, True])


@pytest.mark.parametrize(("hybridize", "save"), [(False, "save_params"), (True, "save_parameters")])
def test_weights_loss_and_gradients_are_the_tutorials(images, tmp_path, hybridize, save):
    nets = TutorialVAE(**SIZES, batch_size=12), VAE(**SIZES)
    losses = []
    for net in nets:
        mx.random.seed(1)
        net.initialize(mx.init.Xavier())
        net.hybridize()
        net(images)  # a tutorial net has no parameters before its first call
        net.hybridize(hybridize)
        mx.random.seed(5)
        with autograd.record():
            loss = net(images)
        loss.backward()
        losses.append(loss.asnumpy())
    # The same formula summed in another order, in float32.
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    getattr(nets[0], save)(str(tmp_path / "net.params"))
    loaded = VAE(**SIZES)
    loaded.load_parameters(str(tmp_path / "net.params"))
    parameters = [net.collect_params().values() for net in (*nets, loaded)]
    for their, our, read in zip(*parameters):
        np.testing.assert_array_equal(our.data().asnumpy(), their.data().asnumpy())
        np.testing.assert_array_equal(read.data().asnumpy(), their.data().asnumpy())
        expected = their.grad().asnumpy()
        np.testing.assert_allclose(our.grad().asnumpy(), expected, atol=1e-4 * abs(expected).max())


def test_gradient_is_that_of_finite_differences():
    net = VAE(n_hidden=3, n_latent=2, n_layers=1, n_output=4, act_type="tanh")
    net.initialize(mx.init.Xavier())
    net.cast("float64")
    x = nd.random.uniform(shape=(4, 4), dtype="float64")

    def loss():
        mx.random.seed(3)
        return net(x).sum()

    with autograd.record():
        total = loss()
    total.backward()
    for parameter in net.collect_params().values():
        value, gradient = parameter.data().asnumpy(), parameter.grad().asnumpy().copy()
        step = 1e-5
        for index in np.ndindex(value.shape):
            shifted = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                parameter.set_data(nd.array(moved, dtype="float64"))
                shifted.append(loss().asscalar())
            parameter.set_data(nd.array(value, dtype="float64"))
            slope = (shifted[0] - shifted[1]) / (2 * step)
            # softrelu is good to 2e-6, which 4 pixels and 1 / step would blow up in
            # float32; in float64 the truncation error of order step**2 is left.
            assert gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@both_ways
def test_any_batch_size_changing_from_call_to_call(net, hybridize):
    net.hybridize(hybridize)
    for n in (5, 1, 128, 5):
        x = nd.random.uniform(shape=(n, 784))
        assert net(x).shape == (n,)
        assert net.mu.shape == (n, 2)
        assert net.output.shape == (n, 784)


@both_ways
def test_mu_and_output_are_those_of_the_last_call(net, images, hybridize):
    net.hybridize(hybridize, static_alloc=True)
    assert net.mu is net.output is net.kl_loss is None
    net(images)
    first = net.mu
    expected = first.asnumpy().copy()
    np.testing.assert_allclose(expected, net.encode(images)[0].asnumpy(), rtol=1e-5, atol=1e-6)
    assert 0 <= net.output.min().asscalar() <= net.output.max().asscalar() <= 1
    net(1 - images)
    assert abs(net.mu.asnumpy() - expected).max() > 1e-3
    np.testing.assert_array_equal(first.asnumpy(), expected)  # a kept array is not overwritten


@both_ways
def test_gradients_flow_through_mu_and_output(net, images, hybridize):
    net.hybridize(hybridize)
    for name in ("mu", "output"):
        with autograd.record():
            net(images)
            total = getattr(net, name).square().sum()
        total.backward()
        assert abs(net.encoder[0].weight.grad()).sum().asscalar() > 0


@both_ways
def test_encoder_and_decoder_can_be_called_by_themselves(net, images, hybridize):
    net.hybridize(hybridize)
    mu, lv = net.encode(images)
    np.testing.assert_array_equal(
        net.encoder(images).asnumpy(), np.concatenate([mu.asnumpy(), lv.asnumpy()], axis=1)
    )
    y, logits = net.decoder(mu), net.decoder.logits(mu)
    np.testing.assert_array_equal(y.asnumpy(), net.decode(mu).asnumpy())
    np.testing.assert_allclose(y.asnumpy(), 1 / (1 + np.exp(-logits.asnumpy())), rtol=1e-5)


def test_loss_stays_finite_and_alive_where_the_tutorials_saturates(net):
    last = net.decoder[1]
    last.weight.set_data(nd.zeros_like(last.weight.data()))
    last.bias.set_data(nd.full(784, 40))  # black everywhere, the images white
    with autograd.record():
        loss = net(nd.zeros((2, 784)))
    loss.backward()
    assert loss.asnumpy() == pytest.approx(784 * 40, rel=1e-3)
    np.testing.assert_allclose(last.bias.grad().asnumpy(), 2, rtol=1e-6)  # two images, 1 each


@pytest.mark.parametrize("shape", [(5, 783), (784,), (5, 1, 28, 28)])
def test_images_of_another_shape_are_refused(net, shape):
    message = re.escape(f"images: expected an array of shape (N, 784), got {shape}")
    for call in (net, net.encode):
        with pytest.raises(ValueError, match=f"^{message}$"):
            call(nd.zeros(shape))
    with pytest.raises(ValueError, match=r"codes: expected .* shape \(N, 2\), got \(5, 3\)"):
        net.decode(nd.zeros((5, 3)))


@pytest.mark.parametrize("name", ["n_hidden", "n_latent", "n_output", "n_samples"])
def test_sizes_that_are_not_positive_integers_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} to be an integer of at least 1, got 0"):
        VAE(**{name: 0})


def test_activation_is_that_of_all_hidden_layers():
    net = VAE(n_layers=2, act_type="tanh")
    layers = [*net.encoder, *net.decoder]
    names = [layer.act and layer.act._act_type for layer in layers]
    assert names == ["tanh", "tanh", None, "tanh", "tanh", None]


@pytest.mark.parametrize(("n_layers", "n_latent"), [(0, 2), (1, 1), (3, 20)])
def test_any_depth_and_latent_size(images, n_layers, n_latent):
    net = VAE(n_hidden=8, n_latent=n_latent, n_layers=n_layers, batch_size=100)  # not needed
    net.initialize()
    assert net(images).shape == (12,)
    assert net.batch_size == 100
    assert net.mu.shape == (12, n_latent)
    assert len(net.collect_params().keys()) == 4 * (n_layers + 1)


@pytest.mark.filterwarnings("ignore:Cannot decide type")  # MXNet's, of each block it imports
def test_the_graph_that_gluon_exports_takes_any_batch_size(net, images, tmp_path):
    net.hybridize()
    net(images)
    path = str(tmp_path / "vae")
    net.export(path)
    loaded = gluon.SymbolBlock.imports(f"{path}-symbol.json", ["data"], f"{path}-0000.params")
    for n in (12, 1):
        mx.random.seed(4)
        loss, mu, logits, kl = loaded(images[:n])
        mx.random.seed(4)
        pairs = [(loss, net(images[:n])), (mu, net.mu), (nd.sigmoid(logits), net.output)]
        for theirs, ours in [*pairs, (kl, net.kl_loss)]:
            np.testing.assert_allclose(theirs.asnumpy(), ours.asnumpy(), rtol=1e-5, atol=1e-6)


def test_within_another_graph_the_net_is_its_loss(net, images):
    loss = net(mx.sym.var("x"))
    assert loss.infer_shape(x=(12, 784))[1] == [(12,)]
    parameters = {p.name: p.data() for p in net.collect_params().values()}
    seed(4)
    found = loss.eval(ctx=mx.cpu(), x=images, **parameters)[0].asnumpy()
    seed(4)
    np.testing.assert_allclose(found, net(images).asnumpy(), rtol=1e-5)


@both_ways
def test_arrays_of_another_type_are_refused(net, hybridize):
    net.hybridize(hybridize)
    message = r"type float32, got float64; \.astype\('float32'\) converts it"
    for call, width in ((net, 784), (net.encode, 784), (net.decode, 2)):
        with pytest.raises(ValueError, match=message):
            call(mx.nd.zeros((3, width), dtype="float64"))
    assert net(mx.nd.zeros((3, 784))).shape == (3,)  # it works as before


# Blocks of a user's


class GaussianNLL(gluon.HybridBlock):
    """Pixels with a variance of 0.01 around a sigmoid; no subclass of the package's."""

    def hybrid_forward(self, F, logits, x):
        return 50 * F.sum(F.square(x - F.sigmoid(logits)), axis=1)


class LaplaceKL(gluon.HybridBlock):
    def hybrid_forward(self, F, mu, lv):
        return F.sum(F.abs(mu) + F.exp(lv) - lv, axis=1)


@both_ways
@pytest.mark.parametrize("n_samples", [1, 3])
def test_any_blocks_measure_the_reconstruction_and_the_codes(images, hybridize, n_samples):
    net = VAE(n_hidden=16, n_samples=n_samples, nll=GaussianNLL(), kl=LaplaceKL())
    net.initialize(mx.init.Xavier())
    net.hybridize(hybridize)
    mx.random.seed(3)
    loss = net(images).asnumpy()
    mu, lv = net.encode(images)
    mx.random.seed(3)
    eps = nd.random.normal(shape=(12 * n_samples, 2))
    mus, lvs, xs = (nd.repeat(array, n_samples, axis=0) for array in (mu, lv, images))
    y = net.decode(mus + nd.exp(lvs / 2) * eps)
    nll = (50 * (xs - y) ** 2).sum(axis=1).reshape((12, n_samples)).mean(axis=1)
    kl = (mu.abs() + lv.exp() - lv).sum(axis=1)
    np.testing.assert_allclose(loss, (nll + kl).asnumpy(), rtol=1e-5)
    np.testing.assert_allclose(net.kl_loss.asnumpy(), kl.asnumpy(), rtol=1e-5)
    first = y.reshape((12, n_samples, 784))[:, 0]
    np.testing.assert_allclose(net.output.asnumpy(), first.asnumpy(), rtol=1e-4)


def test_the_decoder_says_what_the_means_of_the_pixels_are(images):
    class Linear(Decoder):
        def mean(self, logits):
            return logits

    net = VAE(decoder=Linear(), nll=GaussianNLL())
    net.decoder.add(nn.Dense(784, in_units=2))
    net.initialize(mx.init.Xavier())
    mx.random.seed(3)
    net(images)
    mx.random.seed(3)
    z = net.sampler(*net.encode(images))
    for means in (net.output, net.decode(z)):
        np.testing.assert_array_equal(means.asnumpy(), net.decoder[0](z).asnumpy())


def linear(n_output):
    decoder = Decoder()
    decoder.add(nn.Dense(n_output))
    return decoder


FIRST = nn.HybridLambda(lambda F, a, b: F.slice_axis(a, axis=1, begin=0, end=1))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"encoder": nn.Dense(6), "decoder": linear(784)}, r"mu: .*\(12, 2\), got \(12, 3\)"),
        ({"decoder": linear(700), "nll": FIRST}, r"decoder's logits: .* 784\), got \(12, 700\)"),
        ({"nll": FIRST, "kl": FIRST}, r"the loss: .* \(12,\), got \(12, 1\)"),
        ({"nll": gluon.loss.L2Loss(batch_axis=1)}, "[Ss]hape"),  # MXNet's own error
    ],
)
def test_blocks_that_do_not_fit_are_named_at_the_first_call(images, blocks, message):
    net = VAE(n_hidden=8, **blocks)
    net.initialize()
    with pytest.raises((ValueError, mx.base.MXNetError), match=message):
        net(images)
