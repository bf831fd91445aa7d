"""A trained net -> arrays: encode, reconstruct, sample from the prior, scan.

Arguments are NumPy or MXNet arrays, results NumPy arrays; the net works in batches, on its device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mxnet as mx
import numpy as np

from vae_gluon._checks import (
    as_array,
    check_classic_arrays,
    check_finite,
    check_integer,
    check_pixels,
    check_shape,
)
from vae_gluon.model import VAE, first_parameter

BATCH_SIZE = 1000
MAX_LIMIT = 5.0  # standard deviations; beyond, double precision is too coarse for the cdf


def encode(net: VAE, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encode images in [0, 1], (N, ...), or one, flattened to (N, n_output).

    Returns
    -------
    (array, array)
        Mean and log variance of q(z | x), both (N, n_latent).
    """
    mu, lv = _map(net, net.encode, image_rows(net, images))
    return mu, lv


def decode(net: VAE, z: np.ndarray) -> np.ndarray:
    """Decode latent codes, (N, n_latent), to pixel probabilities, (N, n_output)."""
    z = as_array(z)
    check_shape("z", z, "N", net.n_latent)
    check_finite("z", z)  # MXNet's relu would turn NaN into 0
    (images,) = _map(net, lambda batch: (net.decode(batch),), z)
    return images


def reconstruct(net: VAE, images: np.ndarray) -> np.ndarray:
    """Encode images, (N, ...), sample one z for each, and decode it: (N, n_output).

    With the same seed of MXNet this is the ``output`` of a call of the net, as in the tutorial.
    """
    rows = image_rows(net, images)
    (images,) = _map(net, lambda x: (net.decode(net.sampler(*net.encode(x))),), rows)
    return images


def sample_prior(n: int, n_latent: int, rng: int | np.random.Generator | None = None) -> np.ndarray:
    """Sample ``n`` codes from the prior N(0, I), with a seed or a generator: (n, n_latent).

    The default is NumPy's global generator, which ``vae_gluon.seed`` seeds.
    """
    source = np.random if rng is None else np.random.default_rng(rng)
    return source.standard_normal((n, n_latent))


def interpolate(net: VAE, first: np.ndarray, second: np.ndarray, n: int = 10) -> np.ndarray:
    """Decode ``n`` equally spaced codes on the line between the codes of two images.

    Parameters
    ----------
    net : VAE
        Initialized.
    first, second : arrays
        Two images, of any shape with n_output pixels in [0, 1].
    n : int, default 10
        Number of codes, at least 2. The first and last are the means of the two images.

    Returns
    -------
    array
        (n, n_output).
    """
    check_integer("n", n, least=2)
    pair = np.stack([np.ravel(as_array(image)) for image in (first, second)])
    check_shape("first and second", pair, 2, net.n_output)
    (start, end), _ = encode(net, pair)
    return decode(net, np.linspace(start, end, n))


def traversals(
    net: VAE, z: np.ndarray | None = None, n: int = 10, limit: float = 3.0
) -> np.ndarray:
    """Sweep one latent dimension at a time, and decode: (n_latent, n, n_output).

    Parameters
    ----------
    net : VAE
        Initialized.
    z : array, optional
        The values of the other dimensions, (n_latent,), such as the mean of an image; by default 0.
    n : int, default 10
        Number of equally spaced codes in a sweep, at least 2.
    limit : float, default 3.0
        A sweep goes from -limit to limit, in standard deviations of the prior.
    """
    check_integer("n", n, least=2)
    start = np.zeros(net.n_latent) if z is None else np.ravel(as_array(z)).astype(float)
    check_shape("z", start, net.n_latent)
    codes = np.tile(start, (net.n_latent, n, 1))
    codes[range(net.n_latent), :, range(net.n_latent)] = np.linspace(-limit, limit, n)
    return decode(net, codes.reshape(-1, net.n_latent)).reshape(net.n_latent, n, -1)


