"""MNIST: IDX files on disk -> arrays -> NDArrayIter -> batches.

``load_mnist`` takes the place of ``mx.test_utils.get_mnist``, which the tutorial calls and whose
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

# Of a data set, as mx.test_utils.get_mnist() names them.
ARRAYS = ("train_data", "train_label", "test_data", "test_label")


class MNISTUnavailableError(FileNotFoundError):
    """MNIST is in none of the usual places, and no mirror could provide it."""


def load_mnist(root: str | os.PathLike | None = None) -> dict[str, np.ndarray]:
    """Load MNIST, or any data set in its format, from IDX files.

    Without ``root`` it looks in the folder that the environment variable ``VAE_GLUON_DATA``
    names, then in MXNet's cache (``datasets/mnist`` under ``MXNET_HOME``, by default
    ``~/.mxnet``). If the files are in neither, it downloads them into that cache, from the public
    mirrors or from the one that ``MXNET_GLUON_REPO`` names.

    Parameters
    ----------
    root : path, optional
        The folder of the four files, each plain or ``.gz``. Only their content is checked, so
        Fashion-MNIST and your own files in this format load too.

    Returns
    -------
    dict
        As ``mx.test_utils.get_mnist()`` returned it: ``train_data`` and ``test_data``,
        float32 in [0, 1], (N, 1, 28, 28); ``train_label`` and ``test_label``, int8 from
        0 to 9, (N,).

    Raises
    ------
    FileNotFoundError
        If ``root`` has none of the files, a folder has only some of the four, or
        ``VAE_GLUON_DATA`` does not name a folder.
    MNISTUnavailableError
        If MNIST is in neither folder and cannot be downloaded (a FileNotFoundError too).
    ValueError
        If a file is not what its name says. The message names the file, what was found and what
        was expected.
    """
    return _read_files(_find_files(locate_mnist(root)))


def locate_mnist(root: str | os.PathLike | None = None) -> Path:
    """Return the folder that ``load_mnist`` reads, downloading the files if there is none yet.

    ``root`` and the errors about missing files are those of ``load_mnist``.
    """
    if root is not None:
        return _check_folder(Path(root).expanduser())
    cache = Path(mx.base.data_dir(), "datasets", "mnist").expanduser()
    looked_in = [*_named_folder(), cache]
    for folder in looked_in:
        if _find_files(folder) is not None:
            return folder
    try:
        download_mnist(cache)
    except OSError as error:
        raise MNISTUnavailableError(
            f"MNIST is not in {' or '.join(map(str, looked_in))}, and could not be "
            f"downloaded: {error}. Put {_file_names()} (each plain or .gz) into one folder "
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
        Images in a batch. ``NDArrayIter`` pads a short last batch; ``train`` and ``evaluate``
        leave the padding out.
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
        If ``batch_size`` is not positive, a pixel is not in [0, 1], the labels are not as many
        as the images, or ``mnist`` is not a dictionary of the four arrays.
    """
    check_integer("batch_size", batch_size)
    if not isinstance(mnist, dict) or not mnist.keys() >= set(ARRAYS):
        got = f"one of {list(mnist)}" if isinstance(mnist, dict) else type(mnist).__name__
        raise ValueError(
            f"expected a dictionary of {', '.join(ARRAYS)}, as load_mnist() and make_digits() "
            f"return, got {got}"
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
    """Yield the batches of one pass through an iterator, (N, ...) each, on ``ctx``.

    Every image comes once: the padding of a short last batch is left out, so the last batch may
    be smaller than the others. An iterator with ``last_batch_handle="roll_over"`` must not be
    wrapped in another one, which would hide that attribute.
    """
    # With roll_over NDArrayIter gives a pad as well: the number of images kept from the epoch
    # before, which are images like any others.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    data_iter.reset()
    if pads and _is_plain(data_iter):
        # NDArrayIter copies the images and labels of each batch; a slice is a view.
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
    """Draw binary pixels: each is 1 with probability ``x``, its grey value in [0, 1].

    They have the shape, type and device of ``x``, and depend on MXNet's seed.
    """
    uniform = mx.nd.random.uniform(shape=x.shape, ctx=x.context, dtype=x.dtype)
    # In single precision a few of the numbers are rounded up to 1, and a pixel of 1 has to stay 1.
    return mx.nd.maximum(uniform < x, x == 1)


def _is_plain(data_iter):
    """Return whether an iterator gives the rows of a dense array, in order and unchanged."""
    if not isinstance(data_iter, mx.io.NDArrayIter):
        return False
    # A subclass may change the batches.
    methods = ("__next__", "next", "iter_next", "getdata")
    own = [
        getattr(type(data_iter), name) is not getattr(mx.io.NDArrayIter, name) for name in methods
    ]
    return not any(own) and data_iter.data[0][1].__class__ is mx.nd.NDArray


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless ``data_iter`` is a ``DataIter`` with all pixels in [0, 1].

    It is checked before training, so that the batches need not be: the array of an
    ``NDArrayIter`` as a whole, any other iterator by one pass through it.
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


def _file_names():
    return ", ".join(name for name, _ in FILES.values())


def _named_folder():
    """Return the folder that ``VAE_GLUON_DATA`` names in a list, empty if it is not set."""
    if not os.environ.get("VAE_GLUON_DATA"):
        return []
    folder = Path(os.environ["VAE_GLUON_DATA"]).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"VAE_GLUON_DATA names {folder}: no such folder")
    return [folder]


def _check_folder(folder):
    """Return ``folder``, or raise a FileNotFoundError unless it has the four files."""
    if _find_files(folder) is None:
        found = "none of them" if folder.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"expected {_file_names()} (each plain or .gz) in {folder}, found {found}"
        )
    return folder


def _find_files(folder):
    """Return the paths of the four files in ``folder``, None if it has none of them."""
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


def _read_files(paths):
    """Read the four files; check that the labels are as many as the images."""
    mnist = {}
    for part in ("train", "test"):
        images_path, labels_path = paths[f"{part}_data"], paths[f"{part}_label"]
        images = read_images(images_path)
        labels = read_labels(labels_path)
        if len(images) != len(labels):
            raise ValueError(
                f"{images_path} holds {len(images)} images and {labels_path} {len(labels)} labels: "
                "expected one label for each image"
            )
        mnist[f"{part}_data"], mnist[f"{part}_label"] = images, labels
    return mnist
