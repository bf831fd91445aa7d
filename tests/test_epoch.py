"""One pass over the batches."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd
from plain_nets import Constant, Watched

from vae_gluon import evaluate, mnist_iterators, train
from vae_gluon.training import epoch
from vae_gluon.training.history import Loss


def test_binarized_pixels_are_evaluated_when_asked_for(net, digits):
    _, test_iter = mnist_iterators(digits)
    assert evaluate(net, test_iter, binarize=True) != pytest.approx(evaluate(net, test_iter), 1e-4)


class Labelled(Constant):
    """Its loss is the distance of a label from ten times the first pixel."""

    takes_labels = True

    def hybrid_forward(self, F, x, y, weight):
        return F.abs(10 * F.slice_axis(x, axis=1, begin=0, end=1).reshape(-1) - y) + 0 * weight


@pytest.mark.parametrize("contexts", [1, 3])
def test_a_net_that_takes_labels_is_given_those_of_its_images(digits, contexts):
    digits = {name: array.copy() for name, array in digits.items()}
    for part in ("train", "test"):
        digits[f"{part}_data"][:, 0, 0, 0] = digits[f"{part}_label"] / 10
    iterators = mnist_iterators(digits, batch_size=299, shuffle=True)  # the last batch is of two
    ctx = [mx.cpu(i) for i in range(contexts)]
    history = train(Labelled(), *iterators, epochs=2, ctx=ctx, progress=False)
    assert history.train == history.val == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("n", "batch_size", "seen"),
    [(3000, 1500, [1500, 1500]), (2350, 100, [1000, 1000, 350]), (350, 512, [350])],
)
def test_evaluation_counts_each_image_once_in_large_batches(n, batch_size, seen):
    net, images = Watched(), nd.random.uniform(shape=(n, 1))
    net.initialize()
    loss = evaluate(net, mx.io.NDArrayIter(images, batch_size=batch_size))
    assert net.seen == [(n, False) for n in seen]
    assert loss == pytest.approx(images.asnumpy().mean(dtype=float), rel=1e-6)


def test_means_are_taken_in_double_precision():
    losses = np.random.default_rng(0).uniform(100, 200, 100_000).astype(np.float32)
    collected = epoch.LossQueue()
    collected.add([Loss(nd.array(losses))])
    assert collected.means().loss == pytest.approx(losses.astype(float).mean(), rel=1e-12)


@pytest.mark.parametrize(("batch_size", "waits"), [(100, 2), (1000, 2), (3000, 1)])
def test_queue_is_bounded_in_images(monkeypatch, batch_size, waits):
    """No more than 2,000 images, or a batch, are queued behind those that are waited for."""
    waited = []
    wait = nd.NDArray.wait_to_read
    monkeypatch.setattr(nd.NDArray, "wait_to_read", lambda x: waited.append(len(x)) or wait(x))
    losses = epoch.LossQueue()
    for _ in range(6000 // batch_size):
        losses.add([Loss(nd.zeros((batch_size,)))])
    losses.means()
    assert waited == [batch_size] * waits
