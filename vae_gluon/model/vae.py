"""The variational autoencoder: encoder, sampler, decoder, loss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import gluon
from mxnet.gluon import nn

from vae_gluon._checks import check_integer, check_shape
from vae_gluon.model.losses import BernoulliNLL, GaussianKL
from vae_gluon.model.parameter_files import check_parameters
from vae_gluon.model.parameters import first_parameter
from vae_gluon.model.sampler import GaussianSampler


class Decoder(nn.HybridSequential):
    """Layers from a latent code to pixel probabilities.

    The method ``logits`` returns the output of the last layer, for the loss; calling the block
    returns its sigmoid. For pixels that are not Bernoulli, override ``mean``.

    Inputs:
        - **z**: latent codes, (N, n_latent)

    Outputs:
        - **y**: pixel probabilities, (N, n_output)
    """

    def hybrid_forward(self, F, z):
        return self.mean(self.logits(z))

    def logits(self, z: Any) -> Any:
        """Map z, (N, n_latent), to the logits of the pixels, (N, n_output)."""
        for layer in self._children.values():
            z = layer(z)
        return z

    def mean(self, logits: Any) -> Any:
        """Map logits to the means of the pixels given z, both (N, n_output)."""
        return logits.sigmoid()


class VAE(gluon.HybridBlock):
    r"""Gaussian variational autoencoder, by default with a Bernoulli decoder.

    Calling the net returns the loss to minimize: the negative ELBO of each image in nats
    (Kingma & Welling, arXiv:1312.6114, equation 10),

    .. math::
        -\frac{1}{L} \sum_{l=1}^{L} \log p(x | z_l) + D_{KL}(q(z | x) \| p(z)),
        \qquad z_l \sim q(z | x)

    Parameters
    ----------
    n_hidden : int, default 400
        Units of each hidden layer.
    n_latent : int, default 2
        Dimension of the latent code.
    n_layers : int, default 1
        Number of hidden layers in the encoder and in the decoder. With 0 both are linear.
    n_output : int, default 784
        Pixels of an image.
    batch_size : int, optional
        Accepted for the tutorial's code, but unused: each call may have another batch size.
    act_type : str, default 'relu'
        Activation of the hidden layers, as ``nn.Dense`` names it.
    n_samples : int, default 1
        L, the number of samples of z per image in the reconstruction term.
    encoder : HybridBlock, optional
        Replaces the dense layers: (N, n_output) -> (N, 2 * n_latent), e.g. ``conv_encoder``.
    decoder : Decoder, optional
        Replaces the dense layers: its ``logits`` maps (N, n_latent) to (N, n_output), e.g.
        ``conv_decoder``.
    nll : HybridBlock, optional
        The negative log-likelihood of images given the decoder's logits, both (N, n_output) ->
        (N,) nats. By default ``BernoulliNLL()``.
    kl : HybridBlock, optional
        The KL term: mu and lv, both (N, n_latent) -> (N,) nats. By default ``GaussianKL()``.
    prefix, params : optional
        As for every Gluon block.

    Attributes
    ----------
    mu : NDArray or None
        Latent means of the last call, (N, n_latent), also if the net is hybridized.
    output : NDArray or None
        Reconstructions of the last call, pixel probabilities, (N, n_output), from the first sample
        of each image. Computed on access: for a gradient through them, access them inside
        ``autograd.record()``.
    kl_loss : NDArray or None
        KL divergences of the last call, (N,) nats; the rest of its loss is the reconstruction
        term.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1 (0 for ``n_layers``), the net is called with
        images of another shape or type, or given blocks return other shapes.

    Notes
    -----
    Parameter files of the tutorial's class load into a net of the same sizes. The graph that
    ``net.export`` writes has four outputs: the loss, mu, the logits of the pixels and the KL
    divergences.

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
        n_samples: int = 1,
        encoder: gluon.HybridBlock | None = None,
        decoder: Decoder | None = None,
        nll: gluon.HybridBlock | None = None,
        kl: gluon.HybridBlock | None = None,
        prefix: str | None = None,
        params: gluon.ParameterDict | None = None,
    ) -> None:
        sizes = {"n_hidden": n_hidden, "n_latent": n_latent, "n_output": n_output}
        for name, size in {**sizes, "n_samples": n_samples}.items():
            check_integer(name, size)
        check_integer("n_layers", n_layers, least=0)
        super().__init__(prefix=prefix, params=params)
        self.n_latent = n_latent
        self.n_output = n_output
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.mu: Any = None
        self.kl_loss: Any = None
        self._logits: Any = None
        with self.name_scope():
            # The layers are in the net's name scope, as in the tutorial, so that the names in its
            # parameter files fit: dense0_weight, dense1_weight, ...
            if encoder is None:
                encoder = nn.HybridSequential(prefix="encoder")
                _add_dense(encoder, n_output, n_hidden, n_layers, 2 * n_latent, act_type)
            self.encoder = encoder
            if decoder is None:
                decoder = Decoder(prefix="decoder")
                _add_dense(decoder, n_latent, n_hidden, n_layers, n_output, act_type)
            self.decoder = decoder
            self.sampler = GaussianSampler()
            self.kl = GaussianKL() if kl is None else kl
            self.nll = BernoulliNLL() if nll is None else nll

    @property
    def output(self) -> mx.nd.NDArray | None:
        """Pixel probabilities of the last call, (N, n_output); None before the first."""
        return None if self._logits is None else self.decoder.mean(self._logits)

    def encode(self, x: mx.nd.NDArray) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        """Map images, (N, n_output), to mean and log variance, both (N, n_latent)."""
        with self._explaining("images", x, self.n_output):
            mu, lv = mx.nd.split(self.encoder(x), axis=1, num_outputs=2)
        return mu, lv

    def decode(self, z: mx.nd.NDArray) -> mx.nd.NDArray:
        """Map latent codes, (N, n_latent), to pixel probabilities, (N, n_output)."""
        with self._explaining("latent codes", z, self.n_latent):
            return self.decoder(z)

    def load_parameters(
        self,
        filename: str | os.PathLike[str],
        ctx: mx.Context | list[mx.Context] | None = None,
        allow_missing: bool = False,
        ignore_extra: bool = False,
        cast_dtype: bool = False,
        dtype_source: str = "current",
    ) -> None:
        """Load a file of ``save_parameters`` as every Gluon block does, after checking it.

        If the file is damaged, or has other parameters or non-finite values, a ValueError gives
        the difference and the net is unchanged.
        """
        check_parameters(filename, self, allow_missing, ignore_extra, cast_dtype)
        options = (allow_missing, ignore_extra, cast_dtype, dtype_source)
        super().load_parameters(os.fspath(filename), ctx, *options)

    def save_parameters(self, filename: str | os.PathLike[str], deduplicate: bool = False) -> None:
        """Write the parameters as every Gluon block does."""
        super().save_parameters(os.fspath(filename), deduplicate)

    def forward(self, x: mx.nd.NDArray) -> Any:
        """Map images, (N, n_output), to negative ELBOs, (N,); keep mu, the logits and the KL.

        They are stored here because in ``hybrid_forward`` of a hybridized net they are Symbols.
        """
        if isinstance(x, mx.sym.Symbol):
            return super().forward(x)[0]
        with self._explaining("images", x, self.n_output):
            loss, self.mu, self._logits, self.kl_loss = super().forward(x)
        # A user's blocks may return other shapes, which MXNet does not always notice.
        check_shape("mu", self.mu, len(x), self.n_latent)
        check_shape("the decoder's logits", self._logits, len(x), self.n_output)
        check_shape("the loss", loss, len(x))
        return loss

    def hybrid_forward(self, F, x):
        """Return the loss (N,), mu (N, n_latent), logits (N, n_output) and KL divergence (N,)."""
        mu, lv = F.split(self.encoder(x), axis=1, num_outputs=2)  # both (N, n_latent)
        kl = self.kl(mu, lv)  # (N,)
        n, mus, lvs, xs = self.n_samples, mu, lv, x
        if n > 1:
            mus, lvs, xs = (F.repeat(array, n, axis=0) for array in (mu, lv, x))  # (N * L, _)
        logits = self.decoder.logits(self.sampler(mus, lvs))  # (N * L, n_output)
        nll = self.nll(logits, xs)  # (N * L,)
        if n > 1:
            nll = F.mean(F.reshape(nll, shape=(-1, n)), axis=1)  # (N,)
            logits = F.slice(logits, begin=(None,), end=(None,), step=(n,))  # (N, n_output)
        return nll + kl, mu, logits, kl

    @contextmanager
    def _explaining(self, name: str, array: mx.nd.NDArray, width: int) -> Iterator[None]:
        """Raise a ValueError unless ``array`` is (N, width) and of the type of the parameters."""
        check_shape(name, array, "N", width)
        try:
            yield
        except RuntimeError as error:  # the base of MXNetError
            # Compared only after a failure: looking up the type is too slow for every call.
            dtype = np.dtype(first_parameter(self).dtype)  # raises an error if there is none
            if array.dtype != dtype:
                raise ValueError(
                    f"{name}: expected an array of type {dtype}, got {np.dtype(array.dtype)}; "
                    f".astype('{dtype}') converts it"
                ) from error
            raise


def _add_dense(
    net: mx.gluon.Block, n_input: int, n_hidden: int, n_layers: int, n_output: int, act_type: str
) -> None:
    """Add ``n_layers`` hidden layers and a linear layer to ``net``."""
    widths = [n_input, *[n_hidden] * n_layers, n_output]
    activations = [*[act_type] * n_layers, None]
    for n_in, n_out, activation in zip(widths, widths[1:], activations):
        net.add(nn.Dense(n_out, activation=activation, in_units=n_in))
