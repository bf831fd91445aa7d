"""How good a trained net is: the two terms of its ELBO, its log-likelihood, its active units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon._checks import check_integer, first_not_finite
from vae_gluon._progress import make_bar
from vae_gluon.inference.latent import encode, image_rows, in_batches
from vae_gluon.model import BernoulliNLL, GaussianKL, GaussianSampler

ROWS = 2000  # latent codes decoded at once
ACTIVE = 0.01  # the variance of mu over the data above which Burda et al. call a unit active


class ELBO(NamedTuple):
    """The evidence lower bound and its two terms, in nats per image, averaged over images.

    Attributes
    ----------
    elbo : float
        ``-(reconstruction + kl)``.
    reconstruction : float
        Mean of -log p(x | z), z drawn from q(z | x).
    kl : float
        Mean of the KL divergence of q(z | x) from the prior.
    """

    elbo: float
    reconstruction: float
    kl: float


def elbo(net: mx.gluon.Block, images: np.ndarray) -> ELBO:
    """Measure the ELBO of images, with one sample of z each, whatever loss the net was trained on.

    Parameters
    ----------
    net : Block
        With ``encode`` and ``decoder.logits``, as ``VAE`` has them.
    images : array
        In [0, 1], (N, ...); flattened to (N, n_output).

    Returns
    -------
    ELBO
        The bound and its two terms, in nats per image.

    Raises
    ------
    ValueError
        If there are no images, or a pixel is not in [0, 1].
    FloatingPointError
        If a term is not finite.
    """
    sampler, bernoulli, gaussian = GaussianSampler(), BernoulliNLL(), GaussianKL()
    terms = []
    for x in in_batches(net, image_rows(images), ROWS):
        mu, lv = net.encode(x)  # (N, n_latent) each
        nll = bernoulli(net.decoder.logits(sampler(mu, lv)), x)  # (N,)
        terms.append((nll.asnumpy(), gaussian(mu, lv).asnumpy()))
    nll, kl = (float(np.concatenate(term).mean(dtype=float)) for term in zip(*terms))
    _check_finite("reconstruction term", np.array(nll))
    _check_finite("KL divergence", np.array(kl))
    return ELBO(-nll - kl, nll, kl)


def log_likelihood(
    net: mx.gluon.Block, images: np.ndarray, k: int = 5000, progress: bool = True
) -> np.ndarray:
    r"""Bound log p(x) from below with k samples of z for each image.

    .. math::
        \mathcal{L}_k = \log \frac{1}{k} \sum_{i=1}^{k} \frac{p(x | z_i) p(z_i)}{q(z_i | x)},
        \qquad z_i \sim q(z | x)

    The importance-weighted bound of Burda, Grosse & Salakhutdinov (arXiv:1509.00519, equation
    8). With k = 1 it is the ELBO; its expectation grows with k towards log p(x).

    Parameters
    ----------
    net : Block
        With ``encode`` and ``decoder.logits``, as ``VAE`` has them.
    images : array
        In [0, 1], (N, ...); flattened to (N, n_output). Results for binary and for grey pixels
        cannot be compared.
    k : int, default 5000
        Samples for each image. Time is proportional to N k, memory does not depend on k.
    progress : bool, default True
        Show a progress bar.

    Returns
    -------
    array
        Nats, (N,), in double precision. They depend on MXNet's seed.

    Raises
    ------
    ValueError
        If ``k`` is not a positive integer, there are no images, or a pixel is not in [0, 1].
    FloatingPointError
        If the bound of an image is not finite.
    """
    check_integer("k", k)
    rows = image_rows(images)
    bounds = []
    with make_bar(progress, total=len(rows), desc=f"k = {k}", unit="image") as bar:
        for x in in_batches(net, rows, max(1, ROWS // k)):
            mu, lv = net.encode(x)
            total = np.full(len(x), -np.inf)  # (N,)
            for n in _parts(k, max(1, ROWS // len(x))):
                log_weights = _log_weights(net, x, mu, lv, n).asnumpy().astype(float)  # (N, n)
                total = np.logaddexp(total, np.logaddexp.reduce(log_weights, axis=1))
            _check_finite("log-likelihood", total)
            bounds.append(total - np.log(k))
            bar.update(len(x))
    return np.concatenate(bounds)


def active_units(net: mx.gluon.Block, images: np.ndarray) -> tuple[int, np.ndarray]:
    """Count the latent dimensions that the net uses.

    After Burda et al. (arXiv:1509.00519, section 5.2), a dimension is active if its mean has a
    variance of more than 0.01 over the data. The others carry no information on the image.

    Parameters
    ----------
    net : Block
        With ``encode``, as ``VAE`` has it.
    images : array
        In [0, 1], (N, ...); flattened to (N, n_output).

    Returns
    -------
    (int, array)
        The number of active dimensions, and the variance of each dimension's mean, (n_latent,).

    Raises
    ------
    ValueError
        If there are no images, or a pixel is not in [0, 1].
    """
    mu, _ = encode(net, images)
    variances = mu.var(axis=0, dtype=float)
    return int((variances > ACTIVE).sum()), variances


def _check_finite(what: str, numbers: np.ndarray) -> None:
    """Raise a FloatingPointError if one of the numbers, of any shape, is not finite."""
    bad = first_not_finite(numbers)
    if bad is not None:
        raise FloatingPointError(
            f"the {what} is {bad}: the parameters are too large for single precision"
        )


def _parts(k: int, size: int) -> Iterator[int]:
    """Split ``k`` into parts of at most ``size``."""
    for begin in range(0, k, size):
        yield min(size, k - begin)


def _log_weights(
    net: mx.gluon.Block, x: mx.nd.NDArray, mu: mx.nd.NDArray, lv: mx.nd.NDArray, n: int
) -> mx.nd.NDArray:
    """Draw n codes for each image; return log p(x | z) p(z) / q(z | x), (N, n).

    x is (N, n_output), mu and lv are (N, n_latent).
    """
    x, mu, lv = (mx.nd.repeat(array, n, axis=0) for array in (x, mu, lv))  # (N * n, _)
    eps = mx.nd.random.normal_like(mu)
    z = GaussianSampler()(mu, lv, eps)
    log_p_x = -BernoulliNLL()(net.decoder.logits(z), x)  # (N * n,)
    # log p(z) / q(z | x): the constants of the two Gaussians cancel.
    log_ratio = 0.5 * mx.nd.sum(mx.nd.square(eps) + lv - mx.nd.square(z), axis=1)
    return mx.nd.reshape(log_p_x + log_ratio, shape=(-1, n))
