"""The variational autoencoder: encoder, sampler, decoder, loss."""

from __future__ import annotations

import os
from contextlib import contextmanager

import mxnet as mx
import numpy as np
from mxnet import gluon
from mxnet.gluon import nn

from vae_gluon.checks import check_integer
from vae_gluon.losses import BernoulliNLL, GaussianKL
from vae_gluon.parameters import check_parameters
from vae_gluon.sampler import GaussianSampler

SIZE_LIMIT = 2**31 - 1  # of an array


class Decoder(nn.HybridSequential):
    """Layers from a latent code to pixel probabilities.

    The last layer added gives logits. Calling the block gives their sigmoid,
    ``logits`` the logits themselves, which the loss needs.

    Inputs:
        - **z**: latent codes, (N, n_latent)

    Outputs:
        - **y**: pixel probabilities, (N, n_output)
    """

    def hybrid_forward(self, F, z):
        return F.sigmoid(self.logits(z))

    def logits(self, z):
        """Map z, (N, n_latent), to the logits of the pixels, (N, n_output)."""
        for layer in self._children.values():
            z = layer(z)
        return z


class VAE(gluon.HybridBlock):
    r"""Gaussian variational autoencoder with a Bernoulli decoder.

    Calling the net gives the loss to minimize, the negative ELBO of each image in nats
    (Kingma & Welling, arXiv:1312.6114, equation 10 with one sample):

    .. math:: -\log p(x | z) + D_{KL}(q(z | x) \| p(z)), \qquad z \sim q(z | x)

    After a call, ``net.mu`` and ``net.output`` hold that call's latent means and
    reconstructions as NDArrays, whether or not the net is hybridized.

    Parameters
    ----------
    n_hidden : int, default 400
        Units of each hidden layer.
    n_latent : int, default 2
        Dimension of the latent code.
    n_layers : int, default 1
        Hidden layers of the encoder, and of the decoder. With 0 both are linear.
    n_output : int, default 784
        Pixels of an image.
    batch_size : int, optional
        Accepted because the tutorial passes it, and not used: any batch size will do,
        changing from call to call.
    act_type : str, default 'relu'
        Activation of the hidden layers, as ``nn.Dense`` names it.
    prefix, params : optional
        As of every Gluon block.

    Attributes
    ----------
    encoder : Block
        (N, n_output) -> (N, 2 * n_latent), the means followed by the log variances.
    decoder : Block
        (N, n_latent) -> (N, n_output), probabilities.
    mu : NDArray or None
        Latent means of the last call, (N, n_latent).
    output : NDArray or None
        Pixel probabilities of the last call, (N, n_output). They are computed when they are
        asked for: for a gradient through them, ask inside ``autograd.record()``.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1 (``n_layers``: 0), or images of another
        shape are given.

    Notes
    -----
    Parameter files of the tutorial's class load, given the same sizes. The graph that
    ``net.export`` writes has three outputs: the loss, mu and the logits of the pixels.

    Examples
    --------
    >>> import mxnet as mx
    >>> net = VAE(n_hidden=400, n_latent=2, n_layers=2)
    >>> net.initialize(mx.init.Xavier())
    >>> net(mx.nd.zeros((7, 784))).shape, net.mu.shape, net.output.shape
    ((7,), (7, 2), (7, 784))
    """

    def __init__(
        self,
        n_hidden: int = 400,
        n_latent: int = 2,
        n_layers: int = 1,
        n_output: int = 784,
        batch_size: int | None = None,
        act_type: str = "relu",
        *,
        prefix: str | None = None,
        params: gluon.ParameterDict | None = None,
    ) -> None:
        check_integer("n_hidden", n_hidden)
        check_integer("n_latent", n_latent)
        check_integer("n_layers", n_layers, least=0)
        check_integer("n_output", n_output)
        super().__init__(prefix=prefix, params=params)
        self.n_latent = n_latent
        self.n_output = n_output
        self.batch_size = batch_size
        self.mu = None
        self._logits = None
        with self.name_scope():
            # The layers stand in the net's own name scope, as the tutorial's do, so
            # that its parameter files find their names: dense0_weight, dense1_weight, ...
            self.encoder = nn.HybridSequential(prefix="encoder")
            _add_dense(self.encoder, n_output, n_hidden, n_layers, 2 * n_latent, act_type)
            self.decoder = Decoder(prefix="decoder")
            _add_dense(self.decoder, n_latent, n_hidden, n_layers, n_output, act_type)
            self.sampler = GaussianSampler()
            self.kl = GaussianKL()
            self.nll = BernoulliNLL()

    @property
    def output(self) -> mx.nd.NDArray | None:
        """Pixel probabilities of the last call, (N, n_output); None before the first."""
        return None if self._logits is None else mx.nd.sigmoid(self._logits)

    def encode(self, x: mx.nd.NDArray) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Map images, (N, n_output), to mean and log variance, (N, n_latent) each."""
        with self._reading("images", x, self.n_output):
            mu, lv = mx.nd.split(self.encoder(x), axis=1, num_outputs=2)
        return mu, lv

    def decode(self, z: mx.nd.NDArray) -> mx.nd.NDArray:
        """Map latent codes, (N, n_latent), to pixel probabilities, (N, n_output)."""
        with self._reading("latent codes", z, self.n_latent):
            return self.decoder(z)

    def load_parameters(
        self,
        filename: str | os.PathLike,
        ctx: mx.Context | list[mx.Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """Load a file of ``save_parameters``, as every Gluon block does, once it was looked at.

        Raises
        ------
        ValueError
            If the file is none of parameters, truncated, of another architecture or not finite:
            the message says what differs, and the net is as it was.
        """
        check_parameters(filename, self, allow_missing, ignore_extra, cast_dtype)
        options = (allow_missing, ignore_extra, cast_dtype, dtype_source)
        super().load_parameters(str(filename), ctx, *options)

    def forward(self, x):
        """Return the negative ELBO of each image, (N,), and keep mu and the logits.

        They are kept here, outside the graph: inside ``hybrid_forward`` of a hybridized
        net they would be Symbols.
        """
        if isinstance(x, mx.sym.Symbol):
            return super().forward(x)[0]
        with self._reading("images", x, self.n_output):
            loss, self.mu, self._logits = super().forward(x)
        return loss

    def hybrid_forward(self, F, x):
        """Build the loss (N,), mu (N, n_latent) and the logits (N, n_output)."""
        mu, lv = F.split(self.encoder(x), axis=1, num_outputs=2)  # (N, n_latent) each
        z = self.sampler(mu, lv)  # (N, n_latent)
        logits = self.decoder.logits(z)  # (N, n_output)
        loss = self.nll(logits, x) + self.kl(mu, lv)  # (N,)
        return loss, mu, logits

    @contextmanager
    def _reading(self, what, array, width):
        """Raise a ValueError unless ``array`` is a batch of this width, and of the net's type."""
        _check_batch(what, array, width)
        try:
            yield
        except mx.base.MXNetError as error:
            # Only now, because the way to the type takes longer than a check may.
            dtype = np.dtype(next(iter(self.collect_params().values())).dtype)
            if array.dtype == dtype:
                raise
            raise ValueError(
                f"expected {what} of type {dtype}, got {np.dtype(array.dtype)}; "
                f"x.astype('{dtype}') makes it so"
            ) from error


