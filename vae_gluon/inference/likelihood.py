"""Evaluate a trained net: the two terms of its ELBO, its log-likelihood, its active units."""

from __future__ import annotations

from typing import NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon._checks import check_finite, check_integer
from vae_gluon._progress import make_bar
from vae_gluon.inference.latent import encode, image_rows, in_batches
from vae_gluon.model import VAE, GaussianSampler

ROWS = 2000  # latent codes decoded at once
ACTIVE = 0.01  # least variance of mu over the data for an active unit, after Burda et al.


class ELBO(NamedTuple):
    """The evidence lower bound and its two terms, in nats per image, averaged over images.

    Attributes
    ----------
    elbo : float
        ``-(reconstruction + kl)``.
    reconstruction : float
        Mean of -log p(x | z), z sampled from q(z | x).
    kl : float
        Mean of the KL divergence of q(z | x) from the prior.
    """

    elbo: float
    reconstruction: float
    kl: float


def elbo(net: VAE, images: np.ndarray) -> ELBO:
    """Compute the ELBO of images with the net's ``nll`` and ``kl`` and one sample of z per image.

    Images are in [0, 1], (N, ...), flattened to (N, n_output). The result does not depend on the
    weight of the KL term in training.

    Raises
    ------
    ValueError
        If there are no images, or a pixel is not in [0, 1].
    FloatingPointError
        If a term has non-finite values.
    """
    terms = []
    for x in in_batches(net, image_rows(net, images), ROWS):
        mu, lv = net.encode(x)  # (N, n_latent) each
        nll = net.nll(net.decoder.logits(net.sampler(mu, lv)), x)  # (N,)
        terms.append((nll.asnumpy(), net.kl(mu, lv).asnumpy()))
    nll, kl = (float(np.concatenate(term).mean(dtype=float)) for term in zip(*terms))
    check_finite("reconstruction term and KL divergence", np.array([nll, kl]), FloatingPointError)
    return ELBO(-nll - kl, nll, kl)


def log_likelihood(
    net: VAE, images: np.ndarray, k: int = 5000, progress: bool = True
) -> np.ndarray:
    r"""Bound log p(x) from below with k samples of z per image.

    .. math::
        \mathcal{L}_k = \log \frac{1}{k} \sum_{i=1}^{k} \frac{p(x | z_i) p(z_i)}{q(z_i | x)},
        \qquad z_i \sim q(z | x)

    The importance-weighted bound of Burda, Grosse & Salakhutdinov (arXiv:1509.00519, equation
    8). With k = 1 it is the ELBO; its expectation grows with k towards log p(x). The prior is
    N(0, I), also if the net has another ``kl``.

    Parameters
    ----------
    net : VAE
        Initialized.
    images : array
        In [0, 1], (N, ...), flattened to (N, n_output). Results for binary and for grey pixels
        cannot be compared.
    k : int, default 5000
        Samples per image. Time is proportional to N k, memory does not depend on k.
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
        If a bound has non-finite values.
    """
    check_integer("k", k)
    rows = image_rows(net, images)
    bounds = []
    with make_bar(progress, total=len(rows), desc=f"k = {k}", unit="image") as bar:
        for x in in_batches(net, rows, max(1, ROWS // k)):
            mu, lv = net.encode(x)
            total = np.full(len(x), -np.inf)  # (N,)
            step = max(1, ROWS // len(x))  # samples at once
            for done in range(0, k, step):
                log_weights = _log_weights(net, x, mu, lv, min(step, k - done))  # (N, n)
                total = np.logaddexp(total, np.logaddexp.reduce(log_weights, axis=1))
            check_finite("log-likelihood", total, FloatingPointError)
            bounds.append(total - np.log(k))
            bar.update(len(x))
    return np.concatenate(bounds)


def active_units(net: VAE, images: np.ndarray) -> tuple[int, np.ndarray]:
    """Count the latent dimensions that the net uses.

    After Burda et al. (arXiv:1509.00519, section 5.2), a dimension is active if its mean has a
    variance of more than 0.01 over the images, (N, ...) in [0, 1]. The others carry no information
    about the image.

    Returns
    -------
    (int, array)
        The number of active dimensions, and the variance of each dimension's mean, (n_latent,).
    """
    mu, _ = encode(net, images)
    variances = mu.var(axis=0, dtype=float)
    return int((variances > ACTIVE).sum()), variances


def _log_weights(
    net: VAE, x: mx.nd.NDArray, mu: mx.nd.NDArray, lv: mx.nd.NDArray, n: int
) -> np.ndarray:
    """Sample n codes for each image; return log p(x | z) p(z) / q(z | x), (N, n).

    x is (N, n_output), mu and lv are (N, n_latent).
    """
    x, mu, lv = (mx.nd.repeat(array, n, axis=0) for array in (x, mu, lv))  # (N * n, _)
    eps = mx.nd.random.normal_like(mu)
    z = GaussianSampler()(mu, lv, eps)
    log_p_x = -net.nll(net.decoder.logits(z), x)  # (N * n,)
    # log p(z) / q(z | x): the constants of the two Gaussians cancel.
    log_ratio = 0.5 * mx.nd.sum(mx.nd.square(eps) + lv - mx.nd.square(z), axis=1)
    return (log_p_x + log_ratio).asnumpy().astype(float).reshape(-1, n)
