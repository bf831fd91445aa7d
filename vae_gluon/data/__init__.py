"""Files -> arrays -> batches: MNIST, or digits that are drawn here."""

from vae_gluon.data.batches import batches, check_iterator, draw_pixels, mnist_iterators
from vae_gluon.data.digits import make_digits
from vae_gluon.data.mnist import MNISTUnavailableError, load_mnist, locate_mnist

__all__ = [
    "MNISTUnavailableError",
    "batches",
    "check_iterator",
    "draw_pixels",
    "load_mnist",
    "locate_mnist",
    "make_digits",
    "mnist_iterators",
]
