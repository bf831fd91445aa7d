"""Files -> arrays -> batches: MNIST, your own pictures, or digits that are drawn here."""

from vae_gluon.data.batches import batches, check_iterator, draw_pixels, mnist_iterators
from vae_gluon.data.digits import make_digits
from vae_gluon.data.images import has_pictures, load_images
from vae_gluon.data.mnist import (
    MNISTUnavailableError,
    find_mnist,
    has_idx,
    load_mnist,
    read_mnist,
)
