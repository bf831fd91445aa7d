"""The two halves of the negative ELBO against integrals and float64."""

import numpy as np
import pytest
from mxnet import autograd, nd
from scipy import integrate, stats
from scipy.special import expit

from vae_gluon import BernoulliNLL, GaussianKL

GAUSSIANS = [(0.0, 0.0), (1.5, -2.0), (-0.7, 1.2), (0.1, -6.0), (3.0, 0.5)]  # mu, lv


def numerical_kl(mu, lv):
    """Integrate q log(q / p) over ten standard deviations of q."""
    sigma = np.exp(lv / 2)
    q, p = stats.norm(mu, sigma), stats.norm()
    low, high = mu - 10 * sigma, mu + 10 * sigma
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)[0]


def test_kl_is_the_integral():
    mu, lv = np.array(GAUSSIANS).T[:, :, None]
    expected = [numerical_kl(*gaussian) for gaussian in GAUSSIANS]
    # float32 carries 7 digits, the integral 8.
    np.testing.assert_allclose(GaussianKL()(nd.array(mu), nd.array(lv)).asnumpy(), expected, 1e-5)
    # It is summed over the latent axes.
    total = GaussianKL()(nd.array(mu.T), nd.array(lv.T)).asscalar()
    assert total == pytest.approx(sum(expected), rel=1e-5)


def nll_and_gradient(logits, x):
    logits = nd.array(logits)
    logits.attach_grad()
    with autograd.record():
        nll = BernoulliNLL()(logits, nd.array(x))
    nll.backward()
    return nll.asnumpy(), logits.grad.asnumpy()


def test_bernoulli_is_float64s():
    logits = np.random.normal(0, 5, (20, 784)).astype("float32")
    x = np.random.uniform(0, 1, (20, 784)).astype("float32")
    nll, gradient = nll_and_gradient(logits, x)
    exact = logits.astype(float)
    expected = -(x * np.log(expit(exact)) + (1 - x) * np.log(expit(-exact))).sum(axis=1)
    np.testing.assert_allclose(nll, expected, rtol=1e-6)  # sums of 784 terms in float32
    np.testing.assert_allclose(gradient, expit(exact) - x, atol=2e-7)  # float32's epsilon


@pytest.mark.parametrize("logit", [-100.0, -40.0, -1e-4, 0.0, 1e-4, 40.0, 100.0])
@pytest.mark.parametrize("pixel", [0.0, 0.25, 1.0])
def test_bernoulli_stays_finite_with_its_exact_gradient(logit, pixel):
    nll, gradient = nll_and_gradient([[logit]], [[pixel]])
    # log(1 + exp(l)) - x l, with the logarithm by numpy in float64.
    assert nll[0] == pytest.approx(np.logaddexp(0, logit) - pixel * logit, rel=1e-6, abs=2e-6)
    assert gradient[0, 0] == pytest.approx(expit(logit) - pixel, abs=1e-7)
