"""A convolutional encoder and decoder for ``VAE(encoder=..., decoder=...)``."""

from __future__ import annotations

from mxnet import gluon
from mxnet.gluon import nn

from vae_gluon.model.vae import Decoder

FILTERS = (8, 32, 64)  # of the layers at 28 x 28, 14 x 14 and 7 x 7


class Reshape(gluon.HybridBlock):
    """Reshape each item of a batch: (N, ...) -> (N, *shape)."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def hybrid_forward(self, F, x):
        return F.reshape(x, shape=(-1, *self.shape))


def conv_encoder(
    n_latent: int = 2, n_hidden: int = 400, shape: tuple[int, int] = (28, 28)
) -> nn.HybridSequential:
    """Build an encoder of two strided convolutions and a hidden layer.

    Images go from 28 x 28 to 14 x 14 to 7 x 7.

    Parameters
    ----------
    n_latent : int, default 2
        Dimension of the latent code.
    n_hidden : int, default 400
        Units of the hidden layer.
    shape : (int, int), default (28, 28)
        Height and width of the images, multiples of 4. A ``VAE`` needs their product as
        ``n_output``.

    Returns
    -------
    HybridSequential
        (N, n_output) -> (N, 2 * n_latent), the means followed by the log variances.
    """
    height, width = _halved_twice(shape)
    _, n_outer, n_inner = FILTERS
    net = nn.HybridSequential(prefix="encoder")
    net.add(
        Reshape(1, *shape),
        nn.Conv2D(n_outer, 3, strides=2, padding=1, activation="relu", in_channels=1),
        nn.Conv2D(n_inner, 3, strides=2, padding=1, activation="relu", in_channels=n_outer),
        nn.Dense(n_hidden, activation="relu", in_units=n_inner * height * width),
        nn.Dense(2 * n_latent, in_units=n_hidden),
    )
    return net


def conv_decoder(
    n_latent: int = 2, n_hidden: int = 400, shape: tuple[int, int] = (28, 28)
) -> Decoder:
    """Build a decoder of two hidden layers, two transposed convolutions and a convolution.

    Images go from 7 x 7 to 14 x 14 to 28 x 28. It maps (N, n_latent) to probabilities,
    (N, n_output). Parameters are as for ``conv_encoder``.
    """
    height, width = _halved_twice(shape)
    n_outermost, n_outer, n_inner = FILTERS
    net = Decoder(prefix="decoder")
    net.add(
        nn.Dense(n_hidden, activation="relu", in_units=n_latent),
        nn.Dense(n_inner * height * width, activation="relu", in_units=n_hidden),
        Reshape(n_inner, height, width),
        # A kernel size that is a multiple of the stride avoids a checkerboard pattern.
        nn.Conv2DTranspose(
            n_outer, 4, strides=2, padding=1, activation="relu", in_channels=n_inner
        ),
        nn.Conv2DTranspose(
            n_outermost, 4, strides=2, padding=1, activation="relu", in_channels=n_outer
        ),
        # Not transposed: with one filter, MXNet cannot compute its gradient on a CPU.
        nn.Conv2D(1, 3, padding=1, in_channels=n_outermost),
        Reshape(shape[0] * shape[1]),
    )
    return net


def _halved_twice(shape: tuple[int, int]) -> tuple[int, int]:
    """Return a quarter of a height and a width; raise a ValueError unless they divide by 4."""
    height, width = shape
    if height % 4 or width % 4 or min(shape) < 1:
        raise ValueError(
            "expected a height and width that are multiples of 4 for convolutions, got "
            f"{height} x {width}"
        )
    return height // 4, width // 4
