"""Arrays -> ``NDArrayIter`` -> batches, each image once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import gluon

from vae_gluon._checks import check_integer, check_pixels
from vae_gluon.data.arrays import PARTS, as_dataset

# The images of a data set, as mx.test_utils.get_mnist() names them.
IMAGES = ("train_data", "test_data")


class ImageIter(mx.io.NDArrayIter):
    """The ``NDArrayIter`` that ``mnist_iterators`` makes: its pixels have been checked."""

    _in_order: tuple[Any, Any] | None = None  # the data and labels of an iterator that shuffles

    def _shuffle_data(self) -> None:
        self._in_order = self._in_order or (self.data, self.label)
        super()._shuffle_data()

    def restart(self) -> None:
        """Shuffle as when the iterator was made, if NumPy's generator has the state of then."""
        if self._in_order:
            self.data, self.label = self._in_order
            self.idx = np.arange(self.num_data)
        self.reset()


def mnist_iterators(
    dataset: Mapping[str, Any], batch_size: int = 100, shuffle: bool = False
) -> tuple[ImageIter, ImageIter]:
    """Make the training and the test iterator, as the tutorial does.

    Parameters
    ----------
    dataset : dict
        What ``load_mnist``, ``load_images`` or ``make_digits`` returns. The batches have the type
        of the images, if it is floating-point, else float32.
    batch_size : int, default 100
        Images in a batch. ``NDArrayIter`` pads a short last batch; ``train`` and ``evaluate``
        leave the padding out.
    shuffle : bool, default False
        Shuffle the training images anew each epoch (with NumPy's global generator).
        The tutorial does not.

    Returns
    -------
    (NDArrayIter, NDArrayIter)
        Over images flattened to (N, n_output), named ``data``, and their ``label``, if they have
        labels: numbers, or names, which the iterators number from 0.

    Raises
    ------
    ValueError
        If ``batch_size`` is not positive, a pixel is not in [0, 1], there are not as many labels as
        images, or ``dataset`` is not a dictionary with the arrays of images.
    """
    check_integer("batch_size", batch_size)
    if not isinstance(dataset, Mapping) or any(dataset.get(name) is None for name in IMAGES):
        got = list(dataset) if isinstance(dataset, Mapping) else type(dataset).__name__
        raise ValueError(f"dataset: expected a dictionary of {' and '.join(IMAGES)}, got {got}")
    arrays = as_dataset(dataset)
    texts = [array for array in arrays.values() if array.dtype.kind == "U"]
    names = np.unique(np.concatenate(texts)) if texts else np.array([])
    iterators = []
    for part in PARTS:
        images, labels = arrays[f"{part}_data"], arrays.get(f"{part}_label")
        if labels is not None and labels.dtype.kind == "U":
            labels = np.searchsorted(names, labels)
        dtype = images.dtype.name if images.dtype.type in (np.float16, np.float64) else "float32"
        rows = mx.nd.array(images.reshape(len(images), -1), dtype=dtype)
        iterators.append(
            ImageIter(
                data={"data": rows},
                label=None if labels is None else {"label": labels},
                batch_size=int(batch_size),
                shuffle=shuffle and part == "train",
            )
        )
    return iterators[0], iterators[1]


def batches(
    data_iter: mx.io.DataIter, ctx: mx.Context, labels: bool = False
) -> Iterator[list[mx.nd.NDArray]]:
    """Yield the batches of one pass through an iterator, on ``ctx``.

    Each is a list of the images, (N, n_output), and with ``labels`` of their labels, (N, ...).
    Every image comes once: the padding of a short last batch is left out, so the last batch may
    be smaller than the others. An iterator with ``last_batch_handle="roll_over"`` must not be
    wrapped in another one, which would hide that attribute.

    Raises
    ------
    ValueError
        If a pixel is not in [0, 1], in a batch of an iterator that ``check_iterator`` cannot check,
        or there are no labels.
    """
    checked = isinstance(data_iter, ImageIter) or _array_of(data_iter) is not None
    for x, *others in _whole_batches(data_iter, labels):
        if labels and not others:
            raise ValueError("expected labels, which the net takes, got an iterator without them")
        if not checked:
            # In NumPy: MXNet's operators would wait for those of the batches before.
            check_pixels("a batch of the iterator", x.asnumpy())
        batch = [x.reshape((len(x), -1)), *others]
        yield [array.as_in_context(ctx) for array in batch]


def _array_of(data_iter: mx.io.DataIter) -> mx.nd.NDArray | None:
    """Return the images of an ``NDArrayIter``; None, if it has others, such as h5py's."""
    images = data_iter.data[0][1] if isinstance(data_iter, mx.io.NDArrayIter) else None
    return images if isinstance(images, mx.nd.NDArray) else None


def _whole_batches(data_iter: mx.io.DataIter, labels: bool) -> Iterator[list[mx.nd.NDArray]]:
    """Yield the images of each batch, (N, ...), and its labels if there are any, without padding.

    Without ``labels`` the images alone.
    """
    n = 1 + labels
    if isinstance(data_iter, gluon.data.DataLoader):
        for batch in data_iter:
            yield list(batch[:n]) if isinstance(batch, (list, tuple)) else [batch]
        return
    # With roll_over NDArrayIter gives a pad as well: the number of images kept from the epoch
    # before, which are images like any others.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    data_iter.reset()
    images = _array_of(data_iter) if type(data_iter) in (mx.io.NDArrayIter, ImageIter) else None
    if pads and images is not None:
        # NDArrayIter copies the images and labels of each batch; a slice is a view.
        arrays = [images, *(label for _, label in data_iter.label)][:n]
        for start in range(0, len(images), data_iter.batch_size):
            yield [array[start : start + data_iter.batch_size] for array in arrays]
        return
    for batch in data_iter:
        arrays = [batch.data[0], *(batch.label or [])][:n]
        pad = batch.pad if pads else 0
        yield [x[: len(x) - pad] for x in arrays] if pad else arrays


def sample_pixels(x: mx.nd.NDArray) -> mx.nd.NDArray:
    """Sample binary pixels: each is 1 with probability ``x``, its grey value in [0, 1].

    They have the shape, type and device of ``x``, and depend on MXNet's seed.
    """
    uniform = mx.nd.random.uniform(shape=x.shape, ctx=x.context, dtype=x.dtype)
    # In single precision a few of the numbers are rounded up to 1, and a pixel of 1 has to stay 1.
    return mx.nd.maximum(uniform < x, x == 1)


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless it is a ``DataIter`` or ``DataLoader``, of pixels in [0, 1].

    The pixels are checked here if they are in an array, otherwise in ``batches``.
    """
    if not isinstance(data_iter, (mx.io.DataIter, gluon.data.DataLoader)):
        raise ValueError(
            f"{name}: expected an mx.io.DataIter, as mnist_iterators makes them, or a Gluon "
            f"DataLoader, got {type(data_iter).__name__}"
        )
    images = None if isinstance(data_iter, ImageIter) else _array_of(data_iter)
    if images is not None:
        check_pixels(name, images)
