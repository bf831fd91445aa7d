"""Files -> arrays -> batches: MNIST, your own pictures, or embedded digits."""

from vae_gluon.data.batches import (
    ImageIter,
    batches,
    check_iterator,
    mnist_iterators,
    sample_pixels,
)
from vae_gluon.data.datasets import DATASETS, Dataset, load_dataset, name_of
from vae_gluon.data.digits import make_digits
from vae_gluon.data.images import load_images
from vae_gluon.data.mnist import MNISTUnavailableError, find_mnist, load_mnist, read_mnist
