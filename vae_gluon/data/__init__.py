"""Files -> arrays -> batches: MNIST, your own pictures, or digits that are drawn here."""

from vae_gluon.data.batches import ImageIter, batches, check_iterator, draw_pixels, mnist_iterators
from vae_gluon.data.datasets import DATASETS, Dataset, load_dataset, name_of
from vae_gluon.data.digits import make_digits
from vae_gluon.data.images import has_pictures, load_images
from vae_gluon.data.mnist import (
    MNISTUnavailableError,
    find_mnist,
    has_idx,
    load_mnist,
    read_mnist,
)
