"""How good is a trained net: the halves of its ELBO, its log-likelihood, its active units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon.checks import check_integer
from vae_gluon.latent import encode, flat, in_batches
from vae_gluon.losses import BernoulliNLL, GaussianKL
from vae_gluon.progress import tqdm
from vae_gluon.sampler import GaussianSampler

ROWS = 2000  # latent codes that are decoded at once
ACTIVE = 0.01  # Burda et al.: variance of mu over the data above which a unit is active


class ELBO(NamedTuple):
    """The evidence lower bound in nats, its mean over images, and its two halves.

    ``elbo`` is ``-(reconstruction + kl)``.
    """

    elbo: float
    reconstruction: float  # mean of -log p(x | z), z drawn from q(z | x)
    kl: float  # mean of the KL divergence of q(z | x) from the prior


def elbo(net: mx.gluon.Block, images: np.ndarray) -> ELBO:
    """Measure the ELBO of images, with one sample of z each, whatever loss trained the net.

    Parameters
    ----------
    net : Block
        With ``encode`` and ``decoder.logits``, as ``VAE`` has them.
    images : array
        In [0, 1], (N, ...); flattened to (N, n_output).

    Raises
    ------
    ValueError
        If there are no images, or a pixel is not in [0, 1].
    """
    terms = []
    for x in in_batches(net, flat(images), ROWS):
        mu, lv = net.encode(x)
        logits = net.decoder.logits(GaussianSampler()(mu, lv))
        nll, kl = BernoulliNLL()(logits, x), GaussianKL()(mu, lv)
        terms.append((nll.asnumpy(), kl.asnumpy()))
    nll, kl = (float(np.concatenate(term).mean(dtype=float)) for term in zip(*terms))
    return ELBO(-nll - kl, nll, kl)


def log_likelihood(
    net: mx.gluon.Block, images: np.ndarray, k: int = 5000, progress: bool = True
) -> np.ndarray:
    r"""Bound log p(x) from below with k samples of z for each image.

    .. math::
        \mathcal{L}_k = \log \frac{1}{k} \sum_{i=1}^{k} \frac{p(x | z_i) p(z_i)}{q(z_i | x)},
        \qquad z_i \sim q(z | x)

    The importance-weighted bound of Burda, Grosse & Salakhutdinov (arXiv:1509.00519, equation
    8). With k = 1 it is the ELBO; its expectation rises with k to log p(x) and never beyond.

    Parameters
    ----------
    net : Block
        With ``encode`` and ``decoder.logits``, as ``VAE`` has them.
    images : array
        In [0, 1], (N, ...); flattened to (N, n_output). Values for binary pixels and for grey
        ones cannot be compared.
    k : int, default 5000
        Samples for each image. Time grows with N k, memory does not.
    progress : bool, default True
        Draw a bar.

    Returns
    -------
    array
        Nats, (N,), in double precision. They depend on MXNet's seed.

    Raises
    ------
    ValueError
        If ``k`` is not positive, there are no images, or a pixel is not in [0, 1].
    """
    check_integer("k", k)
    rows = flat(images)
    bounds = []
    with tqdm(total=len(rows), desc=f"k = {k}", unit="image", disable=not progress) as bar:
        for x in in_batches(net, rows, max(1, ROWS // k)):
            mu, lv = net.encode(x)
            total = np.full(len(x), -np.inf)
            for n in _parts(k, max(1, ROWS // len(x))):
                log_weights = _log_weights(net, x, mu, lv, n).asnumpy().astype(float)  # (N, n)
                total = np.logaddexp(total, np.logaddexp.reduce(log_weights, axis=1))
            bounds.append(total - np.log(k))
            bar.update(len(x))
    return np.concatenate(bounds)


def active_units(net: mx.gluon.Block, images: np.ndarray) -> tuple[int, np.ndarray]:
    """Count the latent dimensions that tell images apart.

    Burda et al. (arXiv:1509.00519, section 5.2): those whose mean moves over the data with a
    variance of more than 0.01. The others carry nothing and are drawn from the prior.

    Returns
    -------
    (int, array)
        Their number, and the variances, (n_latent,).
    """
    mu, _ = encode(net, images)
    variances = mu.var(axis=0, dtype=float)
    return int((variances > ACTIVE).sum()), variances


def _parts(k, size) -> Iterator[int]:
    """Divide ``k`` into numbers of at most ``size``."""
    for begin in range(0, k, size):
        yield min(size, k - begin)


def _log_weights(net, x, mu, lv, n):
    """Draw n codes for each image; return log p(x | z) p(z) / q(z | x), (N, n)."""
    x, mu, lv = (mx.nd.repeat(array, n, axis=0) for array in (x, mu, lv))  # (N * n, _)
    eps = mx.nd.random.normal_like(mu)
    z = GaussianSampler()(mu, lv, eps)
    log_p_x = -BernoulliNLL()(net.decoder.logits(z), x)
    # The constants of the two Gaussians cancel.
    log_ratio = 0.5 * mx.nd.sum(mx.nd.square(eps) + lv - mx.nd.square(z), axis=1)
    return mx.nd.reshape(log_p_x + log_ratio, shape=(-1, n))
