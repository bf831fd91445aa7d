"""MNIST: IDX files on disk -> arrays -> NDArrayIter -> batches.

``load_mnist`` stands where the tutorial called ``mx.test_utils.get_mnist``, whose
download is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import mxnet as mx
import numpy as np

from vae_gluon.checks import check_integer, check_pixels
from vae_gluon.download import FILES, download_mnist
from vae_gluon.idx import read_images, read_labels


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
        If ``root`` holds no such files, some folder holds only some of the four, or
        ``VAE_GLUON_DATA`` names no folder.
    MNISTUnavailableError
        If MNIST is in no folder and cannot be downloaded (a FileNotFoundError too).
    ValueError
        If a file is not what its name says: the message names the file, what was
        found and what was expected.
    """
    return _load(_find(locate_mnist(root)))


def locate_mnist(root: str | os.PathLike | None = None) -> Path:
    """Return the folder that ``load_mnist`` reads, after a download if there is none yet.

    Parameters and errors about missing files are those of ``load_mnist``.
    """
    if root is not None:
        folder = Path(root).expanduser()
        if _find(folder) is None:
            raise FileNotFoundError(
                f"expected {_names()} (each plain or .gz) in {folder}, found "
                + ("none of them" if folder.is_dir() else "no such folder")
            )
        return folder

    cache = Path(mx.base.data_dir(), "datasets", "mnist").expanduser()
    looked_in = [cache]
    if os.environ.get("VAE_GLUON_DATA"):
        named = Path(os.environ["VAE_GLUON_DATA"]).expanduser()
        if not named.is_dir():
            raise FileNotFoundError(f"VAE_GLUON_DATA names {named}: no such folder")
        looked_in.insert(0, named)
    for folder in looked_in:
        if _find(folder) is not None:
            return folder
    try:
        download_mnist(cache)
    except OSError as error:
        raise MNISTUnavailableError(
            f"MNIST is not in {' or '.join(map(str, looked_in))}, and could not be "
            f"downloaded: {error}. Put {_names()} (each plain or .gz) into one folder "
            "and name it, by load_mnist(root) or VAE_GLUON_DATA; or go on with make_digits(), "
            "which needs no files"
        ) from error
    return cache


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
        If a pixel is not in [0, 1], there are not as many labels as images, or ``mnist`` is
        no dictionary.
    """
    check_integer("batch_size", batch_size)
    if not isinstance(mnist, dict):
        raise ValueError(
            "expected the dictionary that load_mnist() or make_digits() returns, "
            f"got {type(mnist).__name__}"
        )
    iterators = []
    for part in ("train", "test"):
        images, labels = mnist[f"{part}_data"], mnist[f"{part}_label"]
        check_pixels(f"{part}_data", images)
        if len(labels) != len(images):
            raise ValueError(f"{part}: expected {len(images)} labels, got {len(labels)}")
        iterators.append(
            mx.io.NDArrayIter(
                data={"data": images.reshape(len(images), -1)},
                label={"label": labels},
                batch_size=int(batch_size),
                shuffle=shuffle and part == "train",
            )
        )
    return tuple(iterators)


def batches(data_iter: mx.io.DataIter, ctx: mx.Context) -> Iterator[mx.nd.NDArray]:
    """Go once through an iterator, from its beginning: batches of images on ``ctx``.

    Each image comes once: the rows that fill up a last batch are left out, so that the
    last batch may be shorter than the others. An iterator that rolls over must not be wrapped
    in another one, which hides that it does.
    """
    # NDArrayIter gives a pad also where it rolls over: the number of rows that it kept from
    # the epoch before, which are images like the others.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    data_iter.reset()
    if pads and _is_plain(data_iter):
        # Its own way to a batch copies images and labels; a view of the array copies nothing.
        images = data_iter.data[0][1]
        for begin in range(0, len(images), data_iter.batch_size):
            yield images[begin : begin + data_iter.batch_size].as_in_context(ctx)
        return
    for batch in data_iter:
        x = batch.data[0]
        if pads and batch.pad:
            x = x[: len(x) - batch.pad]
        yield x.as_in_context(ctx)


def draw_pixels(x: mx.nd.NDArray) -> mx.nd.NDArray:
    """Draw binary pixels, each 1 with the probability that its grey in [0, 1] gives.

    They have the shape, type and device of ``x``, and depend on MXNet's seed.
    """
    # A uniform number is below 1 and may be 0: white stays 0, black stays 1.
    return mx.nd.random.uniform(shape=x.shape, ctx=x.context, dtype=x.dtype) < x


def _is_plain(data_iter):
    """Say whether these are the rows of a dense array in their order, and nothing else."""
    if not isinstance(data_iter, mx.io.NDArrayIter):
        return False
    # One that is derived from NDArrayIter may change its batches on their way.
    ways = ("__next__", "next", "iter_next", "getdata")
    own = [getattr(type(data_iter), way) is not getattr(mx.io.NDArrayIter, way) for way in ways]
    return not any(own) and data_iter.data[0][1].__class__ is mx.nd.NDArray


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless this is a ``DataIter`` and all its pixels are in [0, 1].

    The arrays of an ``NDArrayIter`` are looked at whole; another iterator is run through
    once, so that training need not look at every batch again.
    """
    if not isinstance(data_iter, mx.io.DataIter):
        raise ValueError(
            f"{name}: expected an mx.io.DataIter, as mnist_iterators makes them, "
            f"got {type(data_iter).__name__}"
        )
    if isinstance(data_iter, mx.io.NDArrayIter):
        check_pixels(name, data_iter.data[0][1])
        return
    for x in batches(data_iter, mx.cpu()):
        check_pixels(name, x)


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
            f"not found beside {', '.join(path.name for path in found.values())}. Add what is "
            "missing, or take the others away"
        )
    return found or None


def _load(paths):
    """Read the four files and see that images and labels agree in number."""
    mnist = {}
    for part in ("train", "test"):
        images_path, labels_path = paths[f"{part}_data"], paths[f"{part}_label"]
        images = read_images(images_path)
        labels = read_labels(labels_path)
        if len(images) != len(labels):
            raise ValueError(
                f"{images_path} holds {len(images)} images and {labels_path} {len(labels)} labels: "
                "expected as many of one as of the other"
            )
        mnist[f"{part}_data"], mnist[f"{part}_label"] = images, labels
    return mnist
