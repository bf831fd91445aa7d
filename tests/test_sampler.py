"""The sampler draws from N(mu, exp(lv)) and lets gradients through."""

import mxnet as mx
import numpy as np
from mxnet import autograd, nd
from scipy import stats

from vae_gluon import GaussianSampler

N = 100_000


def test_samples_have_the_mean_and_variance_asked_for():
    mu, lv = nd.array([[1.5, -0.5]]), nd.array([[-2.0, 1.0]])
    z = GaussianSampler()(nd.tile(mu, (N, 1)), nd.tile(lv, (N, 1))).asnumpy().astype(float)
    sigma = np.exp(lv.asnumpy()[0] / 2)
    # Five standard errors, of the mean and of the variance of a Gaussian.
    np.testing.assert_allclose(z.mean(axis=0), mu.asnumpy()[0], atol=5 * sigma.max() / N**0.5)
    np.testing.assert_allclose(z.var(axis=0), sigma**2, rtol=5 * (2 / N) ** 0.5)


def test_samples_are_gaussian_and_independent():
    z = GaussianSampler()(nd.zeros((N, 2)), nd.zeros((N, 2))).asnumpy()
    assert stats.kstest(z[:, 0], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z.T)[0, 1]) < 5 / N**0.5
    assert abs(np.corrcoef(z[1:, 0], z[:-1, 0])[0, 1]) < 5 / N**0.5


def test_gradients_are_those_of_mu_plus_sigma_eps():
    mu, lv = nd.random.normal(shape=(6, 3)), nd.random.normal(shape=(6, 3))
    mu.attach_grad()
    lv.attach_grad()
    with autograd.record():
        z = GaussianSampler()(mu, lv)
    z.backward()
    np.testing.assert_array_equal(mu.grad.asnumpy(), 1)
    # dz/dlv = sigma eps / 2 = (z - mu) / 2
    np.testing.assert_allclose(lv.grad.asnumpy(), (z - mu).asnumpy() / 2, rtol=1e-5, atol=1e-6)


def test_noise_is_the_stream_of_the_tutorials_random_normal():
    mx.random.seed(7)
    expected = nd.random_normal(loc=0, scale=1, shape=(100, 2)).asnumpy()
    mx.random.seed(7)
    z = GaussianSampler()(nd.zeros((100, 2)), nd.zeros((100, 2))).asnumpy()
    np.testing.assert_array_equal(z, expected)
