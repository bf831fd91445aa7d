"""Files -> arrays -> batches: MNIST, or digits that are drawn here."""

from vae_gluon.data.batches import batches, check_iterator, draw_pixels, mnist_iterators
from vae_gluon.data.digits import make_digits
from vae_gluon.data.mnist import MNISTUnavailableError, find_mnist, load_mnist, read_mnist