def principal_components(mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project codes, (N, n_latent), both above 1, onto the two directions of largest variance.

    Returns
    -------
    (array, array)
        The projections of the centred codes, (N, 2), and each direction's share of the total
        variance, (2,).
    """
    mu = as_array(mu).astype(float)
    if mu.ndim != 2 or min(mu.shape) < 2:
        raise ValueError(f"expected codes of shape (N, n_latent), both above 1, got {mu.shape}")
    check_finite("mu", mu)
    directions, shares = principal_directions(mu)
    return (mu - mu.mean(axis=0)) @ directions, shares


def principal_directions(mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two directions of largest variance of codes, (N, n_latent), and their shares.

    The directions are unit vectors, in the columns of (n_latent, 2), the shares are fractions of
    the total variance, (2,).
    """
    centred = mu - mu.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(mu))  # ascending
    main = directions[:, :-3:-1]
    # The sign of a direction is arbitrary: make its largest component positive.
    main = main * np.sign(main[abs(main).argmax(axis=0), [0, 1]])
    return main, variances[:-3:-1] / max(variances.sum(), np.finfo(float).tiny)


def ndtri_grid(n: int = 20, limit: float = 3.0) -> np.ndarray:
    """Return a grid over the latent plane with equal steps in the prior's probability.

    Along each axis z is the inverse normal cdf, ``ndtri``, of ``n`` equally spaced probabilities
    from cdf(-limit) to cdf(limit), so that the grid is dense where the prior is.

    Parameters
    ----------
    n : int, default 20
        Points along each axis, at least 2.
    limit : float, default 3.0
        The outermost points, in standard deviations of the prior, up to 5.

    Returns
    -------
    array
        (n * n, 2). Row ``j * n + i`` is step ``i`` along the first latent axis and step ``j``
        along the second.

    Examples
    --------
    >>> ndtri_grid(2, limit=1.0)
    array([[-1., -1.],
           [ 1., -1.],
           [-1.,  1.],
           [ 1.,  1.]])
    """
    from scipy.special import ndtr, ndtri  # here, because importing scipy is slow

    check_integer("n", n, least=2)
    if not 0 < limit <= MAX_LIMIT:
        raise ValueError(f"expected a limit above 0 and up to {MAX_LIMIT:g}, got {limit}")
    steps = ndtri(np.linspace(ndtr(-limit), ndtr(limit), n))
    first, second = np.meshgrid(steps, steps)
    return np.stack([first.ravel(), second.ravel()], axis=1)


def image_rows(net: VAE, images: np.ndarray) -> np.ndarray:
    """Check images, (N, ...) or one, and return them as rows of pixels, (N, n_output)."""
    images = as_array(images)
    check_pixels("images", images)
    rows = images.reshape(1 if images.size == net.n_output else len(images), -1)
    check_shape("images", rows, "N", net.n_output)
    return rows


def in_batches(net: VAE, rows: np.ndarray, batch_size: int) -> Iterator[mx.nd.NDArray]:
    """Yield the rows of an array, (N, width), in batches, with the device and type of ``net``."""
    check_classic_arrays()
    parameter = first_parameter(net)
    ctx, dtype = parameter.list_ctx()[0], parameter.dtype
    for start in range(0, len(rows), batch_size):
        numbers = rows[start : start + batch_size]
        batch = mx.nd.empty(numbers.shape, ctx, dtype)
        batch._sync_copyfrom(numbers)  # mx.nd.array's overhead is a third of decode's time
        yield batch


def _map(
    net: VAE,
    function: Callable[[mx.nd.NDArray], tuple[mx.nd.NDArray, ...]],
    rows: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Apply ``function`` to rows, (N, width), in batches; concatenate its results, (N, _)."""
    batches = in_batches(net, rows, BATCH_SIZE)
    results = [[part.asnumpy() for part in function(x)] for x in batches]
    return tuple(np.concatenate(parts) for parts in zip(*results))
