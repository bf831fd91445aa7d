"""MNIST: IDX files on disk -> arrays -> NDArrayIter -> batches.

``load_mnist`` stands where the tutorial called ``mx.test_utils.get_mnist``, whose
download is gone.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import shutil
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet.gluon.utils import download
from tqdm import tqdm

# The files by their names in the result of load_mnist, with the SHA-1 that MXNet
# publishes for each (mxnet/gluon/data/vision/datasets.py).
FILES = {
    "train_data": ("train-images-idx3-ubyte", "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d"),
    "train_label": ("train-labels-idx1-ubyte", "2a80914081dc54586dbdf242f9805a6b8d2a15fc"),
    "test_data": ("t10k-images-idx3-ubyte", "c3a25af1f52dad7f726cce8cacb138654b760d48"),
    "test_label": ("t10k-labels-idx1-ubyte", "763e7fa3757d93b0cdec073cef058b2004252c17"),
}
DOWNLOAD_BYTES = 11_594_722  # the four .gz files together

MXNET_REPO = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
MIRRORS = (
    MXNET_REPO + "gluon/dataset/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PATIENCE = 18.0  # seconds that all mirrors together may stay silent

IMAGE_MAGIC = 2051  # 0x00000803: unsigned bytes in three dimensions
LABEL_MAGIC = 2049  # 0x00000801: unsigned bytes in one dimension
SIDE = 28
N_CLASSES = 10
CHUNK = 1 << 20


class MNISTUnavailableError(FileNotFoundError):
    """MNIST is in none of the usual places, and no mirror could deliver it."""


def load_mnist(root: str | os.PathLike | None = None) -> dict[str, np.ndarray]:
    """Load MNIST, or any data set in its format, from IDX files.

    Without ``root`` it looks in ``$VAE_GLUON_DATA``, then in MXNet's cache
    (``datasets/mnist`` under ``$MXNET_HOME``, else under ``~/.mxnet``); if the files
    are in neither, it downloads them into that cache. ``MXNET_GLUON_REPO`` names a
    mirror to ask instead of the public ones.

    Parameters
    ----------
    root : path, optional
        The folder of the four files, each plain or ``.gz``. They are judged by their
        content, so Fashion-MNIST and one's own files in this format load too.

    Returns
    -------
    dict
        What ``mx.test_utils.get_mnist()`` returned: ``train_data`` and ``test_data``,
        float32 in [0, 1], (N, 1, 28, 28); ``train_label`` and ``test_label``, int8 from
        0 to 9, (N,).

    Raises
    ------
    FileNotFoundError
        If ``root`` holds no such files, or some folder holds only some of the four.
    MNISTUnavailableError
        If MNIST is in no folder and cannot be downloaded (a FileNotFoundError too).
    ValueError
        If a file is not what its name says: the message names the file, what was
        found and what was expected.
    """
    if root is not None:
        folder = Path(root).expanduser()
        paths = _find(folder)
        if paths is None:
            raise FileNotFoundError(
                f"expected {_names()} (each plain or .gz) in {folder}, found "
                + ("none of them" if folder.is_dir() else "no such folder")
            )
        return _load(paths)

    cache = Path(mx.base.data_dir(), "datasets", "mnist")
    looked_in = [cache]
    if os.environ.get("VAE_GLUON_DATA"):
        looked_in.insert(0, Path(os.environ["VAE_GLUON_DATA"]).expanduser())
    for folder in looked_in:
        paths = _find(folder)
        if paths is not None:
            return _load(paths)
    try:
        _download_all(cache)
    except OSError as error:
        raise MNISTUnavailableError(
            f"MNIST is not in {' or '.join(map(str, looked_in))}, and could not be "
            f"downloaded: {error}. Put {_names()} (each plain or .gz) into one folder "
            "and name it, by load_mnist(root) or VAE_GLUON_DATA"
        ) from error
    return _load(_find(cache))


def mnist_iterators(
    mnist: dict[str, np.ndarray], batch_size: int = 100, shuffle: bool = False
) -> tuple[mx.io.NDArrayIter, mx.io.NDArrayIter]:
    """Make the training and the test iterator, as the tutorial does.

    Parameters
    ----------
    mnist : dict
        What ``load_mnist`` or ``make_digits`` returns.
    batch_size : int, default 100
        Images in a batch. ``NDArrayIter`` fills up a last, short batch; ``batches``
        takes the filling off again.
    shuffle : bool, default False
        Shuffle the training images anew each epoch (with NumPy's global generator).
        The tutorial does not.

    Returns
    -------
    (NDArrayIter, NDArrayIter)
        Over images flattened to (N, 784), named ``data``, and their ``label``.

    Raises
    ------
    ValueError
        If a pixel is not in [0, 1].
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"expected batch_size to be an integer of at least 1, got {batch_size!r}")
    iterators = []
    for part in ("train", "test"):
        images = mnist[f"{part}_data"]
        check_pixels(f"{part}_data", images)
        iterators.append(
            mx.io.NDArrayIter(
                data={"data": images.reshape(len(images), -1)},
                label={"label": mnist[f"{part}_label"]},
                batch_size=batch_size,
                shuffle=shuffle and part == "train",
            )
        )
    return tuple(iterators)


