"""From a trained net to arrays, in batches; the grid against scipy."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd
from scipy import stats

from vae_gluon import (
    VAE,
    decode,
    encode,
    interpolate,
    ndtri_grid,
    principal_components,
    reconstruct,
    sample_prior,
    seed,
    traversals,
)
from vae_gluon.inference import latent


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(latent, "BATCH_SIZE", 64)  # so that 200 images make a short last batch


def test_encode_and_decode_are_the_nets_of_every_row(net, digits):
    images = digits["test_data"]
    expected = net.encode(nd.array(images.reshape(200, 784)))
    for given in (images, nd.array(images)):
        for array, theirs in zip(encode(net, given), expected):
            np.testing.assert_allclose(array, theirs.asnumpy(), rtol=1e-5, atol=1e-6)
    z = np.random.standard_normal((200, 2))
    for given in (z, nd.array(z)):
        np.testing.assert_allclose(decode(net, given), net.decode(nd.array(z)).asnumpy(), rtol=1e-5)


def test_reconstruct_is_the_nets_output(net, digits):
    mx.random.seed(3)
    images = reconstruct(net, digits["test_data"][:50])
    mx.random.seed(3)
    net(nd.array(digits["test_data"][:50].reshape(50, 784)))
    np.testing.assert_array_equal(images, net.output.asnumpy())


def test_samples_of_the_prior_are_standard_gaussian():
    z = sample_prior(5000, 3, np.random.default_rng(1))
    assert z.shape == (5000, 3)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_array_equal(sample_prior(5000, 3, 1), z)  # a seed or a generator
    seed(7)
    first, second = sample_prior(5, 3), sample_prior(5, 3)
    seed(7)
    np.testing.assert_array_equal(sample_prior(5, 3), first)
    assert not np.array_equal(first, second)


def test_a_traversal_differs_from_a_code_in_one_dimension(digits):
    net = VAE(n_hidden=8, n_latent=3)
    net.initialize()
    z = encode(net, digits["test_data"][0])[0]
    steps = traversals(net, z, n=4, limit=2.0)
    assert steps.shape == (3, 4, 784)
    for dimension in range(3):
        codes = np.tile(z, (4, 1))
        codes[:, dimension] = (-2, -2 / 3, 2 / 3, 2)
        np.testing.assert_allclose(steps[dimension], decode(net, codes), rtol=1e-5)
    np.testing.assert_array_equal(traversals(net), traversals(net, np.zeros(3), 10, 3.0))


@pytest.mark.parametrize(("n", "limit"), [(20, 3.0), (5, latent.MAX_LIMIT), (2, 2.0)])
def test_grid_is_scipys_quantiles_of_equal_steps(n, limit):
    grid = ndtri_grid(n, limit)
    low, high = stats.norm.cdf([-limit, limit])
    quantiles = stats.norm.ppf(low + (high - low) * np.arange(n) / (n - 1))
    # The first axis runs fastest. cdf and ppf lose some digits near the limits.
    expected = [[quantiles[i], quantiles[j]] for j in range(n) for i in range(n)]
    np.testing.assert_allclose(grid, expected, atol=1e-9)
    np.testing.assert_allclose([grid.min(), grid.max()], [-limit, limit])
    np.testing.assert_allclose(grid, -grid[::-1], atol=1e-9)
    np.testing.assert_array_equal(ndtri_grid(), ndtri_grid(20, 3.0))


def test_steps_lie_on_the_line_between_two_codes_in_their_order(net, digits):
    net.initialize(mx.init.Xavier(magnitude=60), force_reinit=True)
    first, second = digits["test_data"][:2]
    steps = interpolate(net, first, second, n=5)
    assert abs(np.diff(steps, axis=0)).max(axis=1).min() > 0.01  # no two neighbours are alike
    mu, _ = encode(net, digits["test_data"][:2])
    for step, weight in zip(steps, (0, 0.25, 0.5, 0.75, 1)):
        expected = decode(net, [(1 - weight) * mu[0] + weight * mu[1]])[0]
        np.testing.assert_allclose(step, expected, atol=1e-5)
    np.testing.assert_allclose(interpolate(net, second, first, n=5), steps[::-1], atol=1e-5)


def test_principal_components_are_those_of_the_singular_values():
    for _ in range(10):
        mu = np.random.standard_normal((500, 4)) * [1, 5, 0.1, 3] + 7
        components, shares = principal_components(mu)
        centred = mu - mu.mean(axis=0)
        _, values, directions = np.linalg.svd(centred)
        np.testing.assert_allclose(shares, values[:2] ** 2 / (values**2).sum())
        # They point along their main axes.
        directions *= np.sign(directions[range(4), abs(directions).argmax(axis=1)])[:, None]
        np.testing.assert_allclose(components, centred @ directions[:2].T, atol=1e-9)


def test_codes_that_are_all_the_same_have_no_components_to_speak_of():
    components, shares = principal_components(np.ones((5, 3)))
    assert not components.any()
    assert not shares.any()


def test_results_have_the_nets_precision_wherever_it_is(net, digits):
    net.cast("float64")
    net.collect_params().reset_ctx(mx.cpu(1))
    x = digits["test_data"][:5].reshape(5, 784)
    for result in (*encode(net, x), reconstruct(net, x), decode(net, np.zeros((3, 2)))):
        assert result.dtype == "float64"
    expected = net.encode(nd.array(x, mx.cpu(1), "float64"))[0].asnumpy()
    np.testing.assert_array_equal(encode(net, x)[0], expected)


def test_one_image_is_encoded_as_a_set_of_one(net, digits):
    image = digits["test_data"][0]
    expected = encode(net, image[None])
    for shape in ((28, 28), (784,), (1, 28, 28)):
        for one, other in zip(encode(net, image.reshape(shape)), expected):
            assert one.shape == (1, 2)
            np.testing.assert_array_equal(one, other)
        assert reconstruct(net, image.reshape(shape)).shape == (1, 784)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: encode(net, np.zeros((0, 784))), "images: expected images, got none"),
        (lambda net: reconstruct(net, np.full((1, 784), 255)), "images: expected pixels .* got"),
        (lambda net: decode(net, np.zeros((0, 2))), r"z: expected .* \(N, 2\), got \(0, 2\)"),
        # MXNet's relu would make 0 of NaN, and an image of it.
        (lambda net: decode(net, [[0.0, np.nan]]), "z: expected finite numbers, got nan"),
        (lambda net: decode(VAE(), np.zeros((1, 2))), "VAE has no parameters yet: call"),
        (lambda net: ndtri_grid(1), "n to be an integer of at least 2, got 1"),
        (lambda net: ndtri_grid(20, 0.0), "above 0 and up to 5, got 0"),
        (lambda net: ndtri_grid(20, 5.1), "above 0 and up to 5, got 5.1"),
        (
            lambda net: interpolate(net, *np.zeros((2, 784)), n=1),
            "n to be an integer of at least 2",
        ),
        (lambda net: interpolate(net, *np.zeros((2, 392))), r"\(2, 784\), got \(2, 392\)"),
        (lambda net: traversals(net, n=1), "n to be an integer of at least 2, got 1"),
        (lambda net: traversals(net, [0.0, 1.0, 2.0]), r"z: expected .* \(2,\), got \(3,\)"),
        (lambda net: principal_components(np.ones((5, 1))), r"both above 1, got \(5, 1\)"),
        (lambda net: principal_components(np.ones(5)), r"both above 1, got \(5,\)"),
    ],
)
def test_arrays_and_numbers_that_do_not_fit_are_refused(net, call, message):
    with pytest.raises(ValueError, match=message):
        call(net)
