"""The likelihood against integrals over the latent plane, and its bounds in their order."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon, nd
from scipy import stats
from scipy.special import logsumexp

import vae_gluon
from vae_gluon import VAE, active_units, elbo, log_likelihood, mnist_iterators, train
from vae_gluon.inference import likelihood
from vae_gluon.model import parameter_arrays, set_parameters

STEPS = np.linspace(-7, 7, 176)  # 0.08 apart: the narrowest posterior here is 0.17 wide


@pytest.fixture(scope="module")
def trained(digits):
    """A net of two latent dimensions that knows the digits a little."""
    vae_gluon.seed(1)
    net = VAE(n_hidden=32, n_latent=2)
    net.hybridize()
    train(net, *mnist_iterators(digits), epochs=60, progress=False)
    return net


@pytest.fixture(scope="module")
def exact(trained, digits):
    """log p(x) of the first 20 images."""
    return integrated(trained, first(digits))


def integrated(net, images):
    """Integrate p(x | z) p(z) over the latent plane in float64: log p(x)."""
    parts = []
    for second in STEPS:
        z = np.stack([STEPS, np.full_like(STEPS, second)], axis=1)
        logits = z
        for layer in net.decoder:
            weight, bias = (p.data().asnumpy().astype(float) for p in (layer.weight, layer.bias))
            logits = logits @ weight.T + bias
            logits = np.maximum(logits, 0) if layer.act else logits
        log_p_x_z = images @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # (N, n)
        parts.append(log_p_x_z + stats.norm.logpdf(z).sum(axis=1))
    return logsumexp(np.concatenate(parts, axis=1), axis=1) + 2 * np.log(STEPS[1] - STEPS[0])


def first(digits, n=20):
    return digits["test_data"][:n].reshape(n, -1)


def test_the_bound_is_the_integral_where_q_is_near_the_posterior():
    net = VAE(n_hidden=16, n_output=5)  # five pixels say little: the posterior is wide
    net.initialize(mx.init.Xavier(magnitude=6))
    images = np.random.uniform(0, 1, (20, 5)).astype("float32")
    bound = log_likelihood(net, images, k=10_000, progress=False)
    # The weights differ by a factor of about e: the error is 1 / sqrt(10,000), more for a few.
    error = bound - integrated(net, images)
    assert np.sqrt(np.mean(error**2)) < 0.03
    assert abs(error).max() < 0.15


def test_the_bound_is_the_integral_on_a_trained_net(trained, digits, exact):
    bound = log_likelihood(trained, first(digits), k=5000, progress=False)
    # Where q misses a part of the posterior the bound falls short, by up to 1.2 nats in four
    # seeds that were tried; it is 0.01 off for half of the images, and at most 0.1 above.
    assert abs(np.median(bound - exact)) < 0.05
    assert (bound - exact).min() > -2
    assert (bound - exact).max() < 0.3


def test_the_bound_rises_with_k_and_not_beyond_the_integral(trained, digits, exact):
    means = []
    for k in (1, 10, 100):
        bounds = [log_likelihood(trained, first(digits), k, progress=False) for _ in range(10)]
        means.append(np.mean(bounds))
        # The standard error of the mean over the ten draws.
        error = np.std(np.mean(bounds, axis=1)) / np.sqrt(10)
        assert means[-1] < exact.mean() + 3 * error
    assert means == sorted(means)


def test_with_one_sample_the_bound_is_the_elbo(trained, digits):
    images = np.repeat(first(digits, 2), 2000, axis=0)
    bound = log_likelihood(trained, images, k=1, progress=False)
    assert bound.mean() == pytest.approx(elbo(trained, images).elbo, abs=5 * bound.std() / 63)


def test_the_elbo_falls_into_its_halves(trained, digits):
    mx.random.seed(5)
    terms = elbo(trained, digits["test_data"])
    assert terms.elbo == pytest.approx(-terms.reconstruction - terms.kl)
    mu, lv = (array.astype(float) for array in vae_gluon.encode(trained, digits["test_data"]))
    kl = 0.5 * (np.exp(lv) + mu**2 - 1 - lv).sum(axis=1).mean()
    assert terms.kl == pytest.approx(kl, rel=1e-5)
    mx.random.seed(5)
    x = digits["test_data"].reshape(200, -1).astype(float)
    y = vae_gluon.reconstruct(trained, x)
    cross_entropy = -(x * np.log(y) + (1 - x) * np.log1p(-y)).sum(axis=1).mean()
    assert terms.reconstruction == pytest.approx(cross_entropy, rel=1e-5)


def test_the_measures_are_by_the_nets_own_nll_and_kl(trained, digits):
    class Halved(gluon.HybridBlock):
        def hybrid_forward(self, F, first, second):
            return 0.5 * self.whole(first, second)

    net = VAE(n_hidden=32, nll=Halved(), kl=Halved())
    net.nll.whole, net.kl.whole = trained.nll, trained.kl
    set_parameters(net, parameter_arrays(trained))
    results = []
    for either in (trained, net):
        mx.random.seed(5)
        results.append(elbo(either, first(digits)))
    np.testing.assert_allclose(results[1], np.array(results[0]) / 2, rtol=1e-6)


def test_terms_that_overflow_are_named_in_the_error(net, digits):
    net.encoder[1].bias.data()[2:] = 200  # the log variance: exp(200) is infinite
    with pytest.raises(FloatingPointError, match=r"expected finite numbers, got (inf|nan)"):
        elbo(net, digits["test_data"][:5])


@pytest.mark.parametrize("k", [1, 2000, 2001])
def test_k_is_divided_without_rest(digits, k):
    drawn = []

    class Counted(gluon.HybridBlock):
        def forward(self, logits, x):
            drawn.append(len(logits))
            return nd.zeros(len(logits))

    net = VAE(n_hidden=8, nll=Counted())
    net.initialize()
    net.encode(nd.array(first(digits)))
    drawn.clear()  # the check of the first call
    assert log_likelihood(net, first(digits), k, progress=False).shape == (20,)
    assert sum(drawn) == 20 * k
    assert max(drawn) <= likelihood.ROWS


def test_a_bar_counts_images(trained, digits, terminal):
    log_likelihood(trained, first(digits), k=10)
    assert "20/20" in terminal.readouterr().err
    log_likelihood(trained, first(digits), k=10, progress=False)
    assert terminal.readouterr().err == ""


def test_units_that_do_not_move_with_the_data_are_not_active(digits):
    net = VAE(n_hidden=8, n_latent=4)
    net.initialize(mx.init.Xavier())
    weight, bias = net.encoder[1].weight.data(), net.encoder[1].bias.data()
    weight[1] = 0  # the mean of the second code is 3 whatever the image
    bias[1] = 3
    weight[2] *= 0.01
    count, variances = active_units(net, digits["test_data"])
    mu, _ = vae_gluon.encode(net, digits["test_data"])
    np.testing.assert_allclose(variances, np.var(mu.astype(float), axis=0), rtol=1e-5)
    assert variances[1] == 0
    assert count == sum(variances > 0.01) <= 3


def test_wrong_pixels_and_numbers_are_refused(trained, digits):
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\], got from 2.0 to 2.0"):
        elbo(trained, np.full((2, 784), 2.0))
    with pytest.raises(ValueError, match="expected k to be an integer of at least 1, got 0"):
        log_likelihood(trained, first(digits), 0)
