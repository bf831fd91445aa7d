"""The reparameterized sampler."""

from __future__ import annotations

from mxnet import gluon


class GaussianSampler(gluon.HybridBlock):
    r"""Draw z ~ N(mu, exp(lv)) so that gradients pass through mu and lv.

    .. math:: z = \mu + e^{lv / 2} \odot \epsilon, \qquad \epsilon \sim N(0, I)

    The reparameterization trick of Kingma & Welling, *Auto-Encoding Variational
    Bayes* (arXiv:1312.6114), section 2.4.

    Inputs:
        - **mu**: mean, (N, n_latent)
        - **lv**: log variance, (N, n_latent)
        - **eps**: optional, the noise, (N, n_latent); drawn from N(0, I) if it is not given

    Outputs:
        - **z**: one sample for each row, (N, n_latent)
    """

    def hybrid_forward(self, F, mu, lv, eps=None):
        if eps is None:
            # Shape and device come from mu, so that no batch size is built in.
            eps = F.random.normal_like(mu)
        return mu + F.exp(0.5 * lv) * eps