def batches(data_iter: mx.io.DataIter, ctx: mx.Context) -> Iterator[mx.nd.NDArray]:
    """Go once through an iterator, from its beginning: batches of images on ``ctx``.

    Each image comes once: the rows that fill up a last batch are left out, so that the
    last batch may be shorter than the others.
    """
    # An iterator that rolls over calls the rows it kept from the last epoch padding.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    data_iter.reset()
    for batch in data_iter:
        x = batch.data[0]
        if pads and batch.pad:
            x = x[: len(x) - batch.pad]
        yield x.as_in_context(ctx)


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless all pixels of an iterator are in [0, 1].

    The arrays of an ``NDArrayIter`` are looked at whole; another iterator is run through
    once, so that training need not look at every batch again.
    """
    if isinstance(data_iter, mx.io.NDArrayIter):
        check_pixels(name, data_iter.data[0][1])
        return
    for x in batches(data_iter, mx.cpu()):
        check_pixels(name, x)


def check_pixels(name: str, images: np.ndarray | mx.nd.NDArray) -> None:
    """Raise a ValueError unless there are images and all their pixels are in [0, 1]."""
    if 0 in images.shape:
        raise ValueError(f"{name}: expected images, got none: the shape is {images.shape}")
    # NaN is neither less nor more than anything, but min and max pass it on.
    low, high = (float(value) for value in (_numpy(images.min()), _numpy(images.max())))
    if not (low >= 0 and high <= 1):
        found = "NaN" if math.isnan(low) or math.isnan(high) else f"from {low:g} to {high:g}"
        raise ValueError(f"{name}: expected pixels in [0, 1], got {found}")


def _numpy(value):
    return value.asscalar() if isinstance(value, mx.nd.NDArray) else value


# Reading


def _names():
    return ", ".join(name for name, _ in FILES.values())


def _find(folder):
    """Return the four paths in ``folder``, None if it has none of the files."""
    found = {}
    for key, (name, _) in FILES.items():
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                found[key] = path
                break
    missing = [name for key, (name, _) in FILES.items() if key not in found]
    if found and missing:
        raise FileNotFoundError(
            f"{folder} holds {len(found)} of the four files: {', '.join(missing)} (plain or .gz) "
            f"not found beside {', '.join(path.name for path in found.values())}"
        )
    return found or None


def _load(paths):
    """Read the four files and see that images and labels agree in number."""
    mnist = {}
    for part in ("train", "test"):
        images_path, labels_path = paths[f"{part}_data"], paths[f"{part}_label"]
        images = _read_images(images_path)
        labels = _read_labels(labels_path)
        if len(images) != len(labels):
            raise ValueError(
                f"{images_path} holds {len(images)} images and {labels_path} {len(labels)} labels: "
                "expected as many of one as of the other"
            )
        mnist[f"{part}_data"], mnist[f"{part}_label"] = images, labels
    return mnist


def _read_images(path):
    """Read an IDX file of images: float32 in [0, 1], (N, 1, 28, 28)."""
    pixels, (n, *sides) = _read_idx(path, IMAGE_MAGIC, n_dims=3, item_shape=(SIDE, SIDE))
    # One pass, and to the last bit what astype(float32) / 255 gives.
    return np.divide(pixels, np.float32(255), dtype=np.float32).reshape(n, 1, *sides)


def _read_labels(path):
    """Read an IDX file of labels: int8 from 0 to 9, (N,)."""
    labels, _ = _read_idx(path, LABEL_MAGIC, n_dims=1, item_shape=())
    if labels.max() >= N_CLASSES:
        raise ValueError(f"{path}: expected labels from 0 to {N_CLASSES - 1}, found {labels.max()}")
    return labels.astype(np.int8)


def _read_idx(path, magic, n_dims, item_shape):
    """Read the bytes and the shape of an IDX file, which must be just as its header says.

    The format is described with MNIST itself (http://yann.lecun.com/exdb/mnist/): a magic
    number and each dimension as big-endian 32-bit integers, then a byte for each item.
    """
    header_size = 4 * (1 + n_dims)
    with _open(path) as file:
        try:
            header = file.read(header_size)
            if len(header) < header_size:
                raise ValueError(
                    f"{path}: expected an IDX header of {header_size} bytes, "
                    f"found only {len(header)} bytes"
                )
            found_magic, *shape = (int(number) for number in np.frombuffer(header, ">u4"))
            if found_magic != magic:
                raise ValueError(
                    f"{path}: expected an IDX file with magic number {magic}, "
                    f"found {found_magic} (the file begins with {header[:4]!r})"
                )
            if shape[0] == 0 or tuple(shape[1:]) != item_shape:
                raise ValueError(
                    f"{path}: expected the shape {('N', *item_shape)} with N of at least 1, "
                    f"found {tuple(shape)}"
                )
            data = _read_at_most(file, math.prod(shape) + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: expected a whole gzip file, found a broken one: {error}"
            ) from error
    if len(data) != math.prod(shape):
        found = f"only {len(data)}" if len(data) < math.prod(shape) else "more"
        raise ValueError(
            f"{path}: expected {math.prod(shape)} bytes after the header, for the shape "
            f"{tuple(shape)} that it gives, found {found}"
        )
    return np.frombuffer(data, np.uint8), shape


def _open(path):
    """Open a file for its content, unpacking it if it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def _read_at_most(file, size):
    """Read up to ``size`` bytes, using memory only for those that are there.

    ``file.read(size)`` sets aside ``size`` bytes first, and a header may claim anything.
    """
    data = io.BytesIO()
    while size > data.tell():
        chunk = file.read(min(CHUNK, size - data.tell()))
        if not chunk:
            break
        data.write(chunk)
    return data.getvalue()


# Downloading


def _download_all(folder):
    """Download the four files into ``folder``, all of them or none.

    They arrive in a temporary folder beside their place, and move when all are there and
    have the published checksums.
    """
    own_repo = os.environ.get("MXNET_GLUON_REPO")
    mirrors = (own_repo.rstrip("/") + "/gluon/dataset/mnist/",) if own_repo else MIRRORS
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        arrivals = Path(tempfile.mkdtemp(dir=folder, prefix="download-"))
        try:
            failure = _fetch_all(mirror, arrivals, PATIENCE / len(mirrors))
            if failure is None:
                for path in arrivals.iterdir():
                    path.replace(folder / path.name)
                return
        finally:
            shutil.rmtree(arrivals, ignore_errors=True)
        failures.append(f"{mirror} {failure}")
    raise ConnectionError("; ".join(failures))


def _fetch_all(mirror, arrivals, patience):
    """Download from one mirror; return None, or why it failed.

    MXNet's downloader knows no timeout, so it runs in a thread of its own, which is left
    alone when no byte has come for ``patience`` seconds: what it may still write, it writes
    to a folder that is gone.
    """
    outcome = {}

    def fetch():
        try:
            for name, sha1 in FILES.values():
                path = arrivals / f"{name}.gz"
                download(mirror + path.name, path=str(path), sha1_hash=sha1, retries=0)
            outcome["failure"] = None
        # The downloader raises many things, and a thread has nobody else to tell.
        except Exception as error:
            outcome["failure"] = _explain(error)

    thread = threading.Thread(target=fetch, name="MNIST download", daemon=True)
    last_byte = time.monotonic()
    # The bar says what the downloader would print, so that is caught (from here and not
    # from the thread, which may never end).
    silence = contextlib.redirect_stdout(io.StringIO())
    title = f"MNIST from {mirror}"
    with silence, tqdm(total=DOWNLOAD_BYTES, unit="B", unit_scale=True, desc=title) as bar:
        thread.start()
        while thread.is_alive():
            thread.join(0.05)
            arrived = _bytes_in(arrivals)
            if arrived > bar.n:
                last_byte = time.monotonic()
                bar.update(arrived - bar.n)
            elif time.monotonic() - last_byte > patience:
                return f"sent nothing for {patience:.0f} s"
    return outcome["failure"]


def _bytes_in(folder):
    """Count the bytes that have arrived so far, under a temporary name or their own."""
    count = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # renamed since it was listed
            count += path.stat().st_size
    return count


def _explain(error):
    """Say in a few words why MXNet's downloader failed."""
    if isinstance(error, UserWarning):
        return "sent a file whose checksum is not the published one"
    if isinstance(error, RuntimeError):
        return "does not have the files"
    if isinstance(error, OSError) and error.errno is None:  # those of requests have no number
        return "could not be reached"
    return f"failed with {type(error).__name__}: {error}"
