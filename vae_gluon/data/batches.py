"""Arrays -> ``NDArrayIter`` -> batches, each image once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import mxnet as mx
import numpy as np
from mxnet import gluon

from vae_gluon._checks import as_array, check_integer, check_pixels

# The images of a data set, as mx.test_utils.get_mnist() names them.
IMAGES = ("train_data", "test_data")


class ImageIter(mx.io.NDArrayIter):
    """The ``NDArrayIter`` that ``mnist_iterators`` makes, whose pixels have been checked."""

    _unshuffled = None

    def _shuffle_data(self) -> None:
        if self._unshuffled is None:
            self._unshuffled = self.data, self.label
        super()._shuffle_data()

    def restart(self) -> None:
        """Go back to the order of the constructor, which depends on NumPy's generator."""
        if self._unshuffled is not None:
            self.data, self.label = self._unshuffled
            self.idx = np.arange(self.num_data)
        self.reset()


def mnist_iterators(
    mnist: dict[str, np.ndarray], batch_size: int = 100, shuffle: bool = False
) -> tuple[mx.io.NDArrayIter, mx.io.NDArrayIter]:
    """Make the training and the test iterator, as the tutorial does.

    Parameters
    ----------
    mnist : dict
        What ``load_mnist`` or ``make_digits`` returns. The batches have the type of the images.
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
        labels: numbers, or names, in the place of which the iterators have numbers from 0.

    Raises
    ------
    ValueError
        If ``batch_size`` is not positive, a pixel is not in [0, 1], there are not as many labels as
        images, or ``mnist`` is not a dictionary with the arrays of images.
    """
    check_integer("batch_size", batch_size)
    if not isinstance(mnist, dict) or not mnist.keys() >= set(IMAGES):
        got = f"one of {list(mnist)}" if isinstance(mnist, dict) else type(mnist).__name__
        raise ValueError(
            f"expected a dictionary of {' and '.join(IMAGES)}, as load_mnist() and make_digits() "
            f"return, got {got}"
        )
    iterators = []
    for part in ("train", "test"):
        images = as_array(mnist[f"{part}_data"])
        check_pixels(f"{part}_data", images)
        dtype = images.dtype if images.dtype.kind == "f" else "float32"
        rows = mx.nd.array(images.reshape(len(images), -1), dtype=dtype)
        iterators.append(
            ImageIter(
                data={"data": rows},
                label=_labels(mnist, part),
                batch_size=int(batch_size),
                shuffle=shuffle and part == "train",
            )
        )
    return iterators[0], iterators[1]


def _labels(mnist: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray] | None:
    """Return the labels of a part, (N,), as NDArrayIter takes them: numbers."""
    name = f"{part}_label"
    if mnist.get(name) is None:
        return None
    labels, images = as_array(mnist[name]), mnist[f"{part}_data"]
    if labels.shape[:1] != (len(images),) or labels.dtype.kind not in "biufU":
        raise ValueError(
            f"{name}: expected {len(images)} numbers or names, got an array of shape "
            f"{labels.shape} of {labels.dtype}"
        )
    if labels.dtype.kind == "U":
        names = np.unique([*mnist.get("train_label", ()), *mnist.get("test_label", ())])
        labels = np.searchsorted(names, labels)
    return {"label": labels}


def batches(data_iter: mx.io.DataIter, ctx: mx.Context) -> Iterator[mx.nd.NDArray]:
    """Yield the batches of one pass through an iterator, (N, ...) each, on ``ctx``.

    Every image comes once: the padding of a short last batch is left out, so the last batch may
    be smaller than the others. Those of a ``DataLoader`` are flattened. An iterator with
    ``last_batch_handle="roll_over"`` must not be wrapped in another one, which would hide that
    attribute.
    """
    # With roll_over NDArrayIter gives a pad as well: the number of images kept from the epoch
    # before, which are images like any others.
    pads = getattr(data_iter, "last_batch_handle", "pad") == "pad"
    if isinstance(data_iter, gluon.data.DataLoader):
        for batch in data_iter:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            yield x.reshape((len(x), -1)).as_in_context(ctx)
        return
    data_iter.reset()
    images = data_iter.data[0][1] if type(data_iter) in (mx.io.NDArrayIter, ImageIter) else None
    if pads and isinstance(images, mx.nd.NDArray):
        # NDArrayIter copies the images and labels of each batch; a slice is a view.
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


def check_iterator(name: str, data_iter: mx.io.DataIter) -> None:
    """Raise a ValueError unless it is a ``DataIter`` or ``DataLoader`` of pixels in [0, 1].

    It is checked before training, so that the batches need not be: the array of an
    ``NDArrayIter`` as a whole, any other iterator by one pass through it.
    """
    if not isinstance(data_iter, (mx.io.DataIter, gluon.data.DataLoader)):
        raise ValueError(
            f"{name}: expected an mx.io.DataIter, as mnist_iterators makes them, or a Gluon "
            f"DataLoader, got {type(data_iter).__name__}"
        )
    if isinstance(data_iter, ImageIter):
        return
    images = data_iter.data[0][1] if isinstance(data_iter, mx.io.NDArrayIter) else None
    if isinstance(images, mx.nd.NDArray):  # and not one of h5py's, which need not fit into memory
        check_pixels(name, images)
        return
    for x in batches(data_iter, mx.cpu()):
        check_pixels(name, x)
