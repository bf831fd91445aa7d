"""Arrays -> ``NDArrayIter`` -> batches, each image once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import gluon

from vae_gluon._checks import check_integer, check_pixels
from vae_gluon.data.arrays import PARTS, as_dataset


class ImageIter(mx.io.NDArrayIter):
    """The ``NDArrayIter`` of ``mnist_iterators``, with checked pixels."""

    _in_order: tuple[Any, Any] | None = None  # data and labels before shuffling

    def _shuffle_data(self) -> None:
        self._in_order = self._in_order or (self.data, self.label)
        super()._shuffle_data()

    def restart(self) -> None:
        """Repeat the first shuffle, if NumPy's generator is back in the same state."""
        if self._in_order:
            self.data, self.label = self._in_order
            self.idx = np.arange(self.num_data)
        self.reset()

    def views(self, n: int) -> Iterator[list[mx.nd.NDArray]]:
        """Yield the batches of a pass without padding: images (N, n_output), if n is 2 labels too.

        They are views, where ``next`` copies.
        """
        self.reset()
        arrays = [array for _, array in self.data + self.label][:n]
        for start in range(0, self.num_data, self.batch_size):
            yield [array[start : start + self.batch_size] for array in arrays]


def mnist_iterators(
    dataset: Mapping[str, Any], batch_size: int = 100, shuffle: bool = False
) -> tuple[ImageIter, ImageIter]:
    """Make the training and test iterators, as in the tutorial.

    Parameters
    ----------
    dataset : dict
        From ``load_mnist``, ``load_images`` or ``make_digits``. The batches have the type of the
        images if it is floating-point, else float32.
    batch_size : int, default 100
        Images in a batch. ``NDArrayIter`` pads a short last batch; ``train`` and ``evaluate``
        drop the padding.
    shuffle : bool, default False
        Shuffle the training images before each epoch (with NumPy's global generator), unlike
        the tutorial.

    Returns
    -------
    (NDArrayIter, NDArrayIter)
        Over images flattened to (N, n_output), named ``data``, and their labels, if any, named
        ``label``: numbers, or names, which the iterators number from 0.

    Raises
    ------
    ValueError
        If ``batch_size`` is not positive, a pixel is not in [0, 1], the numbers of images and
        labels differ, or ``dataset`` is not a dictionary with arrays of images.
    """
    check_integer("batch_size", batch_size)
    if not isinstance(dataset, Mapping) or not {"train_data", "test_data"} <= dataset.keys():
        got = list(dataset) if isinstance(dataset, Mapping) else type(dataset).__name__
        raise ValueError(f"dataset: expected a dictionary of train_data and test_data, got {got}")
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

    Each is a list: images, (N, n_output), and with ``labels`` their labels, (N, ...). Every image
    comes once: the padding of a short last batch is dropped, so the last batch may be smaller. Do
    not wrap an iterator with ``last_batch_handle="roll_over"`` in another one, which would hide
    that attribute.

    Raise a ValueError if a pixel of a user's iterator is not in [0, 1], or there are no labels.
    """
    n = 1 + labels
    own = isinstance(data_iter, ImageIter)
    for x, *others in data_iter.views(n) if own else _checked_batches(data_iter, n):
        if labels and not others:
            raise ValueError("expected labels, which the net takes, got an iterator without them")
        batch = [x.reshape((len(x), -1)), *others]
        yield [array.as_in_context(ctx) for array in batch]


def _checked_batches(data_iter: mx.io.DataIter, n: int) -> Iterator[list[mx.nd.NDArray]]:
    """Yield the batches of a user's iterator without padding: images, if n is 2 labels too."""
    is_loader = isinstance(data_iter, gluon.data.DataLoader)
    if not is_loader:
        data_iter.reset()
    # With roll_over NDArrayIter also sets pad: to the number of images left from the previous
    # epoch, which must not be dropped.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    for batch in data_iter:
        if is_loader:
            arrays = list(batch[:n]) if isinstance(batch, (list, tuple)) else [batch]
        else:
            end = len(batch.data[0]) - (batch.pad or 0 if pads else 0)
            arrays = [array[:end] for array in [batch.data[0], *(batch.label or [])][:n]]
        # In NumPy: MXNet's operators would wait for the previous batches.
        check_pixels("a batch of the iterator", arrays[0].asnumpy())
        yield arrays


def sample_pixels(x: mx.nd.NDArray) -> mx.nd.NDArray:
    """Sample binary pixels: each is 1 with probability ``x``, its grey value in [0, 1].

    The result has the shape, type and device of ``x``, and depends on MXNet's seed.
    """
    uniform = mx.nd.random.uniform(shape=x.shape, ctx=x.context, dtype=x.dtype)
    # In single precision a few random numbers round up to 1, but a pixel of 1 must stay 1.
    return mx.nd.maximum(uniform < x, x == 1)


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless it is a ``DataIter`` or ``DataLoader``."""
    if not isinstance(data_iter, (mx.io.DataIter, gluon.data.DataLoader)):
        raise ValueError(
            f"{name}: expected an mx.io.DataIter, as mnist_iterators makes them, or a Gluon "
            f"DataLoader, got {type(data_iter).__name__}"
        )
