"""The tutorial's net written out again: the oracle for ours.

Its loss is computed the tutorial's way, from probabilities and with a small number inside
the logarithms, and it knows its batch size.
"""

from mxnet import gluon
from mxnet.gluon import nn


class TutorialVAE(gluon.HybridBlock):
    def __init__(self, n_hidden, n_latent, n_layers, n_output, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.noise_shape = (batch_size, n_latent)
        with self.name_scope():
            self.encoder = nn.HybridSequential(prefix="encoder")
            self.decoder = nn.HybridSequential(prefix="decoder")
            for _ in range(n_layers):
                self.encoder.add(nn.Dense(n_hidden, activation="relu"))
            self.encoder.add(nn.Dense(2 * n_latent))
            for _ in range(n_layers):
                self.decoder.add(nn.Dense(n_hidden, activation="relu"))
            self.decoder.add(nn.Dense(n_output, activation="sigmoid"))

    def hybrid_forward(self, F, x):
        mu, lv = F.split(self.encoder(x), axis=1, num_outputs=2)
        eps = F.random_normal(loc=0, scale=1, shape=self.noise_shape)
        y = self.decoder(mu + F.exp(0.5 * lv) * eps)
        minus_kl = 0.5 * F.sum(1 + lv - mu * mu - F.exp(lv), axis=1)
        log_p = F.sum(x * F.log(y + 1e-10) + (1 - x) * F.log(1 - y + 1e-10), axis=1)
        return -log_p - minus_kl
