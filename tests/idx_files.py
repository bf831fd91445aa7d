"""Arrays as IDX files, for tests that read them."""

import gzip
import struct

import numpy as np

from vae_gluon.data.download import FILES
from vae_gluon.data.idx import IMAGE_MAGIC, LABEL_MAGIC

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (name for name, _ in FILES.values())


def idx(array, magic, shape=None):
    """Return an IDX file of bytes; its header may lie about the magic number and the shape."""
    shape = shape or array.shape
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + array.astype(np.uint8).tobytes()


def idx_files(mnist):
    """Return the four files of a data set, by name: what ``load_mnist`` would read it from."""
    contents = {}
    for key, (name, _) in FILES.items():
        if key.endswith("data"):
            contents[name] = idx(np.round(255 * mnist[key][:, 0]), IMAGE_MAGIC)
        else:
            contents[name] = idx(mnist[key], LABEL_MAGIC)
    return contents


def write(folder, contents, packed=True):
    """Write files into a folder, as ``.gz`` or plain; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content, 1) if packed else content)
    return folder


def small_files():
    """Return four small files: 7 training and 5 test images of noise."""
    return {
        TRAIN_IMAGES: idx_images(7),
        TRAIN_LABELS: idx_labels([0, 1, 2, 3, 4, 5, 9]),
        TEST_IMAGES: idx_images(5, seed=1),
        TEST_LABELS: idx_labels([9, 8, 7, 6, 5]),
    }


def idx_images(n, seed=0, shape=None):
    pixels = np.random.RandomState(seed).randint(0, 256, (n, 28, 28))
    return idx(pixels, IMAGE_MAGIC, shape)


def idx_labels(labels):
    return idx(np.array(labels), LABEL_MAGIC)
