"""The reparameterized sampler."""

from __future__ import annotations

from mxnet import gluon


class GaussianSampler(gluon.HybridBlock):
    r"""Sample z ~ N(mu, exp(lv)) so that gradients pass through mu and lv.

    .. math:: z = \mu + e^{lv / 2} \odot \epsilon, \qquad \epsilon \sim N(0, I)

    The reparameterization trick of Kingma & Welling, *Auto-Encoding Variational
    Bayes* (arXiv:1312.6114), section 2.4.

    Inputs:
        - **mu**: mean, (N, n_latent)
        - **lv**: log variance, (N, n_latent)
        - **eps**: optional noise, (N, n_latent); by default sampled from N(0, I)

    Outputs:
        - **z**: one sample for each row, (N, n_latent)
    """

    def hybrid_forward(self, F, mu, lv, eps=None):
        if eps is None:
            # Shape and device come from mu, so that any batch size works.
            eps = F.random.normal_like(mu)
        return mu + F.exp(0.5 * lv) * eps
