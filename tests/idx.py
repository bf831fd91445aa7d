"""Arrays as IDX files, for tests that read them."""

import gzip
import struct

import numpy as np

from vae_gluon.data import FILES, IMAGE_MAGIC, LABEL_MAGIC


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