def _add_dense(net, n_input, n_hidden, n_layers, n_output, act_type):
    """Add ``n_layers`` hidden layers and a linear one to ``net``."""
    if max(n_input, n_output, n_hidden) * n_hidden >= SIZE_LIMIT:
        raise ValueError(
            f"expected layers of fewer than {SIZE_LIMIT} weights, which is as far as MXNet "
            f"counts, got {n_input}-{n_hidden}-{n_output}"
        )
    for _ in range(n_layers):
        net.add(nn.Dense(n_hidden, activation=act_type, in_units=n_input))
        n_input = n_hidden
    net.add(nn.Dense(n_output, in_units=n_input))


def _check_batch(what, array, width):
    """Raise a ValueError unless ``array`` is a batch of rows of ``width`` numbers."""
    if not isinstance(array, mx.nd.NDArray):
        raise ValueError(
            f"expected {what} as an NDArray of shape (N, {width}), got {type(array).__name__}; "
            "mx.nd.array(...) makes one"
        )
    if array.ndim != 2 or array.shape[1] != width:
        rows = array.ndim > 2 and array.size == len(array) * width
        hint = f"; x.reshape((-1, {width})) makes it so" if rows else ""
        raise ValueError(f"expected {what} of shape (N, {width}), got {array.shape}{hint}")
